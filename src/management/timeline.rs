//! What one execution did when: its history told as activities, timers, waits and children.

mod builder;
mod entry;
mod model;
mod tries;
mod turns;
mod waits;

pub use builder::TimelineBuilder;
pub use model::{Timeline, TimelineEntry, TimelineKind, TimelineOutcome, TimelineParent};

#[cfg(test)]
mod tests;
