//! Lines of the log that were lost. The log belongs to the process, as its CPU time does: all exporters in it show them.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

static DROPPED: OnceLock<AtomicU64> = OnceLock::new();

/// Makes the counter exist at zero: this process writes a log that may lose lines.
pub(crate) fn announce() {
    counter();
}

/// A line found no place, or could not be written.
pub(crate) fn line_dropped() {
    counter().fetch_add(1, Ordering::Relaxed);
}

/// How many were lost; `None` where the log is not ours.
pub(crate) fn lines_dropped() -> Option<u64> {
    DROPPED.get().map(|dropped| dropped.load(Ordering::Relaxed))
}

fn counter() -> &'static AtomicU64 {
    DROPPED.get_or_init(AtomicU64::default)
}
