//! From the basket to the parcel. Orchestrations are replayed, so nothing here may depend on chance or on the clock.

use std::time::Duration;

use duroxide::{BackoffStrategy, Either2, OrchestrationContext, OrchestrationRegistryBuilder, RetryPolicy};

use crate::activities::{
    CHARGE_PAYMENT, PACK_PARCEL, PAYMENT_CONFIRMED, PICK_ITEMS, PRINT_LABEL, RELEASE_STOCK, RESERVE_STOCK,
    SCREEN_FOR_FRAUD, SEND_EMAIL, VALIDATE_ORDER,
};
use crate::domain::{Order, OrderLine, Payment, PaymentAnswer, UNREACHABLE_COUNTRY};
use crate::shop::LABEL_PRINTER;
use crate::typed::{decode, encode};

pub(crate) const PROCESS_ORDER: &str = "ProcessOrder";
pub(crate) const PROCESS_ORDER_VERSIONS: [&str; 2] = ["1.0.0", "2.0.0"];
/// The custom status of an order whose parcel is on its way.
pub(crate) const SHIPPING: &str = "shipping";
const SHIP_ORDER: &str = "ShipOrder";
const SEND_NOTIFICATION: &str = "SendNotification";

const CONFIRMATION_DEADLINE: Duration = Duration::from_secs(20);
/// Twice what shipping takes on a good day, so it is missed when there is a backlog.
const EXPRESS_DEADLINE: Duration = Duration::from_secs(10);
const FRAUD_SCREEN_PATIENCE: Duration = Duration::from_secs(2);

/// Two versions at once, as during every rollout: customers with an old page open still place orders of the first kind.
pub(crate) fn register(builder: OrchestrationRegistryBuilder) -> OrchestrationRegistryBuilder {
    let [first, second] = PROCESS_ORDER_VERSIONS;
    builder
        .register_versioned_typed(PROCESS_ORDER, first, process_order_v1)
        .register_versioned_typed(PROCESS_ORDER, second, process_order_v2)
        .register_typed(SHIP_ORDER, ship_order)
        .register(SEND_NOTIFICATION, send_notification)
}

async fn process_order_v1(ctx: OrchestrationContext, order: Order) -> Result<String, String> {
    ctx.set_custom_status("validating");
    let total: u64 = decode(ctx.schedule_activity(VALIDATE_ORDER, encode(&order)?).await)?;
    // Divides by zero if the basket is empty: the defect that 2.0.0 corrects. It stays, as some executions have to
    // fail by a panic.
    ctx.set_kv_value("average_item_cents", (total / order.items()).to_string());
    ctx.set_custom_status("reserving stock");
    reserve_stock(&ctx, &order.lines).await?;
    pay(&ctx, &order, total).await?;
    let tracking = ship(&ctx, &order).await?;
    ctx.reset_custom_status();
    Ok(tracking)
}

async fn process_order_v2(ctx: OrchestrationContext, order: Order) -> Result<String, String> {
    ctx.set_custom_status("validating");
    let total: u64 = decode(ctx.schedule_activity(VALIDATE_ORDER, encode(&order)?).await)?;
    if order.items() == 0 {
        return Err("the basket is empty".to_owned());
    }
    screen_for_fraud(&ctx, &order).await?;
    ctx.set_custom_status("reserving stock");
    ctx.set_kv_value("reserved_items", order.items().to_string());
    let outcome = match reserve_stock(&ctx, &order.lines).await {
        Ok(()) => match pay(&ctx, &order, total).await {
            Ok(()) => ship(&ctx, &order).await,
            Err(reason) => Err(reason),
        },
        Err(reason) => Err(reason),
    };
    if outcome.is_err() {
        ctx.set_custom_status("releasing stock");
        release_stock(&ctx, &order.lines).await?;
    }
    ctx.clear_kv_value("reserved_items");
    ctx.reset_custom_status();
    outcome
}

/// A slow screening is not waited for: a shop would rather bear a fraud than a customer who leaves.
async fn screen_for_fraud(ctx: &OrchestrationContext, order: &Order) -> Result<(), String> {
    let screening = ctx.schedule_activity(SCREEN_FOR_FRAUD, encode(order)?);
    let patience = ctx.schedule_timer(FRAUD_SCREEN_PATIENCE);
    match ctx.select2(screening, patience).await {
        Either2::First(score) => ctx.set_kv_value("fraud_score", score?),
        Either2::Second(()) => ctx.set_kv_value("fraud_score", "unknown"),
    }
    Ok(())
}

