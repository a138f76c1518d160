//! Instances that are known to run, so that the queue census need not look them up.
//!
//! Whether the instance of a queue row is there and which its current execution is costs two lookups in the largest
//! tables of a store, row by row and poll by poll, though the answer hardly ever changes: the framework changes it
//! together with history of that instance, or deletes the instance together with its queue rows. So what was looked up
//! holds until the history tells of the instance. What somebody changes by hand is seen when the instances are recounted.

use std::collections::{HashMap, HashSet};

use sqlx::sqlite::SqliteConnection;

use super::{sql, tail};
use crate::source::Batch;
use crate::store::database::failure::StoreError;

/// So many are known at most: they are handed to the database as one text, poll by poll.
const MOST: usize = 20_000;

/// Running instances that have rows in the orchestrator's queue, with their current executions.
#[derive(Debug, Default)]
pub(super) struct KnownRunning(HashMap<Box<str>, i64>);

impl KnownRunning {
    /// Forgets those that the history tells of since the last census, or all if it does not tell that.
    pub(super) async fn follow(
        &mut self,
        connection: &mut SqliteConnection,
        history: Option<&Batch>,
    ) -> Result<(), StoreError> {
        let complete = history.filter(|batch| batch.backlog == 0 && !batch.rewound && batch.lost.is_none());
        let Some(since) = complete.and_then(|batch| tail::rowid(&batch.began)) else {
            self.0.clear();
            return Ok(());
        };
        if self.0.is_empty() {
            return Ok(());
        }
        let row = sqlx::query(
            "SELECT json_group_array(CAST(instance_id AS TEXT)) FROM history NOT INDEXED WHERE rowid > ?",
        )
        .bind(since)
        .fetch_one(connection)
        .await?;
        match sql::bytes(&row, 0)?.map(serde_json::from_slice::<Vec<Box<str>>>) {
            Some(Ok(told)) => told.iter().for_each(|id| {
                self.0.remove(id);
            }),
            _ => self.0.clear(),
        }
        Ok(())
    }

    /// As a JSON object of executions by instance.
    pub(super) fn json(&self) -> String {
        // Numbers by text: there is always JSON for it.
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// What a census found: the instances that rows wait for, and JSON objects of the running ones that were looked up.
    pub(super) fn found<'a>(&mut self, present: impl Iterator<Item = &'a str>, looked_up: &[Vec<u8>]) {
        let present: HashSet<&str> = present.collect();
        self.0.retain(|id, _| present.contains(&**id));
        for object in looked_up {
            // What is no JSON because an id is not UTF-8 is looked up again.
            let running: HashMap<Box<str>, i64> = serde_json::from_slice(object).unwrap_or_default();
            // SQLite reads a text of JSON up to a NUL.
            self.0.extend(running.into_iter().filter(|(id, _)| !id.contains('\0')));
        }
        if self.0.len() > MOST {
            self.0 = std::mem::take(&mut self.0).into_iter().take(MOST).collect();
        }
    }
}
