//! Every event that was ever written into a store, kept by a trigger where nobody deletes it; and what those events add up
//! to, counted the slow and obvious way. Shares nothing with the exporter.

mod tally;

use std::collections::BTreeMap;

use sqlx::Row as _;

pub use tally::Tally;
pub(crate) use tally::event;

use crate::{
    sql::{self, Connection},
    store::Store,
};

/// A row of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place in the log.
    pub n: i64,
    /// Whose event it is.
    pub instance: String,
    /// Of which execution.
    pub execution: i64,
    /// As it was stored.
    pub data: String,
    /// Whether it is still in the history.
    pub there: bool,
}

/// Makes the log of a store, which is empty.
pub async fn begin(store: &Store) {
    let columns = "instance_id, execution_id, event_id, event_data";
    let new = "NEW.instance_id, NEW.execution_id, NEW.event_id, NEW.event_data";
    let statements = match store {
        Store::Sqlite(_) => format!(
            "CREATE TABLE test_log (n INTEGER PRIMARY KEY AUTOINCREMENT, instance_id TEXT, execution_id INTEGER, event_id INTEGER, event_data TEXT);
             CREATE TRIGGER test_log AFTER INSERT ON history BEGIN INSERT INTO test_log ({columns}) VALUES ({new}); END;"
        ),
        Store::Postgres(postgres) => {
            let schema = &postgres.schema;
            format!(
                "CREATE TABLE {schema}.test_log (n bigserial PRIMARY KEY, instance_id text, execution_id bigint, event_id bigint, event_data text);
                 CREATE FUNCTION {schema}.test_log() RETURNS trigger LANGUAGE plpgsql AS $$
                   BEGIN INSERT INTO {schema}.test_log ({columns}) VALUES ({new}); RETURN NEW; END $$;
                 CREATE TRIGGER test_log AFTER INSERT ON {schema}.history FOR EACH ROW EXECUTE FUNCTION {schema}.test_log();"
            )
        }
    };
    sql::execute(store, &statements).await;
}

/// What was logged after the row `n`.
pub async fn since(store: &Store, n: i64) -> Vec<Entry> {
    let sql = format!(
        "SELECT l.n, l.instance_id, l.execution_id, l.event_data, \
                EXISTS (SELECT 1 FROM history h WHERE h.instance_id = l.instance_id AND h.execution_id = l.execution_id \
                        AND h.event_id = l.event_id AND h.event_data = l.event_data) \
         FROM test_log l WHERE l.n > {n} ORDER BY l.n"
    );
    macro_rules! entries {
        ($connection:expr) => {
            sqlx::query(&sql)
                .fetch_all($connection)
                .await
                .expect("the log")
                .iter()
                .map(|row| Entry {
                    n: row.get(0),
                    instance: row.get(1),
                    execution: row.get(2),
                    data: row.get(3),
                    there: row.get(4),
                })
                .collect()
        };
    }
    let mut connection = store.connect().await;
    let entries = match &mut connection {
        Connection::Sqlite(connection) => entries!(connection),
        Connection::Postgres(connection) => entries!(connection),
    };
    connection.close().await;
    entries
}

/// The rows of the history of a file by their numbers: whose each is, and its text.
pub async fn rows(store: &Store) -> BTreeMap<i64, String> {
    let Connection::Sqlite(mut connection) = store.connect().await else { panic!("{store} numbers no rows") };
    let sql = "SELECT rowid, instance_id || ' ' || execution_id || ' ' || event_id || ' ' || event_data FROM history";
    let rows = sqlx::query(sql).fetch_all(&mut connection).await.expect("the history");
    Connection::Sqlite(connection).close().await;
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}
