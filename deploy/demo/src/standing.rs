//! What runs as long as the shop does: monitors and inboxes that continue as new, and subscriptions that sleep for
//! days.

use std::time::Duration;

use anyhow::Context as _;
use duroxide::{Client, Either2, OrchestrationContext, OrchestrationRegistryBuilder};
use serde::{Deserialize, Serialize};

use crate::activities::{ANSWER_CUSTOMER, COUNT_STOCK, ENGRAVE_GIFT, SEND_EMAIL};
use crate::domain::{PRODUCTS, WAREHOUSES};
use crate::typed::decode;

const MONITOR_INVENTORY: &str = "MonitorInventory";
const CUSTOMER_INBOX: &str = "CustomerInbox";
const RENEW_SUBSCRIPTION: &str = "RenewSubscription";
const ENGRAVE_ORDER: &str = "EngraveOrder";

/// The queue from which a customer's inbox reads.
pub(crate) const MESSAGES: &str = "messages";
const INBOXES: u64 = 6;
/// All days ahead: they must never look like a backlog.
const SUBSCRIPTIONS: u64 = 24;
/// Few, and always the same number: each waits for ever.
const ENGRAVINGS: u64 = 3;
/// No worker has this tag, as if the only engraving machine had been sold.
const ENGRAVER: &str = "engraver";

const DAY: Duration = Duration::from_secs(24 * 3600);
const COUNTS_PER_EXECUTION: u64 = 4;
const COUNT_INTERVAL: Duration = Duration::from_secs(8);
const LOW_STOCK: u64 = 20;
const MESSAGES_PER_EXECUTION: u64 = 5;
const SILENCE: Duration = Duration::from_secs(45);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Monitor {
    warehouse: String,
    counts: u64,
}

pub(crate) fn register(builder: OrchestrationRegistryBuilder) -> OrchestrationRegistryBuilder {
    builder
        .register_typed(MONITOR_INVENTORY, monitor_inventory)
        .register_typed(CUSTOMER_INBOX, customer_inbox)
        .register_typed(RENEW_SUBSCRIPTION, renew_subscription)
        .register(ENGRAVE_ORDER, engrave_order)
}

/// The inbox with this number, counted round.
pub(crate) fn inbox(number: u64) -> String {
    format!("inbox-{}", number % INBOXES)
}

/// All instances that continue as new, whose old executions have to be cleared away.
pub(crate) fn eternal() -> impl Iterator<Item = String> {
    WAREHOUSES.iter().map(|warehouse| monitor(warehouse)).chain((0..INBOXES).map(inbox))
}

fn monitor(warehouse: &str) -> String {
    format!("inventory-{warehouse}")
}

/// Starts what a kept store does not already have.
pub(crate) async fn start(client: &Client, unserved_tag: bool) -> anyhow::Result<()> {
    for warehouse in WAREHOUSES {
        let input = Monitor { warehouse: warehouse.to_owned(), counts: 0 };
        ensure(client, &monitor(warehouse), MONITOR_INVENTORY, input).await?;
    }
    for number in 0..INBOXES {
        ensure(client, &inbox(number), CUSTOMER_INBOX, 0_u64).await?;
    }
    for number in 0..SUBSCRIPTIONS {
        ensure(client, &format!("subscription-{number:02}"), RENEW_SUBSCRIPTION, 1 + number).await?;
    }
    if unserved_tag {
        for number in 0..ENGRAVINGS {
            ensure(client, &format!("engraving-{number}"), ENGRAVE_ORDER, format!("gift {number}")).await?;
        }
    }
    Ok(())
}

async fn ensure(
    client: &Client,
    instance: &str,
    orchestration: &str,
    input: impl Serialize,
) -> anyhow::Result<()> {
    // Asked of the instance and not of its status: the status needs the whole history, and only its existence matters.
    if client.get_instance_info(instance).await.is_ok() {
        return Ok(());
    }
    client
        .start_orchestration_typed(instance, orchestration, input)
        .await
        .with_context(|| format!("cannot start {instance}"))
}

async fn monitor_inventory(ctx: OrchestrationContext, monitor: Monitor) -> Result<String, String> {
    let products = u64::try_from(PRODUCTS.len()).unwrap_or(1);
    for count in monitor.counts..monitor.counts + COUNTS_PER_EXECUTION {
        let position = usize::try_from(count % products).unwrap_or_default();
        let product = PRODUCTS.get(position).copied().unwrap_or_default();
        ctx.set_custom_status(format!("counting {product}"));
        let level: u64 = decode(ctx.schedule_activity(COUNT_STOCK, product).await)?;
        ctx.set_kv_value(product, level.to_string());
        ctx.set_custom_status(if level < LOW_STOCK { "low stock" } else { "asleep" });
        ctx.schedule_timer(COUNT_INTERVAL).await;
    }
    let next = Monitor { counts: monitor.counts + COUNTS_PER_EXECUTION, ..monitor };
    ctx.continue_as_new_typed(&next).await
}

/// Answers what arrives on the queue; after a silence the conversation is over and its notes are thrown away.
async fn customer_inbox(ctx: OrchestrationContext, answered: u64) -> Result<String, String> {
    let mut answered = answered;
    for _ in 0..MESSAGES_PER_EXECUTION {
        let message = ctx.dequeue_event(MESSAGES);
        let silence = ctx.schedule_timer(SILENCE);
        match ctx.select2(message, silence).await {
            Either2::First(message) => {
                let answer = ctx.schedule_activity(ANSWER_CUSTOMER, message).await?;
                answered += 1;
                ctx.set_kv_value("last_answer", answer);
                ctx.set_custom_status(format!("{answered} answered"));
            }
            Either2::Second(()) => {
                ctx.clear_all_kv_values();
                break;
            }
        }
    }
    ctx.continue_as_new_typed(&answered).await
}

async fn renew_subscription(ctx: OrchestrationContext, days: u64) -> Result<String, String> {
    ctx.set_custom_status(format!("renews in {days} days"));
    ctx.schedule_timer(DAY.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX))).await;
    ctx.schedule_activity(SEND_EMAIL, "your subscription was renewed").await
}

async fn engrave_order(ctx: OrchestrationContext, gift: String) -> Result<String, String> {
    ctx.schedule_activity(ENGRAVE_GIFT, gift).with_tag(ENGRAVER).await
}
