//! What the shop deals in. These types are the inputs of orchestrations and activities, so they are stored as JSON.

use serde::{Deserialize, Serialize};

pub(crate) const WAREHOUSES: [&str; 3] = ["hamburg", "lyon", "porto"];
pub(crate) const PRODUCTS: [&str; 8] =
    ["espresso-beans", "french-press", "grinder", "kettle", "milk-jug", "moka-pot", "scale", "tamper"];

/// No courier goes there.
pub(crate) const UNREACHABLE_COUNTRY: &str = "AQ";

/// An order as the web shop accepts it. What will go wrong with it is decided here and not while it is processed: an
/// orchestration has to take the same way each time it is replayed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) number: u64,
    pub(crate) customer: String,
    pub(crate) country: String,
    pub(crate) warehouse: String,
    pub(crate) card: Card,
    /// Promised for today: late is as bad as never.
    pub(crate) express: bool,
    pub(crate) lines: Vec<OrderLine>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct OrderLine {
    pub(crate) product: String,
    pub(crate) quantity: u64,
    pub(crate) unit_cents: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Card {
    Good,
    Declined,
}

/// What the payment provider is asked for. It calls back with the name of the order's instance.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Payment {
    pub(crate) instance: String,
    pub(crate) cents: u64,
    pub(crate) card: Card,
}

/// A refusal is an answer and not an error: errors are retried, and a declined card stays declined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PaymentAnswer {
    Accepted,
    Declined,
}

impl Order {
    pub(crate) fn items(&self) -> u64 {
        self.lines.iter().map(|line| line.quantity).sum()
    }

    pub(crate) fn total_cents(&self) -> u64 {
        self.lines.iter().map(|line| line.quantity * line.unit_cents).sum()
    }
}
