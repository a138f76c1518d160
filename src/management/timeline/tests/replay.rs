//! The matching of waits against a copy of the framework's own: what its replay computes anew for every look at a
//! wait, from all waits and arrivals of the name (`CtxInner` in duroxide's `lib.rs`).

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::management::timeline::waits::{Channel, Ending, Waits};

const FIRST_WITH_THE_POLICY: &str = "0.1.31";

#[derive(Debug, Clone, Copy)]
enum Op {
    /// A wait; somebody awaits it, or nobody looks at it.
    Wait {
        awaited: bool,
    },
    Arrive,
    /// Drops one of the waits, counted from the newest.
    Drop(usize),
}

#[derive(Default)]
struct Replay {
    queue: bool,
    discards: bool,
    waits: Vec<(usize, bool)>,
    cancelled: HashSet<usize>,
    arrivals: Vec<u64>,
    resolved: BTreeMap<usize, u64>,
}

impl Replay {
    fn arrival_index(&self, wait: usize) -> Option<usize> {
        if self.cancelled.contains(&wait) {
            return None;
        }
        Some(
            self.waits
                .iter()
                .take_while(|(id, _)| *id != wait)
                .filter(|(id, _)| !self.cancelled.contains(id))
                .count(),
        )
    }

    fn arrive(&mut self, event: u64) {
        let active = self.waits.iter().filter(|(id, _)| !self.cancelled.contains(id)).count();
        if self.queue || active > self.arrivals.len() {
            self.arrivals.push(event);
        }
    }

    /// Whether the framework would let this one be dropped: what has its answer is no longer there to be dropped.
    fn drop(&mut self, wait: usize) -> bool {
        if self.resolved.contains_key(&wait) || self.cancelled.contains(&wait) {
            return false;
        }
        if let Some(index) = self.arrival_index(wait)
            && self.discards
            && index < self.arrivals.len()
        {
            self.arrivals.remove(index);
        }
        self.cancelled.insert(wait)
    }

    fn poll(&mut self) {
        for (wait, awaited) in self.waits.clone() {
            if awaited
                && !self.resolved.contains_key(&wait)
                && let Some(event) = self.arrival_index(wait).and_then(|index| self.arrivals.get(index))
            {
                self.resolved.insert(wait, *event);
            }
        }
    }
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => prop::bool::weighted(0.8).prop_map(|awaited| Op::Wait { awaited }),
        4 => Just(Op::Arrive),
        3 => (0..6_usize).prop_map(Op::Drop),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn waits_end_as_the_replay_ends_them(ops in prop::collection::vec(op(), 0..40), queue: bool, old: bool) {
        let channel = if queue { Channel::Queue } else { Channel::Event };
        let mut replay = Replay { queue, discards: !queue && !old, ..Replay::default() };
        let mut waits = Waits::default();
        waits.written_by(if old { "0.1.30" } else { FIRST_WITH_THE_POLICY });
        for (op, position) in ops.into_iter().zip(1_u64..) {
            let ending = Ending { event_id: position, at: at(position) };
            match op {
                Op::Wait { awaited } => {
                    let wait = replay.waits.len();
                    replay.waits.push((wait, awaited));
                    waits.wait(channel, "E", wait, position);
                }
                Op::Arrive => {
                    replay.arrive(position);
                    waits.arrive(channel, "E", ending, position);
                }
                Op::Drop(back) => {
                    let wait = replay.waits.len().checked_sub(back + 1);
                    if let Some(wait) = wait.filter(|wait| replay.drop(*wait)) {
                        waits.drop(wait, ending, position, None);
                    }
                }
            }
            replay.poll();
        }
        let settled: BTreeMap<usize, (TimelineOutcome, u64)> =
            waits.settle().into_iter().map(|(wait, outcome, end)| (wait, (outcome, end.event_id))).collect();
        for (wait, awaited) in &replay.waits {
            let found = settled.get(wait);
            let cancelled = found.is_some_and(|(outcome, _)| *outcome == TimelineOutcome::Cancelled);
            prop_assert_eq!(cancelled, replay.cancelled.contains(wait));
            if *awaited && !cancelled {
                prop_assert_eq!(found.map(|(_, event)| event), replay.resolved.get(wait), "wait {}", wait);
            }
        }
    }
}
