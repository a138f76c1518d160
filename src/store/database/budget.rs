//! How long a call may look around, and how large its answer may be.

use std::time::{Duration, Instant};

/// Time for what can be ended early and gone on with later.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Budget(Duration);

impl Budget {
    /// A page that has to look for its entries.
    pub(in crate::store) fn list(limit: Duration) -> Self {
        Self::at_most(Duration::from_secs(2), limit)
    }

    pub(in crate::store) fn search(limit: Duration) -> Self {
        Self::at_most(Duration::from_secs(5), limit)
    }

    /// A count cannot be gone on with: it takes what there is.
    pub(in crate::store) fn count(limit: Duration) -> Self {
        Self::at_most(limit, limit)
    }

    /// Counting history, which is for most stores the greatest part by far.
    pub(in crate::store) fn events(limit: Duration) -> Self {
        Self::at_most(Duration::from_secs(1), limit)
    }

    /// Some of the call's own limit stays for what comes after.
    fn at_most(time: Duration, limit: Duration) -> Self {
        Self(time.min(limit.mul_f64(0.8)))
    }

    pub(in crate::store) fn deadline(self) -> Instant {
        Instant::now() + self.0
    }
}

/// Bytes of payload in one page: enough for a page of people's interest, little to hold in memory.
const PAGE_BYTES: usize = 8 << 20;

/// Entries in one page, whatever is asked for.
const PAGE_ENTRIES: usize = 10_000;

/// Whether one more entry fits on a page.
#[derive(Debug)]
pub(in crate::store) struct Room {
    entries: usize,
    bytes: usize,
}

impl Room {
    pub(in crate::store) fn new(limit: usize) -> Self {
        Self { entries: limit.min(PAGE_ENTRIES), bytes: PAGE_BYTES }
    }

    /// Entries that still fit, as a database counts them.
    #[cfg(feature = "postgres")]
    pub(in crate::store) fn entries_left(&self) -> i64 {
        i64::try_from(self.entries).unwrap_or(i64::MAX - 1)
    }

    /// Bytes that still fit, likewise.
    #[cfg(feature = "postgres")]
    pub(in crate::store) fn bytes_left(&self) -> i64 {
        i64::try_from(self.bytes).unwrap_or(i64::MAX)
    }

    pub(in crate::store) fn is_full(&self) -> bool {
        self.entries == 0 || self.bytes == 0
    }

    /// Takes the room of one entry; the one that crosses the limit is the last.
    pub(in crate::store) fn take(&mut self, bytes: usize) {
        self.entries = self.entries.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}
