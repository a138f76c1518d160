//! Several stores of one database, read and purged through PgBouncer in transaction mode, beside other clients of its pool.

use std::{collections::BTreeSet, sync::Arc};

use cluster::{Pooler, Pooling, Server, Traffic};
use duroxide_exporter::{ManagementAPI, PurgeRequest, Timestamp, connect, connect_admin, testing::Probe};
use scenarios::{
    dump::Dump,
    large, sql,
    store::{By, Postgres, Store},
};

/// Instances of each store: those of one have the ids of the others.
const INSTANCES: u64 = 60;

/// After everything in the stores.
const TOMORROW: i64 = 4_102_444_800_000;

/// Another client that only writes, and counts what it wrote.
const INSERT: &str = "insert into app.written default values";

struct World {
    server: &'static Server,
    database: String,
    pooler: Pooler,
    stores: Vec<Store>,
    traffic: Traffic,
}

impl World {
    /// Three stores in one database, and a pool that has fewer connections than clients.
    async fn start() -> Self {
        let server = Server::shared();
        let database = tokio::task::spawn_blocking(|| server.create_database()).await.unwrap();
        let mut stores = Vec::new();
        for (schema, by) in
            [("orders", By::DuroxidePg), ("public", By::DuroxidePg), ("billing", By::DuroxidePgOpt)]
        {
            let store = Postgres { database: server.url(&database), schema: schema.to_owned(), by };
            let created = Store::Postgres(store.clone());
            let _created = created.provider().await;
            sql::postgres::accept_rows_by_hand(&store).await;
            large::fill(&created, INSTANCES).await;
            stores.push(created);
        }
        server.psql(&database, "create schema app; create table app.written (id bigserial)");
        let pooler = server.pooler(Pooling::Transaction, 3, &[]);
        let traffic = pooler.traffic(&database, INSERT, 4, 400);
        Self { server, database, pooler, stores, traffic }
    }

    /// A store as the exporter is told where it is.
    fn url(&self, store: &Store) -> String {
        format!("{}?schema={}", self.pooler.url(&self.database), store.postgres().schema)
    }

    /// Ends the other clients; each of their statements was theirs, and no connection of the pool was changed.
    fn end(self) {
        let Self { server, database, pooler, traffic, .. } = self;
        let settings = "select concat_ws(' ', current_setting('search_path'), current_setting('statement_timeout'), \
             current_setting('lock_timeout'), current_setting('row_security'), current_setting('jit'))";
        let usual = server.psql(&database, settings);
        for _ in 0..20 {
            assert_eq!(cluster::psql(&pooler.url(&database), settings).unwrap(), usual);
        }
        assert_eq!(traffic.end().to_string(), server.psql(&database, "select count(*) from app.written"));
    }
}

async fn ids(store: &Store) -> BTreeSet<String> {
    let postgres = store.postgres();
    let sql = format!("select instance_id from {}.instances", postgres.schema);
    let rows = cluster::psql(&postgres.database, &sql).unwrap();
    rows.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_polls_succeed() {
    let world = World::start().await;
    let mut probes = Vec::new();
    for store in &world.stores {
        probes.push((store, Probe::sidecar(&world.url(store)).await.unwrap()));
    }
    let completed = r#"duroxide_instances{orchestration="Orchestration1",status="completed",store="probe",version="1.0.1"}"#;
    let mut failures = Vec::new();
    for poll in 0..1000 {
        let (store, probe) = &mut probes[poll % 3];
        match probe.step().await {
            Ok(numbers) => assert_eq!(numbers.get(completed), Some(&1.0), "poll {poll} of {store:?}"),
            Err(error) => failures.push(error),
        }
    }
    assert_eq!(failures, Vec::<String>::new());
    world.end();
}

#[tokio::test(flavor = "multi_thread")]
async fn purges_delete_in_their_own_stores_alone() {
    let world = World::start().await;
    let mut dumps = Vec::new();
    let mut left = Vec::new();
    for store in &world.stores {
        dumps.push(Dump::read(store).await);
        left.push(ids(store).await);
    }
    let mut failures = Vec::new();
    for purge in 0..12 {
        // One after the other: what one of them left behind in the pool would be another one's.
        let which = purge % world.stores.len();
        let url = world.url(&world.stores[which]);
        let admin: Arc<dyn ManagementAPI> = connect_admin(&url).unwrap();
        let request = PurgeRequest {
            max_trees: Some(5),
            ..PurgeRequest::older_than(Timestamp::from_unix_millis(TOMORROW))
        };
        match admin.purge_completed(request).await {
            Ok(report) => {
                assert_eq!((report.trees_deleted, report.failures.len()), (5, 0), "{report:?}");
                assert!(
                    report.instances.iter().all(|id| left[which].remove(id)),
                    "purge {purge}: {report:?}"
                );
            }
            Err(error) => failures.push(error),
        }
        for (other, (store, was)) in world.stores.iter().zip(&mut dumps).enumerate() {
            let is = Dump::read(store).await;
            if other == which {
                assert_eq!(ids(store).await, left[which], "purge {purge} of {url}");
                *was = is;
            } else {
                let report = was.differences(&is);
                assert!(report.is_empty(), "purge {purge} of {url} changed {store:?}:\n{report}");
            }
        }
        let api = connect(&url).unwrap();
        match api.get_metrics().await {
            Ok(totals) => assert_eq!(totals.total_instances, u64::try_from(left[which].len()).unwrap()),
            Err(error) => failures.push(error),
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
    world.end();
}
