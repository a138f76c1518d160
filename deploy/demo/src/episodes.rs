//! Bad days on a schedule: every few minutes a service becomes slow, all workers wait for it, and work piles up behind
//! them and is worked off afterwards. This is what somebody on call has to recognise.

use std::sync::Arc;
use std::time::Duration;

use duroxide::Client;
use tokio::time::{Instant, sleep, sleep_until};

use crate::console;
use crate::world::{Outage, World};

const LENGTH: Duration = Duration::from_secs(40);
/// In turns: one holds up untagged activities, the other those with the tag of the label printers.
const OUTAGES: [(Outage, &str); 2] =
    [(Outage::PaymentProvider, "the payment provider"), (Outage::LabelPrinter, "the label printer")];

/// Early, so that a short visit sees one too.
pub(crate) fn first_after(every: Duration) -> Duration {
    every / 4
}

pub(crate) async fn run(client: Client, world: Arc<World>, every: Duration) {
    // The rest of the time must suffice to work off what has piled up.
    let length = LENGTH.min(every / 3);
    let mut begins = Instant::now() + first_after(every);
    for (outage, name) in OUTAGES.into_iter().cycle() {
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
