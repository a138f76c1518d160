//! Which activities are further tries of an earlier one.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};

use crate::history::Event;

/// Recognises tries of the same call: same activity, input, session and tag.
///
/// The framework records no attempt number; a retry is one more `ActivityScheduled` after the try before was given
/// up. Calls that run side by side are no tries of each other, however equal they are. An entry is named by its
/// index.
#[derive(Debug, Default)]
pub(super) struct Tries {
    /// Inputs may be large: only their hash is kept, keyed so that nobody can make calls collide.
    hasher: RandomState,
    open: HashMap<usize, Try>,
    calls: HashMap<u64, Call>,
}

#[derive(Debug)]
struct Try {
    call: u64,
    turn: Option<u64>,
}

#[derive(Debug, Default)]
struct Call {
    /// Failed or dropped, and not tried again so far; the oldest first.
    given_up: VecDeque<usize>,
    /// The turn of `fresh`.
    turn: Option<u64>,
    /// Begun in that turn, as the first try of something.
    fresh: VecDeque<usize>,
}

impl Tries {
    /// An activity is scheduled: the entry it is the next try of.
    pub(super) fn begin(&mut self, entry: usize, event: &Event, turn: Option<u64>) -> Option<usize> {
        // By its hash alone, -1 is the same number as the greatest.
        let field = |name| event.fields.get(name).map(|value| (value.is_i64(), value));
        let hash = self.hasher.hash_one(["name", "input", "session_id", "tag"].map(field));
        self.open.insert(entry, Try { call: hash, turn });
        let call = self.calls.entry(hash).or_default();
        if call.turn != turn {
            call.turn = turn;
            call.fresh.clear();
        }
        let before = call.given_up.pop_front();
        if before.is_none() {
            call.fresh.push_back(entry);
        }
        before
    }

    /// A try has ended well, or can have no successor because its execution has ended.
    pub(super) fn end(&mut self, entry: usize) {
        self.open.remove(&entry);
    }

    /// A try has failed: the next such call is its successor.
    pub(super) fn fail(&mut self, entry: usize) {
        if let Some(Try { call, .. }) = self.open.remove(&entry) {
            self.calls.entry(call).or_default().given_up.push_back(entry);
        }
    }

    /// A try was dropped, as by a time limit: its successor, if that is there already.
    ///
    /// What a turn drops is recorded after what the same turn schedules, so a call of this turn may be the next try
    /// of the dropped one, unless both are of this turn.
    pub(super) fn drop(&mut self, entry: usize, turn: Option<u64>) -> Option<usize> {
        let dropped = self.open.remove(&entry)?;
        let call = self.calls.get_mut(&dropped.call)?;
        if call.turn == turn
            && dropped.turn != turn
            && let Some(successor) = call.fresh.pop_front()
        {
            return Some(successor);
        }
        call.given_up.push_back(entry);
        None
    }
}
