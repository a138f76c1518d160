//! Waiting for conditions.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

/// How long anything that must happen may take. Far longer than it ever does: other tests share the machine, and one that
/// waits in vain is told by what it last saw, not by its time.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Asks again and again until `condition` gives a value; `None` after [`PATIENCE`].
pub(crate) fn until<T>(mut condition: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(2);
    loop {
        let value = condition();
        if value.is_some() || Instant::now() >= deadline {
            return value;
        }
        sleep(pause);
        // Many conditions cost a process each.
        pause = (pause * 2).min(Duration::from_millis(40));
    }
}
