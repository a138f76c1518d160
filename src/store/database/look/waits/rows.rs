//! Rows of the queues and what each makes true, by the definitions of the census.

use std::collections::{HashMap, HashSet};

use super::Item;
use crate::history::Facts;
use crate::labels::{InstanceStatus, MessageState};
use crate::management::QueueEntry;
use crate::store::database::group::unsigned;

/// Rows kept for the report; further ones are counted only.
const MOST: usize = 100_000;

/// A row of a queue.
pub(in crate::store) struct Row {
    /// Whose it is.
    pub(in crate::store) instance: String,
    pub(in crate::store) entry: QueueEntry,
    pub(in crate::store) item: Item,
    pub(in crate::store) tag: Option<String>,
}

/// What takes rows one by one: there may be many, and each may be large before it is decoded.
pub(in crate::store) type RowSink<'a> = dyn FnMut(Row) + Send + 'a;

impl Row {
    /// As a message for orchestrations, of an instance that is left none over.
    pub(super) fn message(&self, facts: &mut Facts) {
        match self.entry.state {
            MessageState::Delayed if self.entry.is_retrying() => facts.retrying = true,
            // What is put off wakes it like a timer.
            MessageState::Delayed => facts.timer = true,
            _ => facts.ready = true,
        }
    }

    /// As an activity.
    pub(super) fn activity(&self, facts: &mut Facts) {
        if self.entry.is_retrying() {
            facts.retrying = true;
        } else {
            facts.activity = true;
        }
    }

    /// Whether it is a timer that is not due.
    fn sleeps(&self) -> bool {
        self.item.is_timer() && self.entry.state == MessageState::Delayed && !self.entry.is_retrying()
    }
}

/// How an instance stands.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct InstanceState {
    /// Its current execution and the framework's word for how that is. `None`: there is no such instance.
    pub(in crate::store) execution: Option<(i64, Option<String>)>,
    /// When its lock ends, if it has one.
    pub(in crate::store) lock_end_ms: Option<i64>,
}

impl InstanceState {
    pub(super) fn current(&self) -> Option<i64> {
        self.execution.as_ref().map(|(current, _)| *current)
    }

    pub(super) fn status(&self) -> Option<InstanceStatus> {
        self.execution.as_ref().map(|(_, status)| InstanceStatus::from_framework(status.as_deref()))
    }

    pub(super) fn is_locked(&self, now_ms: i64) -> bool {
        self.lock_end_ms.is_some_and(|end| end > now_ms)
    }

    /// Whether a row of its is a timer of an execution that has ended.
    pub(super) fn leaves_over(&self, row: &Row) -> bool {
        let (Some((current, status)), Some(of)) = (&self.execution, row.item.execution_id) else {
            return false;
        };
        let ended = matches!(status.as_deref(), Some("Completed" | "Failed" | "ContinuedAsNew"));
        row.item.is_timer() && (ended || of != unsigned(*current))
    }
}

/// Rows in the order in which they came.
#[derive(Default)]
pub(super) struct BoundedRows {
    pub(super) rows: Vec<Row>,
    /// There were more.
    pub(super) more: bool,
}

impl BoundedRows {
    pub(super) fn keep(&mut self, row: Row) {
        if self.rows.len() < MOST {
            self.rows.push(row);
        } else {
            self.more = true;
        }
    }
}

/// Which children live: those that run, and those that are about to start.
pub(super) struct LiveChildren {
    standings: HashMap<String, InstanceState>,
    living: HashSet<String>,
}

impl LiveChildren {
    pub(super) fn new(standings: HashMap<String, InstanceState>, now_ms: i64) -> Self {
        let lives = |child: &InstanceState| {
            child.status() == Some(InstanceStatus::Running) || child.is_locked(now_ms)
        };
        let living = standings.iter().filter(|(_, child)| lives(child)).map(|(id, _)| id.clone()).collect();
        Self { standings, living }
    }

    /// Children whose rows have to be looked up.
    pub(super) fn unsure(&self, children: &[String]) -> Vec<String> {
        children.iter().filter(|child| !self.has(child)).cloned().collect()
    }