/// All lines at once; the first failure counts, but only when all have answered.
async fn reserve_stock(ctx: &OrchestrationContext, lines: &[OrderLine]) -> Result<(), String> {
    for_each_line(ctx, RESERVE_STOCK, lines).await
}

async fn release_stock(ctx: &OrchestrationContext, lines: &[OrderLine]) -> Result<(), String> {
    for_each_line(ctx, RELEASE_STOCK, lines).await
}

async fn for_each_line(
    ctx: &OrchestrationContext,
    activity: &str,
    lines: &[OrderLine],
) -> Result<(), String> {
    let mut calls = Vec::new();
    for line in lines {
        calls.push(ctx.schedule_activity(activity, encode(line)?));
    }
    ctx.join(calls).await.into_iter().collect::<Result<Vec<_>, _>>().map(drop)
}

async fn pay(ctx: &OrchestrationContext, order: &Order, cents: u64) -> Result<(), String> {
    // Subscribed before the charge: the provider's callback may overtake the answer of the activity, and an event
    // that nobody waits for is dropped.
    let confirmation = ctx.schedule_wait(PAYMENT_CONFIRMED);
    ctx.set_custom_status("charging the card");
    let payment = Payment { instance: ctx.instance_id(), cents, card: order.card };
    let patience = RetryPolicy::new(5).with_backoff(BackoffStrategy::Exponential {
        base: Duration::from_millis(200),
        multiplier: 2.0,
        max: Duration::from_secs(2),
    });
    let answer: PaymentAnswer =
        ctx.schedule_activity_with_retry_typed(CHARGE_PAYMENT, &payment, patience).await?;
    if answer == PaymentAnswer::Declined {
        return Err("the card was declined".to_owned());
    }
    ctx.set_custom_status("waiting for the payment to be confirmed");
    let deadline = ctx.schedule_timer(CONFIRMATION_DEADLINE);
    match ctx.select2(confirmation, deadline).await {
        Either2::First(reference) => {
            ctx.set_kv_value("payment_reference", reference);
            Ok(())
        }
        Either2::Second(()) => Err("the payment was not confirmed in time".to_owned()),
    }
}

async fn ship(ctx: &OrchestrationContext, order: &Order) -> Result<String, String> {
    ctx.set_custom_status(SHIPPING);
    let shipping = ctx.schedule_sub_orchestration(SHIP_ORDER, encode(order)?);
    let tracking = if order.express {
        let deadline = ctx.schedule_timer(EXPRESS_DEADLINE);
        // Losing the race drops the child, which cancels it.
        match ctx.select2(shipping, deadline).await {
            Either2::First(tracking) => tracking?,
            Either2::Second(()) => return Err("the express order was not shipped in time".to_owned()),
        }
    } else {
        shipping.await?
    };
    // Detached: the order is done whether or not the mail goes out.
    let notification = format!("notification-{}", ctx.instance_id());
    ctx.schedule_orchestration(
        SEND_NOTIFICATION,
        notification,
        format!("{}: your parcel {tracking}", order.customer),
    );
    Ok(tracking)
}

async fn ship_order(ctx: OrchestrationContext, order: Order) -> Result<String, String> {
    if order.country == UNREACHABLE_COUNTRY {
        return Err(format!("no courier delivers to {}", order.country));
    }
    ctx.set_custom_status("packing");
    // What was picked lies on the table of one packing station, so the next steps must happen there too.
    let station = format!("packing-{}-{}", order.warehouse, order.number % 2);
    for step in [PICK_ITEMS, PACK_PARCEL] {
        ctx.schedule_activity_on_session(step, order.number.to_string(), &station).await?;
    }
    let tracking =
        ctx.schedule_activity(PRINT_LABEL, order.number.to_string()).with_tag(LABEL_PRINTER).await?;
    ctx.set_custom_status("waiting for the courier");
    ctx.schedule_timer(Duration::from_secs(1 + order.number % 4)).await;
    Ok(tracking)
}

async fn send_notification(ctx: OrchestrationContext, text: String) -> Result<String, String> {
    let patience =
        RetryPolicy::new(3).with_backoff(BackoffStrategy::Fixed { delay: Duration::from_millis(500) });
    ctx.schedule_activity_with_retry(SEND_EMAIL, text, patience).await
}
