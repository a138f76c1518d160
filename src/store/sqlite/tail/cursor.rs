//! How far a history was read, and where reading goes on when that place is not to be found as it was.
//!
//! A position remembers what rows were that were read: all of the last, fewer the further back. When the newest rows are
//! deleted, their numbers are given out again: reading goes on behind the greatest row that is still the same. What is gone
//! is remembered, too. A store that goes back to an earlier copy and comes forward again brings it back: the row that has the
//! number and the content of one that was read proves that all before it was read as well, for rows are only ever added
//! behind it. If no row is still the same, it goes on by number where nothing was given out again, otherwise by time.

use std::collections::HashSet;

use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;

use super::super::sql;
use super::page::TOO_LONG;
use crate::labels::FailureReason;
use crate::source::Position;
use crate::store::database::failure::StoreError;
use crate::store::database::fingerprint::{self, fingerprint};

/// So many of the last rows are remembered, all of them.
const REMEMBERED: usize = 512;

/// Of the rows before, about so many each time the distance doubles.
const SPARSE: i64 = 32;

/// Of the rows of a long step, the first are remembered if their number is a multiple of this.
const SPACING: i64 = REMEMBERED as i64 / SPARSE;

/// So many rows that are gone are remembered.
const UNDONE: usize = 2_048;

/// Number and fingerprint of a row.
type Mark = (i64, u64);

/// How far was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// Everything up to here was read.
    pub(super) rowid: i64,
    /// What rows up to there were, oldest first.
    last: Vec<Mark>,
    /// From here on, all of them.
    #[serde(default)]
    whole_from: i64,
    /// Rows that were read and are gone, by number.
    #[serde(default)]
    undone: Vec<Mark>,
    /// From here on, all of them.
    #[serde(default)]
    undone_from: i64,
    /// From here on, all of those that have a number of which rows are remembered at any distance.
    #[serde(default)]
    sparse_from: i64,
    /// When the newest of all that was read was written, as the store has it.
    written_at: String,
    /// Above this a number without a row is one of a row that was deleted unread.
    pub(super) unread_from: i64,
    /// Of the store.
    #[serde(default)]
    pub(super) identity: Option<String>,
}

/// A cursor that is known to be right in this store.
pub(super) struct Resumed {
    pub(super) cursor: Cursor,
    pub(super) rewound: bool,
    pub(super) lost: Option<String>,
}

impl Resumed {
    pub(super) fn at(cursor: Cursor) -> Self {
        Self { cursor, rewound: false, lost: None }
    }
}

impl Cursor {
    pub(super) fn of(position: &Position) -> Result<Self, StoreError> {
        let cursor = serde_json::from_value(position.0.clone());
        cursor.map_err(|_| {
            StoreError::new(FailureReason::Other, "the position in its history is not one of a SQLite store")
        })
    }

    pub(super) fn position(&self) -> Position {
        // It holds numbers and texts: there is always JSON for it.
        Position(serde_json::to_value(self).unwrap_or_default())
    }

    /// Before the first row. What is missing up to `unread_from` was deleted before anybody wanted to read it.
    pub(super) fn beginning(unread_from: i64) -> Self {
        Self { unread_from, ..Self::default() }
    }

    /// Behind a row and all before it.
    pub(super) async fn behind(connection: &mut SqliteConnection, rowid: i64) -> Result<Self, StoreError> {
        let mut cursor = Self { rowid, unread_from: rowid, sparse_from: rowid, ..Self::default() };
        cursor.remember(connection, rowid).await?;
        Ok(cursor)
    }

    /// Learns what the rows up to the cursor are, of which those behind `from` were just read.
    pub(super) async fn remember(
        &mut self,
        connection: &mut SqliteConnection,
        from: i64,
    ) -> Result<(), StoreError> {
        let known = self.last.last().map_or(i64::MIN, |(rowid, _)| *rowid);
        let sql = format!(
            "SELECT rowid, {}, CAST(created_at AS TEXT) FROM history WHERE rowid <= ?1 AND rowid > ?2 ORDER BY rowid DESC LIMIT {REMEMBERED}",
            content()
        );
        let mut new: Vec<Mark> = Vec::new();
        let mut rows = sqlx::query(&sql).bind(self.rowid).bind(known).fetch(&mut *connection);
        while let Some(row) = rows.try_next().await? {
            if new.is_empty() {
                let written_at = sql::text(&row, 2)?.unwrap_or_default();
                if written_at > self.written_at {
                    self.written_at = written_at;
                }
            }
            new.push((row.try_get(0)?, mark(row.try_get(1)?)));
        }
        drop(rows);
        if let Some((oldest, _)) = new.last().copied() {
            if new.len() >= REMEMBERED {
                self.whole_from = oldest;
            }
            let sql = format!(
                "SELECT rowid, {} FROM history WHERE rowid > ?1 AND rowid < ?2 AND rowid % {SPACING} = 0 ORDER BY rowid DESC",
                content()
            );
            let mut rows = sqlx::query(&sql).bind(from.max(known)).bind(oldest).fetch(connection);
            while let Some(row) = rows.try_next().await? {
                new.push((row.try_get(0)?, mark(row.try_get(1)?)));
            }
        }
        self.last.extend(new.into_iter().rev());
        let (mut before, rowid) = (self.last.len().saturating_sub(REMEMBERED), self.rowid);
        if before > 0 {
            self.whole_from = self.last.get(before).map_or(rowid, |(rowid, _)| self.whole_from.max(*rowid));
        }
        self.last.retain(|(number, _)| {
            let all = before == 0;
            before = before.saturating_sub(1);
            all || number % spacing(rowid - number) == 0
        });
        Ok(())
    }

