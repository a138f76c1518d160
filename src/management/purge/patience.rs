//! Waiting for a store that is busy.

use std::time::Duration;

use crate::management::ManagementError;

const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);
const WAITS: u32 = 8;

/// Bounded patience with one step of a purge. SQLite refuses a writer at once when another was quicker, so that a
/// busy runtime makes such errors common; all waits together are three seconds.
#[derive(Debug)]
pub(super) struct Patience {
    next: Duration,
    left: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self { next: FIRST, left: WAITS }
    }
}

impl Patience {
    /// Waits if `error` may pass and patience is left. Whether to try again.
    pub(super) async fn wait_after(&mut self, error: &ManagementError) -> bool {
        if !matches!(error, ManagementError::Unavailable(_)) || self.left == 0 {
            return false;
        }
        tokio::time::sleep(self.next).await;
        self.left -= 1;
        self.next = (self.next * 2).min(LONGEST);
        true
    }
}
