//! THE list of backends, and the store they are examined over.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use duroxide::providers::{Provider, sqlite::SqliteProvider};
use duroxide_exporter::{ManagementAPI, ProviderManagement, connect};
use scenarios::{content, disk, files::Scratch, truth::Truth, workload};

use crate::{
    subject::{Order, Subject},
    suite,
};

/// A store that is there in every form a backend may want.
pub(crate) struct Store {
    _scratch: Scratch,
    path: PathBuf,
    copy: PathBuf,
    provider: Arc<SqliteProvider>,
    truth: Arc<Truth>,
}

impl Store {
    /// With everything in it.
    async fn create() -> Self {
        let scratch = Scratch::new();
        let (path, copy) = (scratch.file("store.db"), scratch.file("copy.db"));
        let provider = workload::open(&path).await;
        content::fill(&path, provider.clone()).await;
        disk::copy_at_rest(&path, &copy).await;
        let truth = Arc::new(Truth::read(&path).await);
        Self { _scratch: scratch, path, copy, provider, truth }
    }
}

/// One way to read a store.
pub(crate) struct Backend {
    name: &'static str,
    open: fn(&Store) -> Arc<dyn ManagementAPI>,
    order: Order,
    tolerant: bool,
    replica: bool,
}

/// All of them.
pub(crate) const BACKENDS: [Backend; 4] = [
    Backend {
        name: "sqlite, live file",
        open: |store| connect(&format!("sqlite:{}", store.path.display())).unwrap(),
        order: Order::Exact,
        tolerant: true,
        replica: false,
    },
    Backend {
        name: "sqlite, replica copy",
        open: |store| connect(&format!("sqlite:{}?replica=true", store.copy.display())).unwrap(),
        order: Order::Exact,
        tolerant: true,
        replica: true,
    },
    Backend {
        name: "provider",
        open: |store| store.provider.clone(),
        order: Order::ByTime,
        tolerant: false,
        replica: false,
    },
    Backend {
        name: "ProviderManagement",
        open: |store| Arc::new(ProviderManagement::new(store.provider.clone() as Arc<dyn Provider>)),
        order: Order::ByTime,
        tolerant: false,
        replica: false,
    },
];

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_every_backend_is_what_the_rows_say() {
    let store = Store::create().await;
    suite::assert_rich(&store.truth);
    let mut failures = Vec::new();
    for backend in BACKENDS {
        let subject = Arc::new(Subject {
            name: backend.name,
            api: (backend.open)(&store),
            truth: Arc::clone(&store.truth),
            order: backend.order,
            tolerant: backend.tolerant,
            replica: backend.replica,
        });
        failures.extend(suite::run(&subject).await);
    }
    assert!(failures.is_empty(), "failed (see above for each): {failures:#?}");
}

/// The backends over a store of a test's own.
pub(crate) fn over(
    path: &Path,
    provider: &Arc<SqliteProvider>,
) -> [(&'static str, Arc<dyn ManagementAPI>); 2] {
    [("sqlite", connect(&format!("sqlite:{}", path.display())).unwrap()), ("provider", provider.clone())]
}