    /// Goes on behind the greatest row that was read.
    pub(super) async fn resume(
        mut self,
        connection: &mut SqliteConnection,
        identity: Option<&str>,
        newest: i64,
    ) -> Result<Resumed, StoreError> {
        let foreign = self.identity.is_some() && identity.is_some() && self.identity.as_deref() != identity;
        let Some((top, _)) = self.last.last().copied() else {
            // Nothing was there to be read when it was looked at last.
            return self.come_forward(connection, newest, None).await;
        };
        let whole_from = self.whole_from;
        // Numbers from here on were given out again, as far as is proven.
        let mut again_from = whole_from;
        while let Some((rowid, mark)) = self.last.last().copied() {
            let there = mark_of(connection, rowid).await?;
            if there == Some(mark) {
                break;
            }
            if there.is_some() {
                again_from = again_from.min(rowid);
            }
            self.undone.push((rowid, mark));
            self.last.pop();
        }
        if self.last.last().is_none_or(|(rowid, _)| *rowid < whole_from) {
            self.undone_from = self.undone_from.max(whole_from);
        }
        let rewound = match self.last.last().copied() {
            Some((rowid, _)) if rowid == top => None,
            Some((rowid, _)) => {
                self.unread_from = self.unread_from.max(self.rowid);
                self.rowid = rowid;
                self.whole_from = whole_from.min(rowid);
                self.pass_over(connection, again_from).await?;
                Some(None)
            }
            None if !foreign && self.goes_on(connection, whole_from).await? => {
                // All that is remembered was deleted, and its numbers were not given out again.
                self.rowid = self.rowid.min(newest);
                Some(None)
            }
            None => {
                self.rowid = self.by_time(connection, whole_from).await?;
                self.sparse_from = self.sparse_from.max(self.rowid + 1);
                self.unread_from = newest;
                Some(Some(format!(
                    "the events that were counted last are not in the store any more (deleted, or another store has taken its place); \
                     counting goes on with those written since {}",
                    self.written_at
                )))
            }
        };
        self.come_forward(connection, newest, rewound).await
    }

    /// Goes on behind rows that were read, had gone and have come back.
    async fn come_forward(
        mut self,
        connection: &mut SqliteConnection,
        newest: i64,
        rewound: Option<Option<String>>,
    ) -> Result<Resumed, StoreError> {
        self.undone.sort_unstable();
        self.undone.dedup();
        let surplus = self.undone.len().saturating_sub(UNDONE);
        if let Some((dropped, _)) = self.undone.drain(..surplus).next_back() {
            self.undone_from = self.undone_from.max(dropped + 1);
            self.sparse_from = self.sparse_from.max(dropped + 1);
        }
        let back: Vec<Mark> = self
            .undone
            .iter()
            .copied()
            .filter(|(rowid, _)| (self.rowid + 1..=newest).contains(rowid))
            .collect();
        let (began, last) = (self.rowid, back.last().map(|(rowid, _)| rowid + 1));
        // The first of them whose number has a row that was never read.
        let mut again_from = None;
        // Several rows may have had the same number.
        let mut looked_up = None;
        for (rowid, mark) in back.into_iter().rev() {
            let there = match looked_up.filter(|(of, _)| *of == rowid) {
                Some((_, there)) => there,
                None => mark_of(connection, rowid).await?,
            };
            looked_up = Some((rowid, there));
            if there == Some(mark) {
                self.rowid = rowid;
                break;
            }
            if there.is_some() && self.all_remembered(rowid) {
                again_from = Some(rowid);
            }
        }
        // Between that row and the next that is remembered, times tell.
        let beyond = self.undone.iter().map(|(rowid, _)| *rowid).find(|rowid| *rowid > newest);
        if let Some(below) = again_from.or(beyond).or(last).filter(|_| newest > self.rowid) {
            // Where all of them are remembered, what is not one of them is new, whatever its time.
            self.pass_over(connection, below.min(self.undone_from)).await?;
        }
        let came = self.rowid > began;
        let mut lost = rewound.clone().flatten();
        if came {
            self.unread_from = self.unread_from.max(self.rowid);
            lost = Some(
                "events that were counted and had gone are in the store again (it went back to an earlier copy, and has come \
                 forward); they are not counted twice"
                    .to_owned(),
            );
        }
        let rewound = rewound.is_some() || came;
        if rewound {
            self.remember(connection, self.rowid).await?;
        }
        Ok(Resumed { cursor: self, rewound, lost })
    }

