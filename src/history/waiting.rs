//! Why a running instance waits: one reason, decided here for the metrics and for people alike.

use crate::labels::WaitReason;

/// What is known of a running instance at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own; any may hold together with any other"
)]
pub(crate) struct Facts {
    /// A runtime holds its lock.
    pub(crate) executing: bool,
    /// A message for it, a due timer included, may be taken now.
    pub(crate) ready: bool,
    /// A message for it, or one of its activities, was tried and is put off.
    pub(crate) retrying: bool,
    /// One of its activities is in the worker queue.
    pub(crate) activity: bool,
    /// A child it waits for lives, or is about to start.
    pub(crate) child: bool,
    /// It listens for an event from outside.
    pub(crate) event: bool,
    /// A timer of it is in the queue.
    pub(crate) timer: bool,
}

impl Facts {
    /// The first reason that holds. A lost race's timer stays in the queue, and so comes last.
    pub(crate) fn reason(self) -> WaitReason {
        let Self { executing, ready, retrying, activity, child, event, timer } = self;
        let reasons = [
            (executing, WaitReason::Executing),
            (ready, WaitReason::Ready),
            (retrying, WaitReason::Retrying),
            (activity, WaitReason::Activity),
            (child, WaitReason::Child),
            (event, WaitReason::Event),
            (timer, WaitReason::Timer),
        ];
        reasons.into_iter().find(|(holds, _)| *holds).map_or(WaitReason::Stuck, |(_, reason)| reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_counts() {
        let mut facts = Facts::default();
        assert_eq!(facts.reason(), WaitReason::Stuck);
        facts.timer = true;
        assert_eq!(facts.reason(), WaitReason::Timer);
        facts.event = true;
        assert_eq!(facts.reason(), WaitReason::Event);
        facts.child = true;
        assert_eq!(facts.reason(), WaitReason::Child);
        facts.activity = true;
        assert_eq!(facts.reason(), WaitReason::Activity);
        facts.retrying = true;
        assert_eq!(facts.reason(), WaitReason::Retrying);
        facts.ready = true;
        assert_eq!(facts.reason(), WaitReason::Ready);
        facts.executing = true;
        assert_eq!(facts.reason(), WaitReason::Executing);
    }
}
