//! THE list of backends, and the stores they are examined over.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use duroxide::providers::{Provider, sqlite::SqliteProvider};
use duroxide_exporter::{ManagementAPI, ProviderManagement, connect};
use scenarios::{
    content, disk,
    files::Scratch,
    store::Store,
    stores::{EXPORTED, Fresh, Kind},
    truth::Truth,
    workload,
};

use crate::{
    subject::{Order, Reading, Subject},
    suite,
};

/// A file that is there in every form a backend may want.
pub(crate) struct File {
    _scratch: Scratch,
    path: PathBuf,
    copy: PathBuf,
    provider: Arc<SqliteProvider>,
}

impl File {
    /// With everything in it.
    async fn create() -> Self {
        let scratch = Scratch::new();
        let (path, copy) = (scratch.file("store.db"), scratch.file("copy.db"));
        let provider = workload::open(&path).await;
        content::fill(&path, provider.clone()).await;
        disk::copy_at_rest(&path, &copy).await;
        Self { _scratch: scratch, path, copy, provider }
    }
}

/// A schema of Postgres, the same.
pub(crate) struct Schema {
    fresh: Fresh,
    provider: Arc<dyn Provider>,
}

impl Schema {
    async fn create(kind: Kind) -> Self {
        let fresh = kind.create().await;
        let provider = fresh.store.provider().await;
        content::fill(&fresh.store, provider.clone()).await;
        Self { fresh, provider }
    }
}

/// One way to read a store.
pub(crate) struct Backend<S> {
    name: &'static str,
    open: fn(&S) -> Arc<dyn ManagementAPI>,
    order: Order,
    tolerant: bool,
    reading: Reading,
}

/// All of them over a file.
pub(crate) const FILE: [Backend<File>; 4] = [
    Backend {
        name: "sqlite, live file",
        open: |store| connect(&format!("sqlite:{}", store.path.display())).unwrap(),
        order: Order::Exact,
        tolerant: true,
        reading: Reading::Live,
    },
    Backend {
        name: "sqlite, replica copy",
        open: |store| connect(&format!("sqlite:{}?replica=true", store.copy.display())).unwrap(),
        order: Order::Exact,
        tolerant: true,
        reading: Reading::Copy,
    },
    Backend {
        name: "provider",
        open: |store| store.provider.clone(),
        order: Order::ByTime,
        tolerant: false,
        reading: Reading::Live,
    },
    Backend {
        name: "ProviderManagement",
        open: |store| Arc::new(ProviderManagement::new(store.provider.clone() as Arc<dyn Provider>)),
        order: Order::ByTime,
        tolerant: false,
        reading: Reading::Live,
    },
];

/// Over a schema of Postgres, of either provider: through that provider.
pub(crate) const SCHEMA: [Backend<Schema>; 1] = [Backend {
    name: "ProviderManagement",
    open: |store| Arc::new(ProviderManagement::new(store.provider.clone())),
    order: Order::ByTime,
    tolerant: false,
    reading: Reading::Live,
}];

/// The exporter's own, where it reads stores of that kind.
pub(crate) const SCHEMA_BY_OURSELVES: [Backend<Schema>; 2] = [
    Backend {
        name: "postgres, primary",
        open: |store| connect(&store.fresh.store.url()).unwrap(),
        order: Order::Exact,
        tolerant: true,
        reading: Reading::Live,
    },
    Backend {
        name: "postgres, standby",
        open: |store| connect(&store.fresh.on_standby().url()).unwrap(),
        order: Order::Exact,
        tolerant: true,
        reading: Reading::Standby,
    },
];

/// Examines some backends over one store.
async fn examine<S>(kind: &str, place: &S, store: &Store, backends: impl IntoIterator<Item = Backend<S>>) {
    let truth = Arc::new(Truth::read(store).await);
    suite::assert_rich(&truth);
    let mut failures = Vec::new();
    for backend in backends {
        let subject = Arc::new(Subject {
            name: format!("{kind}, {}", backend.name),
            api: (backend.open)(place),
            truth: Arc::clone(&truth),
            order: backend.order,
            tolerant: backend.tolerant,
            reading: backend.reading,
        });
        failures.extend(suite::run(&subject).await);
    }
    assert!(failures.is_empty(), "failed (see above for each): {failures:#?}");
}

async fn examine_schema(kind: Kind) {
    let place = Schema::create(kind).await;
    let ours = SCHEMA_BY_OURSELVES.into_iter().filter(|_| EXPORTED.contains(&kind));
    let store = &place.fresh.store;
    examine(&store.to_string(), &place, store, SCHEMA.into_iter().chain(ours)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_every_backend_is_what_the_rows_of_sqlite_say() {
    let place = File::create().await;
    examine("sqlite", &place, &Store::from(&place.path), FILE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_every_backend_is_what_the_rows_of_duroxide_pg_say() {
    examine_schema(Kind::DuroxidePg).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_every_backend_is_what_the_rows_of_duroxide_pg_opt_say() {
    examine_schema(Kind::DuroxidePgOpt).await;
}

/// The backends over a file of a test's own.
pub(crate) fn over(
    path: &Path,
    provider: &Arc<SqliteProvider>,
) -> [(&'static str, Arc<dyn ManagementAPI>); 2] {
    [("sqlite", connect(&format!("sqlite:{}", path.display())).unwrap()), ("provider", provider.clone())]
}
