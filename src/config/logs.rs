//! Whether logs are sent, and where to.

use super::otlp::{Endpoint, Otlp};

/// The part of the settings that is about logs.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Logs {
    pub(crate) enabled: bool,
    /// For logs only; taken as it is.
    pub(crate) endpoint: Option<Endpoint>,
    /// How requests travel, where the standard variables say something else for logs than for metrics.
    pub(crate) otlp: Option<Otlp>,
}
