//! The workload really brings about everything it claims: asked of the database, not of the workload.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

use std::collections::BTreeSet;

use scenarios::{over_every_store, sql::Connection, store::Store, stores::Kind, truth::Truth, workload};

/// Work items come and go between two looks: only triggers see all of them.
const WATCH_SQLITE: &str = "
    CREATE TABLE seen_work_items (item TEXT);
    CREATE TRIGGER see_turns AFTER INSERT ON orchestrator_queue BEGIN
        INSERT INTO seen_work_items VALUES (NEW.work_item);
    END;
    CREATE TRIGGER see_activities AFTER INSERT ON worker_queue BEGIN
        INSERT INTO seen_work_items VALUES (NEW.work_item);
    END;";

const WATCH_POSTGRES: &str = "
    CREATE TABLE seen_work_items (item TEXT);
    CREATE FUNCTION see() RETURNS TRIGGER AS $$ BEGIN
        EXECUTE format('INSERT INTO %I.seen_work_items VALUES ($1)', TG_TABLE_SCHEMA) USING NEW.work_item;
        RETURN NULL;
    END $$ LANGUAGE plpgsql;
    CREATE TRIGGER see_turns AFTER INSERT ON orchestrator_queue FOR EACH ROW EXECUTE FUNCTION see();
    CREATE TRIGGER see_activities AFTER INSERT ON worker_queue FOR EACH ROW EXECUTE FUNCTION see();";

async fn the_workload_writes_every_work_item_and_every_event(kind: Kind) {
    let fresh = kind.create().await;
    let store = &fresh.store;
    let mut connection = store.connect().await;
    connection.run(if store.is_postgres() { WATCH_POSTGRES } else { WATCH_SQLITE }).await;

    let provider = store.provider().await;
    let runtime = workload::start_runtime(provider.clone()).await;
    workload::run(provider, store).await;
    runtime.shutdown(Some(0)).await;

    assert_eq!(kinds(&mut connection).await, set(&workload::WORK_ITEMS), "{store}");
    assert_everything_is_recorded(store).await;
}

async fn assert_everything_is_recorded(store: &Store) {
    let truth = Truth::read(store).await;
    let events = truth.history.values().flatten().map(|row| row.json().expect("a whole event"));
    let events: BTreeSet<_> = events.map(|event| event["type"].as_str().unwrap().to_owned()).collect();
    assert_eq!(events, set(&workload::EVENTS), "{store}");
    let statuses: BTreeSet<_> = truth.executions.values().map(|execution| execution.status.clone()).collect();
    assert_eq!(statuses, set(&["Completed", "ContinuedAsNew", "Failed", "Running"]), "{store}");
}

over_every_store!(the_workload_writes_every_work_item_and_every_event);

/// A work item is an object with one member, named as its kind.
async fn kinds(connection: &mut Connection) -> BTreeSet<String> {
    let select = "SELECT item FROM seen_work_items";
    let items: Vec<String> = match connection {
        Connection::Sqlite(connection) => sqlx::query_scalar(select).fetch_all(connection).await.unwrap(),
        Connection::Postgres(connection) => sqlx::query_scalar(select).fetch_all(connection).await.unwrap(),
    };
    let kinds = items.iter().map(|item| serde_json::from_str::<serde_json::Value>(item).unwrap());
    kinds.map(|item| item.as_object().unwrap().keys().next().unwrap().clone()).collect()
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}
