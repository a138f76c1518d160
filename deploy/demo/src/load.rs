//! The customers: more at some hours than at others, and each with their own luck.

use std::f64::consts::TAU;
use std::time::{Duration, Instant};

use duroxide::{Client, ClientError, OrchestrationStatus};

use crate::dice::Dice;
use crate::domain::{Card, Order, OrderLine, PRODUCTS, UNREACHABLE_COUNTRY, WAREHOUSES};
use crate::orders::{PROCESS_ORDER, PROCESS_ORDER_VERSIONS, SHIPPING};
use crate::standing::{MESSAGES, inbox};

/// A "day" of the shop. Not a multiple of the time between episodes, so that these meet busy and quiet hours alike.
const WAVE_PERIOD: Duration = Duration::from_secs(5 * 60);
/// At noon 1.6 times the mean, at night 0.4 times.
const WAVE_AMPLITUDE: f64 = 0.6;
/// A customer who changes their mind looks at the order every now and then, and forgets about it after a minute.
const CANCEL_CHECK_INTERVAL: Duration = Duration::from_millis(1_500);
const CANCEL_CHECKS: u32 = 40;
/// A workflow that the old system still asks for and that nobody has written.
const IMPORT_LEGACY_ORDER: &str = "ImportLegacyOrder";
const COUNTRIES: [&str; 6] = ["AT", "DE", "ES", "FR", "IT", "PT"];

/// `shop`: stands in all ids, as each run counts from one. An id that exists is not started a second time, neither when
/// a kept store is opened again nor when two shops share one.
pub(crate) async fn run(client: Client, dice: Dice, shop: String, rate: f64) {
    let began = Instant::now();
    for number in 1.. {
        tokio::time::sleep(dice.gap(rate_now(rate, began.elapsed()))).await;
        if let Err(error) = arrival(&client, &dice, &shop, number).await {
            tracing::warn!(%error, number, "an arrival was turned away");
        }
    }
}

fn rate_now(mean: f64, elapsed: Duration) -> f64 {
    let phase = elapsed.as_secs_f64() / WAVE_PERIOD.as_secs_f64();
    mean * (1.0 + WAVE_AMPLITUDE * (TAU * phase).sin())
}

async fn arrival(client: &Client, dice: &Dice, shop: &str, number: u64) -> Result<(), ClientError> {
    let instance = format!("order-{shop}-{number}");
    let [first, second] = PROCESS_ORDER_VERSIONS;
    let version = if dice.chance(0.3) { first } else { second };
    client
        .start_orchestration_versioned_typed(&instance, PROCESS_ORDER, version, order(dice, number))
        .await?;
    if dice.chance(0.04) {
        tokio::spawn(cancel_while_shipping(client.clone(), instance));
    }
    if dice.chance(0.1) {
        client.enqueue_event(inbox(dice.next()), MESSAGES, format!("where is order {number}?")).await?;
    }
    if dice.chance(0.004) {
        client
            .start_orchestration(format!("legacy-{shop}-{number}"), IMPORT_LEGACY_ORDER, number.to_string())
            .await?;
    }
    Ok(())
}

fn order(dice: &Dice, number: u64) -> Order {
    // Nearly always one to three lines; a page that was open for too long sends none.
    let lines = if dice.chance(0.008) { 0 } else { dice.between(1, 3) };
    let line = |_| OrderLine {
        product: dice.pick(&PRODUCTS).to_owned(),
        quantity: dice.between(1, 3),
        unit_cents: dice.between(300, 20_000),
    };
    Order {
        number,
        customer: format!("customer-{}", dice.between(1, 5_000)),
        country: if dice.chance(0.01) { UNREACHABLE_COUNTRY } else { dice.pick(&COUNTRIES) }.to_owned(),
        warehouse: dice.pick(&WAREHOUSES).to_owned(),
        card: if dice.chance(0.04) { Card::Declined } else { Card::Good },
        express: dice.chance(0.15),
        lines: (0..lines).map(line).collect(),
    }
}

/// Customers change their mind when they read that the parcel is being packed.
///
/// Earlier would be dangerous: if an order is cancelled in the very turn in which it starts its child, the framework
/// cancels the child without having started it, and on SQLite a cancellation for an instance that does not exist stays
/// at the head of the queue for ever and stops all work. Once the status says `shipping`, the child's start is stored.
async fn cancel_while_shipping(client: Client, instance: String) {
    for _ in 0..CANCEL_CHECKS {
        tokio::time::sleep(CANCEL_CHECK_INTERVAL).await;
        match client.get_orchestration_status(&instance).await {
            Ok(OrchestrationStatus::Running { custom_status: Some(status), .. }) if status == SHIPPING => {
                if let Err(error) = client.cancel_instance(&instance, "cancelled by the customer").await {
                    tracing::warn!(%error, instance, "a cancellation was lost");
                }
                return;
            }
            // Still waiting for its first turn, or for the money; or the store was busy.
            Ok(OrchestrationStatus::Running { .. } | OrchestrationStatus::NotFound) | Err(_) => {}
            Ok(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wave_keeps_its_mean() {
        let steps = 600_u32;
        let total: f64 = (0..steps).map(|step| rate_now(3.0, WAVE_PERIOD * step / steps)).sum();
        assert!((total / f64::from(steps) - 3.0).abs() < 0.01);
    }

    #[test]
    fn same_seed_same_orders() {
        let orders =
            |seed| format!("{:?}", (0..50).map(|n| order(&Dice::new(seed + n), n)).collect::<Vec<_>>());
        assert_eq!(orders(5), orders(5));
        assert_ne!(orders(5), orders(6));
    }
}
