//! The world outside the workflows: chance, and services that have bad days.

use crate::dice::Dice;
use std::sync::atomic::{AtomicBool, Ordering};

/// A service that slows down for a while, so that work piles up behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outage {
    PaymentProvider,
    LabelPrinter,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) dice: Dice,
    payment_provider_slow: AtomicBool,
    label_printer_slow: AtomicBool,
}

impl World {
    pub(crate) fn new(dice: Dice) -> Self {
        Self {
            dice,
            payment_provider_slow: AtomicBool::new(false),
            label_printer_slow: AtomicBool::new(false),
        }
    }

    pub(crate) fn set_slow(&self, outage: Outage, slow: bool) {
        self.flag(outage).store(slow, Ordering::Relaxed);
    }

    /// Takes the time of an everyday step.
    pub(crate) async fn work(&self, low_ms: u64, high_ms: u64) {
        tokio::time::sleep(self.dice.millis(low_ms, high_ms)).await;
    }

    /// Takes the time of a step at a service that may be having a bad day. Bad means seconds: the few workers must be
    /// too few even in the quiet part of the load's wave.
    pub(crate) async fn visit(&self, service: Outage, low_ms: u64, high_ms: u64) {
        if self.flag(service).load(Ordering::Relaxed) {
            self.work(5_000, 7_000).await;
        } else {
            self.work(low_ms, high_ms).await;
        }
    }

    fn flag(&self, outage: Outage) -> &AtomicBool {
        match outage {
            Outage::PaymentProvider => &self.payment_provider_slow,
            Outage::LabelPrinter => &self.label_printer_slow,
        }
    }
}
