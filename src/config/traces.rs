//! Whether finished executions are sent as traces, and which, and how.

use std::time::Duration;

use super::otlp::{Endpoint, Otlp};

/// The part of the settings that is about traces.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Traces {
    pub(crate) enabled: bool,
    /// For traces only; taken as it is.
    pub(crate) endpoint: Option<Endpoint>,
    pub(crate) namespace: String,
    pub(crate) payloads: bool,
    pub(crate) backfill: bool,
    /// Of all traces, from 0 to 1.
    pub(crate) sample_ratio: f64,
    pub(crate) keep_failed: bool,
    pub(crate) keep_slower_than: Option<Duration>,
    /// How requests travel, where the standard variables say something else for traces than for metrics.
    pub(crate) otlp: Option<Otlp>,
}

impl Default for Traces {
    fn default() -> Self {
        Self {
            enabled: false,
            endpoint: None,
            namespace: String::new(),
            payloads: false,
            backfill: false,
            sample_ratio: 1.0,
            keep_failed: true,
            keep_slower_than: None,
            otlp: None,
        }
    }
}

pub(super) fn ratio(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err("must be a number from 0 to 1".to_owned()),
    }
}
