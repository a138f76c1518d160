//! The history of a store as it grows: where to go on, what was read, how to say where one is.
//!
//! What is read is rows as they are stored. Reading it (SQL), decoding it and folding it are different work in different
//! rooms: a read is over, and its transaction ended, before the first event is decoded.

use serde::{Deserialize, Serialize};

use crate::history::Row;

/// Separates what is joined in a [`Chunk`]: a control character that no JSON holds unescaped (RFC 7464 uses it likewise).
pub(crate) const SEPARATOR: char = '\x1e';

/// Where reading begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// Behind everything that is there. A store that was made after this moment, by this machine's clock, has no past to be
    /// left out: then with the oldest event.
    Now { since_ms: i64 },
    /// With the oldest event that is still there.
    Beginning,
    /// Where an earlier read ended.
    After(Position),
}

impl Start {
    /// Where who has read nothing yet begins, at this moment.
    #[cfg(feature = "exporter")]
    pub(crate) fn first(backfill: bool) -> Self {
        let since_epoch =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let since_ms = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        if backfill { Self::Beginning } else { Self::Now { since_ms } }
    }
}

/// How far a history has been read. Only the backend that made it understands it; everybody may store it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position(pub(crate) serde_json::Value);

/// Rows of a history, in an order in which the events of each execution follow each other as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// Many.
    Joined(Columns),
    /// One that is by itself: a [`SEPARATOR`] is in it, or its text could not be read.
    One(Alone),
}

/// The columns of many rows, in each a [`SEPARATOR`] between a row and the next: so a database hands them over faster than
/// row by row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Columns {
    pub(crate) instances: String,
    pub(crate) executions: String,
    pub(crate) events: String,
    pub(crate) types: String,
    pub(crate) texts: String,
}

/// See [`Row`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Alone {
    pub(crate) key: ExecutionKey,
    pub(crate) event_id: u64,
    pub(crate) event_type: String,
    pub(crate) text: Option<String>,
}

/// One step along a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) chunks: Vec<Chunk>,
    /// Where these begin: the position before, or the one taken in its place.
    pub(crate) began: Position,
    /// Where to go on, once these have been counted.
    pub(crate) position: Position,
    /// Events that are there and were not read yet; 0 when this step reached the end.
    pub(crate) backlog: u64,
    /// Events that were written and deleted since the position before, without having been read.
    pub(crate) missed: u64,
    /// Events that were counted before, and of which something has written the rows anew: they are left out.
    pub(crate) rewritten: u64,
    /// Events that had been read last are gone, deleted or undone: what was known of executions may be untrue.
    pub(crate) rewound: bool,
    /// The store went to another point of its history, or is another: how reading went on, for people.
    pub(crate) lost: Option<String>,
}

/// Takes what a read hands over piece by piece.
pub(crate) type Take<'a> = dyn FnMut(&Chunk) + Send + 'a;

/// One execution.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ExecutionKey {
    pub(crate) instance_id: Box<str>,
    pub(crate) execution_id: u64,
}

impl Chunk {
    /// Hands over the rows, one by one.
    pub(crate) fn each<'a>(&'a self, mut take: impl FnMut(Row<'a>)) {
        let columns = match self {
            Self::Joined(columns) => columns,
            Self::One(Alone { key, event_id, event_type, text }) => {
                return take(Row {
                    instance_id: &key.instance_id,
                    execution_id: key.execution_id,
                    event_id: *event_id,
                    event_type,
                    text: text.as_deref(),
                });
            }
        };
        let Columns { instances, executions, events, types, texts } = columns;
        let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or(0);
        let (mut instances, mut executions) = (split(instances), split(executions));
        let (mut events, mut types) = (split(events), split(types));
        for text in split(texts) {
            take(Row {
                instance_id: instances.next().unwrap_or_default(),
                execution_id: number(executions.next()),
                event_id: number(events.next()),
                event_type: types.next().unwrap_or_default(),
                text: Some(text),
            });
        }
    }

    /// How many rows there are.
    #[cfg(feature = "exporter")]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Joined(columns) => pieces(&columns.texts),
            Self::One(_) => 1,
        }
    }
}

#[cfg(any(test, feature = "postgres", feature = "sqlite"))]
impl Columns {
    /// Adds a row; `false` if it has to be by itself.
    pub(crate) fn push(&mut self, row: Row<'_>) -> bool {
        let Row { instance_id, execution_id, event_id, event_type, text } = row;
        let Some(text) =
            text.filter(|text| ![instance_id, event_type, text].iter().any(|t| t.contains(SEPARATOR)))
        else {
            return false;
        };
        // Every column has something of each row before, if only a separator.
        if !self.executions.is_empty() {
            for column in [
                &mut self.instances,
                &mut self.executions,
                &mut self.events,
                &mut self.types,
                &mut self.texts,
            ] {
                column.push(SEPARATOR);
            }
        }
        self.instances += instance_id;
        self.executions += &execution_id.to_string();
        self.events += &event_id.to_string();
        self.types += event_type;
        self.texts += text;
        true
    }
}

#[cfg(any(test, feature = "postgres", feature = "sqlite"))]
impl From<Row<'_>> for Chunk {
    fn from(row: Row<'_>) -> Self {
        let Row { instance_id, execution_id, event_id, event_type, text } = row;
        Self::One(Alone {
            key: ExecutionKey { instance_id: instance_id.into(), execution_id },
            event_id,
            event_type: event_type.to_owned(),
            text: text.map(str::to_owned),
        })
    }
}

fn split(joined: &str) -> impl Iterator<Item = &str> {
    joined.split(SEPARATOR)
}

/// How many values are joined.
#[cfg(any(feature = "exporter", feature = "sqlite"))]
pub(crate) fn pieces(joined: &str) -> usize {
    memchr::memchr_iter(SEPARATOR as u8, joined.as_bytes()).count() + 1
}