    /// Whether each row that was read under this number is remembered. Where only some are, a row that is none of them may
    /// have been read nevertheless.
    fn all_remembered(&self, rowid: i64) -> bool {
        let farthest = self.undone.last().map_or(self.rowid, |(last, _)| self.rowid.max(*last));
        rowid >= self.undone_from || (rowid >= self.sparse_from && rowid % spacing(farthest - rowid) == 0)
    }

    /// Passes over the rows behind the cursor that were read before: those that are remembered, and, below a number, those
    /// that are not newer than all that was read.
    async fn pass_over(&mut self, connection: &mut SqliteConnection, below: i64) -> Result<(), StoreError> {
        let known: HashSet<u64> = self.undone.iter().map(|(_, mark)| *mark).collect();
        let sql = format!(
            "SELECT rowid, {}, CAST(created_at AS TEXT) FROM history WHERE rowid > ? ORDER BY rowid",
            content()
        );
        let mut rows = sqlx::query(&sql).bind(self.rowid).fetch(connection);
        while let Some(row) = rows.try_next().await? {
            let rowid = row.try_get(0)?;
            let old = || -> Result<bool, sqlx::Error> {
                Ok(sql::text(&row, 2)?.unwrap_or_default() <= self.written_at)
            };
            if !known.contains(&mark(row.try_get(1)?)) {
                if rowid >= below || !old()? {
                    break;
                }
                self.sparse_from = self.sparse_from.max(rowid + 1);
            }
            self.rowid = rowid;
        }
        Ok(())
    }

    /// Whether no number up to the cursor was given out again. `whole_from`: from here on every row was remembered, and none
    /// is the same.
    async fn goes_on(&self, connection: &mut SqliteConnection, whole_from: i64) -> Result<bool, StoreError> {
        let before = sqlx::query(
            "SELECT rowid, CAST(created_at AS TEXT) FROM history WHERE rowid <= ? ORDER BY rowid DESC LIMIT 1",
        )
        .bind(self.rowid)
        .fetch_optional(connection)
        .await?;
        let Some(before) = before else { return Ok(true) };
        let written_at = sql::text(&before, 1)?.unwrap_or_default();
        Ok(before.try_get::<i64, _>(0)? < whole_from && written_at <= self.written_at)
    }

    /// The last row that was read, by the time of those that were, and by their marks: rows of that very second may have been
    /// read or not, and rows may have other numbers than before, as after a VACUUM.
    async fn by_time(&self, connection: &mut SqliteConnection, whole_from: i64) -> Result<i64, StoreError> {
        let known: HashSet<u64> = self.undone.iter().map(|(_, mark)| *mark).collect();
        let older: i64 = sqlx::query_scalar(
            "SELECT COALESCE((SELECT rowid FROM history WHERE CAST(created_at AS TEXT) < ?1 \
               OR (CAST(created_at AS TEXT) = ?1 AND rowid < ?2) ORDER BY rowid DESC LIMIT 1), 0)",
        )
        .bind(&self.written_at)
        .bind(whole_from)
        .fetch_one(&mut *connection)
        .await?;
        let sql = format!(
            "SELECT rowid, {} FROM history WHERE rowid > ?1 AND CAST(created_at AS TEXT) = ?2 ORDER BY rowid DESC",
            content()
        );
        let mut rows = sqlx::query(&sql).bind(older).bind(&self.written_at).fetch(connection);
        while let Some(row) = rows.try_next().await? {
            if known.contains(&mark(row.try_get(1)?)) {
                return Ok(row.try_get(0)?);
            }
        }
        Ok(older)
    }
}

/// How far apart the rows are that are remembered at this distance from the last.
fn spacing(distance: i64) -> i64 {
    let spacing = u64::try_from(distance / SPARSE).unwrap_or(0).max(1).next_power_of_two();
    i64::try_from(spacing).unwrap_or(i64::MAX)
}

/// What the fingerprint of a row is made of: whose it is, and the beginning of its text.
fn content() -> String {
    format!(
        "CAST(instance_id || ' ' || execution_id || ' ' || event_id || ' ' || octet_length(event_data) || \
         CASE WHEN octet_length(event_data) <= {TOO_LONG} THEN substr(event_data, 1, {}) ELSE '' END AS TEXT)",
        fingerprint::LENGTH
    )
}

fn mark(content: Option<&[u8]>) -> u64 {
    fingerprint(content.unwrap_or_default())
}

/// What is there under a number.
async fn mark_of(connection: &mut SqliteConnection, rowid: i64) -> Result<Option<u64>, StoreError> {
    let sql = format!("SELECT {} FROM history WHERE rowid = ?", content());
    let content: Option<Option<Vec<u8>>> =
        sqlx::query_scalar(&sql).bind(rowid).fetch_optional(connection).await?;
    Ok(content.map(|content| mark(content.as_deref())))
}
