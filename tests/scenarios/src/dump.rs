//! A whole store as text, to tell whether anything in it changed, and what.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use sqlx::{Connection as _, PgConnection, Row as _, SqliteConnection};

use crate::{sql::Connection, store::Store};

/// Every row of every table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dump(BTreeMap<String, Vec<Line>>);

/// A row: the instance it belongs to, and all of its values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Line {
    instance: Option<String>,
    values: String,
}

impl Dump {
    /// Reads a store.
    pub async fn read(store: impl Into<Store>) -> Self {
        match store.into().connect().await {
            Connection::Sqlite(connection) => Self::of_sqlite(connection).await,
            Connection::Postgres(connection) => Self::of_postgres(connection).await,
        }
    }

    async fn of_sqlite(mut connection: SqliteConnection) -> Self {
        let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'table'")
            .fetch_all(&mut connection)
            .await
            .expect("the tables");
        let mut dump = BTreeMap::new();
        for table in tables {
            let columns: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info(?)")
                .bind(&table)
                .fetch_all(&mut connection)
                .await
                .expect("its columns");
            // Hexadecimal: a text may hold anything, NUL included.
            let values: Vec<_> = columns
                .iter()
                .map(|column| format!("'{column}=' || typeof({column}) || ':' || hex({column})"))
                .collect();
            let select = format!(
                "SELECT CAST({} AS TEXT), {} FROM {table}",
                owner(&columns),
                values.join(" || ' ' || ")
            );
            let rows = sqlx::query(&select).fetch_all(&mut connection).await.expect("its rows");
            dump.insert(
                table,
                sorted(rows.iter().map(|row| Line { instance: row.get(0), values: row.get(1) })),
            );
        }
        Self(dump)
    }

    async fn of_postgres(mut connection: PgConnection) -> Self {
        let mut dump = BTreeMap::new();
        let select = "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema()";
        let tables: Vec<String> =
            sqlx::query_scalar(select).fetch_all(&mut connection).await.expect("the tables");
        for table in tables {
            let select = "SELECT column_name::text FROM information_schema.columns \
                          WHERE table_schema = current_schema() AND table_name = $1";
            let columns: Vec<String> = sqlx::query_scalar(select)
                .bind(&table)
                .fetch_all(&mut connection)
                .await
                .expect("its columns");
            // Activities of duroxide-pg-opt belong to the instance that is told in them.
            let inside = owner(&columns) == "NULL" && columns.iter().any(|column| column == "work_item");
            let owner = if inside { "work_item" } else { owner(&columns) };
            let select = format!("SELECT {owner}::text, t::text FROM {table} AS t");
            let rows = sqlx::query(&select).fetch_all(&mut connection).await.expect("its rows");
            let lines = rows.iter().map(|row| {
                let owner: Option<String> = row.get(0);
                let instance = if inside { owner.and_then(|item| executed_for(&item)) } else { owner };
                Line { instance, values: row.get(1) }
            });
            dump.insert(table, sorted(lines));
        }
        connection.close().await.expect("the connection closes");
        Self(dump)
    }

    /// The same without what belongs to these instances.
    #[must_use]
    pub fn without(&self, instances: &BTreeSet<String>) -> Self {
        let mut dump = self.clone();
        for lines in dump.0.values_mut() {
            lines.retain(|line| line.instance.as_ref().is_none_or(|id| !instances.contains(id)));
        }
        dump
    }

    /// Tables in which something belongs to one of these instances.
    pub fn tables_of(&self, instances: &BTreeSet<String>) -> BTreeSet<&str> {
        let belongs = |line: &Line| line.instance.as_ref().is_some_and(|id| instances.contains(id));
        self.0
            .iter()
            .filter(|(_, lines)| lines.iter().any(belongs))
            .map(|(table, _)| table.as_str())
            .collect()
    }

    /// Rows that only one of the two has; empty when they are equal.
    pub fn differences(&self, other: &Self) -> String {
        let mut report = String::new();
        for table in self.0.keys().chain(other.0.keys()).collect::<BTreeSet<_>>() {
            let (here, there) = (self.lines(table), other.lines(table));
            for (words, some, others) in [("only before", &here, &there), ("only after", &there, &here)] {
                for line in some.difference(others).take(5) {
                    let _ = writeln!(report, "  {table}, {words}: {:?} {}", line.instance, line.values);
                }
            }
            if here.len() != there.len() {
                let _ = writeln!(report, "  {table}: {} rows before, {} after", here.len(), there.len());
            }
        }
        report
    }

    fn lines(&self, table: &str) -> BTreeSet<&Line> {
        self.0.get(table).into_iter().flatten().collect()
    }
}

/// The column that tells whose a row is.
fn owner(columns: &[String]) -> &'static str {
    if columns.iter().any(|column| column == "instance_id") { "instance_id" } else { "NULL" }
}

/// The instance in the work item of an activity.
fn executed_for(work_item: &str) -> Option<String> {
    let item: serde_json::Value = serde_json::from_str(work_item).ok()?;
    item["ActivityExecute"]["instance"].as_str().map(ToOwned::to_owned)
}

fn sorted(lines: impl Iterator<Item = Line>) -> Vec<Line> {
    let mut lines: Vec<_> = lines.collect();
    lines.sort();
    lines
}