    /// Takes a message for a child.
    pub(super) fn take(&mut self, row: &Row) {
        let left_over = self.standings.get(&row.instance).is_some_and(|child| child.leaves_over(row));
        if !left_over && !row.sleeps() {
            self.living.insert(row.instance.clone());
        }
    }

    pub(super) fn has(&self, child: &str) -> bool {
        self.living.contains(child)
    }

    pub(super) fn status(&self, child: &str) -> Option<InstanceStatus> {
        self.standings.get(child)?.status()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{message, row};
    use super::*;
    use crate::labels::WaitReason;

    fn reason_of(state: MessageState, attempts: u64, take: fn(&Row, &mut Facts)) -> WaitReason {
        let mut facts = Facts::default();
        take(&row(r#"{"QueueMessage":{"instance":"i"}}"#, state, attempts), &mut facts);
        facts.reason()
    }

    #[test]
    fn a_row_makes_true_what_the_census_says() {
        use MessageState::{Blocked, Delayed, InFlight, LeaseExpired, Ready};
        for state in [Ready, Blocked, InFlight, LeaseExpired] {
            for attempts in [0, 2] {
                assert_eq!(reason_of(state, attempts, Row::message), WaitReason::Ready);
                assert_eq!(reason_of(state, attempts, Row::activity), WaitReason::Activity);
            }
        }
        assert_eq!(reason_of(Delayed, 1, Row::message), WaitReason::Retrying);
        assert_eq!(reason_of(Delayed, 1, Row::activity), WaitReason::Retrying);
        assert_eq!(reason_of(Delayed, 0, Row::message), WaitReason::Timer);
        assert_eq!(reason_of(Delayed, 0, Row::activity), WaitReason::Activity);
    }

    fn standing(current: i64, status: &str) -> InstanceState {
        InstanceState { execution: Some((current, Some(status.to_owned()))), lock_end_ms: None }
    }

    #[test]
    fn only_timers_are_left_over() {
        let timer = row(
            r#"{"TimerFired":{"instance":"i","execution_id":2,"id":3,"fire_at_ms":9}}"#,
            MessageState::Delayed,
            0,
        );
        for (standing, left_over) in [
            (standing(2, "Running"), false),
            (standing(3, "Running"), true),
            (standing(2, "Completed"), true),
            (standing(2, "ContinuedAsNew"), true),
            (standing(2, "FromTheFuture"), false),
            (InstanceState::default(), false),
        ] {
            assert_eq!(standing.leaves_over(&timer), left_over, "{standing:?}");
            assert!(!standing.leaves_over(&message(MessageState::Ready)));
        }
        let damaged = row("{\"TimerFired\": cut", MessageState::Delayed, 0);
        assert!(!standing(3, "Running").leaves_over(&damaged), "nobody knows whose it is");
    }

    #[test]
    fn a_child_lives_that_runs_or_is_about_to_start() {
        let ids: Vec<String> = ["runs", "turns", "ended", "none", "i"].map(str::to_owned).to_vec();
        let locked = InstanceState { lock_end_ms: Some(11), ..InstanceState::default() };
        let standings = HashMap::from([
            ("runs".to_owned(), standing(1, "ContinuedAsNew")),
            ("turns".to_owned(), locked),
            ("ended".to_owned(), InstanceState { lock_end_ms: Some(10), ..standing(1, "Failed") }),
            ("none".to_owned(), InstanceState::default()),
            ("i".to_owned(), InstanceState::default()),
        ]);
        let mut lives = LiveChildren::new(standings, 10);
        assert_eq!(lives.unsure(&ids), ["ended", "none", "i"]);
        let sleeping = r#"{"TimerFired":{"instance":"i","execution_id":1,"id":3,"fire_at_ms":9}}"#;
        lives.take(&row(sleeping, MessageState::Delayed, 0));
        assert!(!lives.has("i"), "a timer starts nobody");
        // A start that is scheduled for later.
        lives.take(&message(MessageState::Delayed));
        assert!(lives.has("i") && !lives.has("ended"));
        assert_eq!(lives.status("ended"), Some(InstanceStatus::Failed));
        assert_eq!(lives.status("none"), None);
    }
}
