//! Reading leaves nothing behind: no row, no catalogue entry, no open transaction.

use cluster::Server;
use duroxide_exporter::{InstanceFilter, ManagementError, PageRequest, PurgeRequest, Timestamp, connect};

use super::exporter::{Serving, program, run};
use super::store::Store;

/// Everything in the store, and how many rows of any table of this database, the catalogue's too, were ever written.
fn everything(store: &Store<'_>) -> (String, String) {
    let tables = "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
                  where n.nspname = 'orders' and c.relkind = 'r' order by 1";
    let rows: Vec<String> = store
        .sql(tables)
        .lines()
        .map(|table| {
            store.sql(&format!("select '{table}', t.*, t.xmin, t.ctid from orders.{table} t order by t.ctid"))
        })
        .collect();
    // What a session has written is counted when it has ended: exporters have, and so have ours.
    let written = store.server.psql(
        "postgres",
        &format!(
            "select tup_inserted, tup_updated, tup_deleted, temp_files, deadlocks from pg_stat_database
             where datname = '{}'",
            store.database
        ),
    );
    let sequences = store.sql("select last_value from orders.worker_queue_id_seq");
    (rows.join("\n") + &sequences, written)
}

/// Waits until nobody but us is in the database: then everything is counted.
fn all_gone(store: &Store<'_>) {
    let others = format!("select count(*) from pg_stat_activity where datname = '{}'", store.database);
    store.server.wait_for("postgres", &others, "0");
}

#[test]
fn nothing_is_written_by_any_command() {
    let store = Store::new(Server::shared());
    let named = format!("s={}", store.url());
    for read_only in ["off", "on"] {
        store.sql(&format!("alter role {} set default_transaction_read_only = {read_only}", store.role));
        all_gone(&store);
        let before = everything(&store);
        assert!(before.0.contains("waits"), "{before:?}");

        let serving = Serving::start(&store.url(), &[], &[]);
        serving.wait_until_up();
        let commands = [
            &["check"][..],
            &["instances", "list"],
            &["queues"],
            &["instances", "list", "--status=running"],
            &["instances", "show", "waits"],
            &["instances", "history", "waits", "--payloads"],
            &["instances", "timeline", "waits"],
            &["instances", "tree", "waits"],
            &["instances", "search", "input", "--payloads"],
            &["instances", "export", "waits", "--payloads"],
            &["instances", "count"],
        ];
        // A role that could not write if it wanted to: two show that nobody wants to.
        for command in commands.iter().take(if read_only == "on" { 2 } else { usize::MAX }) {
            let ended = run(program(command).args(["--store", &named]));
            assert_eq!(ended.code, 0, "{command:?}: {ended:?}");
            let shown =
                ended.out.contains("waits") || ended.out.contains("Order") || ended.out.contains("fetchable");
            assert!(shown, "{command:?}: {ended:?}");
        }
        serving.stop();
        all_gone(&store);
        assert_eq!(everything(&store), before, "default_transaction_read_only = {read_only}");
    }
}

#[test]
fn the_library_reads_and_does_not_purge() {
    let store = Store::new(Server::shared());
    let management = connect(&store.url()).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let page =
            management.list_instances_filtered(InstanceFilter::default(), PageRequest::default()).await;
        assert_eq!(page.unwrap().items.len(), 3);
        assert_eq!(management.get_metrics().await.unwrap().total_events, Some(4));
        assert_eq!(management.get_queue_depths().await.unwrap().worker_queue, 1);
        let error = management.get_instance_info("nobody").await.unwrap_err();
        assert!(matches!(error, ManagementError::NotFound { .. }), "{error:?}");
        let everything = PurgeRequest::older_than(Timestamp::from_unix_millis(i64::MAX / 2));
        let error = management.purge_completed(everything).await.unwrap_err();
        assert!(matches!(error, ManagementError::ReadOnly { .. }), "{error:?}");
    });
    assert_eq!(store.sql("select count(*) from orders.instances"), "3");
}

#[test]
fn a_database_administrator_sees_who_it_is_and_no_open_transaction() {
    let store = Store::new(Server::shared());
    let serving = Serving::start(&store.url(), &[], &[]);
    serving.wait_until_up();
    let sessions = format!(
        "select application_name, usename, state, xact_start is null, backend_xid is null
         from pg_stat_activity where datname = '{}'",
        store.database
    );
    // Between two polls.
    store.server.wait_for("postgres", &sessions, &format!("duroxide-exporter|{}|idle|t|t", store.role));
}
