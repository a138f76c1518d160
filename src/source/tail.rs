//! The history of a store as it grows: where to go on, what was read, how to say where one is.
//!
//! What is read is text as it is stored. Reading it (SQL), decoding it and folding it are different work in different
//! rooms: a read is over, and its transaction ended, before the first event is decoded.

use serde::{Deserialize, Serialize};

/// Separates the texts of a [`Chunk`]: a control character that no JSON holds unescaped (RFC 7464 uses it likewise).
pub(crate) const SEPARATOR: u8 = 0x1e;

/// Where reading begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// Behind everything that is there.
    Now,
    /// With the oldest event that is still there.
    Beginning,
    /// Where an earlier read ended.
    After(Position),
}

/// How far a history has been read. Only the backend that made it understands it; everybody may store it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position(pub(crate) serde_json::Value);

/// Texts of events, in an order in which the events of each execution follow each other as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// Many, with a [`SEPARATOR`] between each and the next.
    Joined(Vec<u8>),
    /// One that is by itself.
    One(Vec<u8>),
    /// So many that are too large to be looked at, or no text at all: they are counted, and nothing else.
    Unreadable(u64),
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
    /// The position before is not to be found in this store at all: why, and how reading went on, for people.
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
    /// The texts, one by one.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &[u8]> {
        let text = match self {
            Self::Joined(text) | Self::One(text) => text.as_slice(),
            Self::Unreadable(_) => &[],
        };
        let ends = matches!(self, Self::Joined(_)).then(|| memchr::memchr_iter(SEPARATOR, text));
        let last = (!matches!(self, Self::Unreadable(_))).then_some(text.len());
        let mut begin = 0;
        ends.into_iter().flatten().chain(last).filter_map(move |end| {
            let one = text.get(begin..end);
            begin = end + 1;
            one
        })
    }

    /// The texts of many, if all of them are UTF-8.
    #[cfg(feature = "exporter")]
    pub(crate) fn utf8_texts(&self) -> Option<impl Iterator<Item = &str>> {
        let Self::Joined(texts) = self else { return None };
        Some(std::str::from_utf8(texts).ok()?.split(char::from(SEPARATOR)))
    }

    /// How many texts there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Joined(texts) => pieces(texts),
            Self::One(_) => 1,
            Self::Unreadable(_) => 0,
        }
    }

    /// Events that have no text here.
    pub(crate) fn unreadable(&self) -> u64 {
        match self {
            Self::Unreadable(events) => *events,
            Self::Joined(_) | Self::One(_) => 0,
        }
    }
}

/// How many texts are joined.
pub(crate) fn pieces(joined: &[u8]) -> usize {
    memchr::memchr_iter(SEPARATOR, joined).count() + 1
}
