//! Bad days on a schedule: every few minutes a service becomes slow, all workers wait for it, and work piles up behind
//! them and is worked off afterwards. This is what somebody on call has to recognise.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use duroxide::Client;
use tokio::time::{Instant, sleep, sleep_until};

use crate::console;
use crate::world::{Outage, World};

const LENGTH: Duration = Duration::from_secs(40);
/// In turns: one holds up untagged activities, the other those with the tag of the label printers.
const OUTAGES: [(Outage, &str); 2] =
    [(Outage::PaymentProvider, "the payment provider"), (Outage::LabelPrinter, "the label printer")];

/// When the bad days come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Calendar {
    every: Duration,
    /// Time to the first one.
    pub(crate) first: Duration,
    /// Position of the first one in `OUTAGES`.
    turn: usize,
}

impl Calendar {
    /// For a shop with a store of its own: early, so that a short visit sees one too.
    pub(crate) fn own(every: Duration) -> Self {
        Self { every, first: every / 4, turn: 0 }
    }

    /// For shops that share a store. A service that is slow is slow for all of them, or those for whom it is not would
    /// work off what piles up; they agree by the clock.
    pub(crate) fn shared(every: Duration) -> Self {
        Self::shared_at(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(), every)
    }

    fn shared_at(now: Duration, every: Duration) -> Self {
        let every_ms = every.as_millis().max(1);
        let turn = now.as_millis() / every_ms + 1;
        let first = u64::try_from(turn * every_ms - now.as_millis()).unwrap_or_default();
        Self { every, first: Duration::from_millis(first), turn: usize::from(turn % 2 == 1) }
    }
}

pub(crate) async fn run(client: Client, world: Arc<World>, calendar: Calendar) {
    let Calendar { every, first, turn } = calendar;
    // The rest of the time must suffice to work off what has piled up.
    let length = LENGTH.min(every / 3);
    let mut begins = Instant::now() + first;
    for (outage, name) in OUTAGES.into_iter().cycle().skip(turn) {
        sleep_until(begins).await;
        world.set_slow(outage, true);
        console::say(&format!("backlog episode begins: {name} is slow for {} s", length.as_secs()));
        sleep(length).await;
        world.set_slow(outage, false);
        console::say(&format!("backlog episode ends: {name} is back{}", waiting(&client).await));
        begins += every;
    }
}

async fn waiting(client: &Client) -> String {
    match client.get_queue_depths().await {
        Ok(depths) => format!(", {} activities are waiting", depths.worker_queue),
        // Only a remark: the episode ends all the same.
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shops_that_share_a_store_agree() {
        let every = Duration::from_secs(240);
        let at = |seconds| Calendar::shared_at(Duration::from_secs(seconds), every);
        let seconds = Duration::from_secs;
        assert_eq!(at(240 * 10 + 30), Calendar { every, first: seconds(210), turn: 1 });
        assert_eq!(at(240 * 10 + 239), Calendar { every, first: seconds(1), turn: 1 });
        // The moment itself is left to those that are already there.
        assert_eq!(at(240 * 11), Calendar { every, first: seconds(240), turn: 0 });
    }
}
