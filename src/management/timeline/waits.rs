//! Which arrival ends which wait.
//!
//! The history does not say: an arrival has a name but no source. This repeats what the framework's replay does,
//! per name and in order:
//!
//! - an external event goes to the oldest wait that was there before it and has none; if there is no such wait it is
//!   lost. A queue's message stays until a wait takes it.
//! - a wait that was dropped takes nothing. What a dropped wait held without having looked at it is lost (external
//!   events since 0.1.31) or goes to the wait after it (queues, and external events of executions that an older
//!   framework began; the policy stays that of the execution's first event).
//! - since 0.1.31 a drop counts at once. It is recorded at the end of its turn, so arrivals of the same turn may stand
//!   between the two: it is taken to have happened on the first event that came in for the turn. That is right for
//!   waits that somebody was awaiting; where a turn without effects melted into the next, a wait that nobody looked
//!   at may pass an event on that it held.
//! - when the execution ends, the framework marks the waits it believes unanswered. It guesses, and wrongly where a
//!   dropped wait is followed by another of its name; so that mark does not take an arrival away.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};

use super::model::TimelineOutcome;
use crate::management::Timestamp;

/// An event that ends something.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    pub(super) event_id: u64,
    pub(super) at: Timestamp,
}

/// How the arrivals and the waits of a name find each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Channel {
    /// External events: only who waits already gets one.
    Event,
    /// A queue: messages wait, too.
    Queue,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Wait(usize),
    Arrive(Ending),
    Drop(usize, Ending),
    /// The execution ended first, says the framework.
    Outlive(usize, Ending),
}

/// Steps of one name, each with its position among the execution's events.
type Steps = Vec<(u64, Step)>;

/// Collects the waits and arrivals of one execution. A wait is named by the index of its entry.
#[derive(Debug, Default)]
pub(super) struct Waits {
    steps: HashMap<(Channel, String), Steps>,
    /// The name and the position of each wait.
    waits: HashMap<usize, ((Channel, String), u64)>,
    /// Whether drops count at once; `None` before the first event.
    at_once: Option<bool>,
}

impl Waits {
    /// The version of the framework that wrote an event; the first one decides.
    pub(super) fn written_by(&mut self, version: &str) {
        if self.at_once.is_none() && !version.is_empty() {
            self.at_once = Some(drops_count_at_once(version));
        }
    }

    pub(super) fn wait(&mut self, channel: Channel, name: &str, entry: usize, position: u64) {
        let key = (channel, name.to_owned());
        self.waits.insert(entry, (key.clone(), position));
        self.steps.entry(key).or_default().push((position, Step::Wait(entry)));
    }

    pub(super) fn arrive(&mut self, channel: Channel, name: &str, ending: Ending, position: u64) {
        self.steps.entry((channel, name.to_owned())).or_default().push((position, Step::Arrive(ending)));
    }

    /// A wait was dropped in the turn that began at `turn`.
    pub(super) fn drop(&mut self, entry: usize, ending: Ending, position: u64, turn: Option<u64>) {
        let Some((key, began)) = self.waits.get(&entry) else { return };
        let at = match (self.at_once, turn) {
            (Some(true), Some(turn)) => turn.max(*began),
            _ => position,
        };
        self.steps.entry(key.clone()).or_default().push((at, Step::Drop(entry, ending)));
    }

    /// The execution ends, and this wait with it.
    pub(super) fn outlive(&mut self, entry: usize, ending: Ending, position: u64) {
        let Some((key, _)) = self.waits.get(&entry) else { return };
        self.steps.entry(key.clone()).or_default().push((position, Step::Outlive(entry, ending)));
    }

    /// How each wait ended; those that are missing are open.
    pub(super) fn settle(self) -> Vec<(usize, TimelineOutcome, Ending)> {
        let loses = self.at_once.unwrap_or(false);
        let mut all = Vec::with_capacity(self.waits.len());
        for ((channel, _), mut steps) in self.steps {
            // Stable: on the same position what was pushed first, the wait or the arrival, comes before the drop.
            steps.sort_by_key(|(position, _)| *position);
            let mut line = Line::new(channel, loses);
            for (_, step) in steps {
                line.take(step);
            }
            all.extend(line.ended.into_iter().map(|(entry, (outcome, ending))| (entry, outcome, ending)));
        }
        all
    }
}

/// Whether this version is at least 0.1.31. What is no version is old, as for the framework.
fn drops_count_at_once(version: &str) -> bool {
    let version = version.split('+').next().unwrap_or_default();
    let (numbers, released) = match version.split_once('-') {
        Some((numbers, _)) => (numbers, false),
        None => (version, true),
    };
    let mut numbers = numbers.split('.').map(|number| number.parse::<u64>());
    let (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) =
        (numbers.next(), numbers.next(), numbers.next(), numbers.next())
    else {
        return false;
    };
    (major, minor, patch, released) >= (0, 1, 31, true)
}

/// The waits and arrivals of one name.
///
/// The answered waits are the oldest active ones: as many as there are arrivals, or all.
#[derive(Debug)]
struct Line {
    channel: Channel,
    /// Whether what a dropped wait held is lost.
    loses: bool,
    /// Waits that were not given up, answered or not.
    active: usize,
    /// The unanswered ones, oldest first; those that were given up are still among them.
    waiting: VecDeque<usize>,
    arrived: Vec<Ending>,
    ended: HashMap<usize, (TimelineOutcome, Ending)>,
}

impl Line {
    fn new(channel: Channel, at_once: bool) -> Self {
        Self {
            channel,
            loses: at_once && channel == Channel::Event,
            active: 0,
            waiting: VecDeque::new(),
            arrived: Vec::new(),
            ended: HashMap::new(),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Wait(entry) => {
                if let Some(ending) = self.arrived.get(self.active) {
                    self.ended.insert(entry, (TimelineOutcome::Completed, *ending));
                } else {
                    self.waiting.push_back(entry);
                }
                self.active += 1;
            }
            Step::Arrive(ending) => {
                if self.channel == Channel::Queue || self.active > self.arrived.len() {
                    self.arrived.push(ending);
                    self.answer_next(ending);
                }
            }
            Step::Drop(entry, ending) => {
                let before = self.ended.get(&entry).map(|(outcome, _)| *outcome);
                if before == Some(TimelineOutcome::Cancelled) {
                    return;
                }
                self.give_up(entry, ending);
                if before == Some(TimelineOutcome::Completed) {
                    self.pass_on();
                }
            }
            Step::Outlive(entry, ending) => {
                if !self.ended.contains_key(&entry) {
                    self.give_up(entry, ending);
                }
            }
        }
    }

    fn give_up(&mut self, entry: usize, ending: Ending) {
        self.ended.insert(entry, (TimelineOutcome::Cancelled, ending));
        self.active = self.active.saturating_sub(1);
    }

    /// What a dropped wait held moves every later answer up by one: the newest is left over.
    fn pass_on(&mut self) {
        if self.loses {
            self.arrived.pop();
        } else if let Some(ending) = self.arrived.last().copied() {
            self.answer_next(ending);
        }
    }

    fn answer_next(&mut self, ending: Ending) {
        while let Some(entry) = self.waiting.pop_front() {
            if let Entry::Vacant(vacant) = self.ended.entry(entry) {
                vacant.insert((TimelineOutcome::Completed, ending));
                return;
            }
        }
    }
}
