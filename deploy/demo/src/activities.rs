//! The work that is done outside the orchestrations: slow, flaky and now and then broken, as the real thing is.

use std::sync::Arc;

use duroxide::ActivityContext;
use duroxide::runtime::registry::ActivityRegistryBuilder;

use crate::domain::{Card, Order, OrderLine, Payment, PaymentAnswer};
use crate::world::{Outage, World};

pub(crate) const VALIDATE_ORDER: &str = "ValidateOrder";
pub(crate) const SCREEN_FOR_FRAUD: &str = "ScreenForFraud";
pub(crate) const RESERVE_STOCK: &str = "ReserveStock";
pub(crate) const RELEASE_STOCK: &str = "ReleaseStock";
pub(crate) const CHARGE_PAYMENT: &str = "ChargePayment";
pub(crate) const PICK_ITEMS: &str = "PickItems";
pub(crate) const PACK_PARCEL: &str = "PackParcel";
pub(crate) const PRINT_LABEL: &str = "PrintLabel";
pub(crate) const SEND_EMAIL: &str = "SendEmail";
pub(crate) const COUNT_STOCK: &str = "CountStock";
pub(crate) const ANSWER_CUSTOMER: &str = "AnswerCustomer";
pub(crate) const ENGRAVE_GIFT: &str = "EngraveGift";

/// The event with which the payment provider calls back.
pub(crate) const PAYMENT_CONFIRMED: &str = "PaymentConfirmed";

pub(crate) fn register(builder: ActivityRegistryBuilder, world: &Arc<World>) -> ActivityRegistryBuilder {
    // Each registration owns a handle to the world, and each call gets one of its own.
    macro_rules! with_world {
        ($activity:path) => {{
            let world = Arc::clone(world);
            move |ctx, input| $activity(ctx, input, Arc::clone(&world))
        }};
    }
    builder
        .register_typed(VALIDATE_ORDER, with_world!(validate_order))
        .register_typed(SCREEN_FOR_FRAUD, with_world!(screen_for_fraud))
        .register_typed(RESERVE_STOCK, with_world!(reserve_stock))
        .register_typed(RELEASE_STOCK, with_world!(release_stock))
        .register_typed(CHARGE_PAYMENT, with_world!(charge_payment))
        .register(PICK_ITEMS, with_world!(pick_items))
        .register(PACK_PARCEL, with_world!(handwork))
        .register(PRINT_LABEL, with_world!(print_label))
        .register(SEND_EMAIL, with_world!(send_email))
        .register_typed(COUNT_STOCK, with_world!(count_stock))
        .register(ANSWER_CUSTOMER, with_world!(answer_customer))
        .register(ENGRAVE_GIFT, with_world!(handwork))
}

async fn validate_order(_: ActivityContext, order: Order, world: Arc<World>) -> Result<u64, String> {
    world.work(5, 25).await;
    Ok(order.total_cents())
}

/// Usually quick; the few slow answers lose the race against the orchestration's patience and are cancelled.
async fn screen_for_fraud(ctx: ActivityContext, order: Order, world: Arc<World>) -> Result<u64, String> {
    let time =
        if world.dice.chance(0.04) { world.dice.millis(2_500, 4_000) } else { world.dice.millis(20, 80) };
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(order.number % 100),
        () = ctx.cancelled() => Err("screening abandoned".to_owned()),
    }
}

async fn reserve_stock(_: ActivityContext, line: OrderLine, world: Arc<World>) -> Result<u64, String> {
    world.work(10, 50).await;
    if world.dice.chance(0.004) {
        Err(format!("{} is out of stock", line.product))
    } else {
        Ok(line.quantity)
    }
}

async fn release_stock(_: ActivityContext, line: OrderLine, world: Arc<World>) -> Result<u64, String> {
    world.work(5, 20).await;
    Ok(line.quantity)
}

/// Asks the payment provider, which answers at once whether it accepts and calls back later when it has the money.
async fn charge_payment(
    ctx: ActivityContext,
    payment: Payment,
    world: Arc<World>,
) -> Result<PaymentAnswer, String> {
    world.visit(Outage::PaymentProvider, 30, 120).await;
    if world.dice.chance(0.12) {
        return Err("payment provider: 503 service unavailable".to_owned());
    }
    if payment.card == Card::Declined {
        return Ok(PaymentAnswer::Declined);
    }
    // One callback in fifty gets lost, and the order gives up waiting for it.
    if !world.dice.chance(0.02) {
        let delay = world.dice.millis(200, 4_000);
        let reference = format!("pay-{:08x}", world.dice.next() >> 32);
        let client = ctx.get_client();
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            if let Err(error) = client.raise_event(&payment.instance, PAYMENT_CONFIRMED, reference).await {
                tracing::warn!(instance = payment.instance, %error, "a payment confirmation was lost");
            }
        });
    }
    Ok(PaymentAnswer::Accepted)
}

#[expect(clippy::panic, reason = "broken activities are part of what there is to see")]
async fn pick_items(_: ActivityContext, order: String, world: Arc<World>) -> Result<String, String> {
    world.work(20, 90).await;
    if world.dice.chance(0.004) {
        panic!("barcode scanner returned an empty frame");
    }
    Ok(order)
}

/// Steps that differ in nothing but their name.
async fn handwork(_: ActivityContext, what: String, world: Arc<World>) -> Result<String, String> {
    world.work(15, 60).await;
    Ok(what)
}

async fn print_label(_: ActivityContext, order: String, world: Arc<World>) -> Result<String, String> {
    world.visit(Outage::LabelPrinter, 40, 150).await;
    Ok(format!("1Z{:010}-{order}", world.dice.between(0, 9_999_999_999)))
}

async fn send_email(_: ActivityContext, text: String, world: Arc<World>) -> Result<String, String> {
    world.work(10, 60).await;
    if world.dice.chance(0.02) { Err("mail server: 451 try again later".to_owned()) } else { Ok(text) }
}

async fn count_stock(_: ActivityContext, _product: String, world: Arc<World>) -> Result<u64, String> {
    world.work(5, 30).await;
    Ok(world.dice.between(0, 400))
}

async fn answer_customer(_: ActivityContext, message: String, world: Arc<World>) -> Result<String, String> {
    world.work(20, 100).await;
    Ok(format!("re: {message}"))
}
