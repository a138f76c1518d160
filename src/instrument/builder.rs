//! What can be chosen about an instrumented provider.

use std::sync::Arc;

use duroxide::providers::Provider;

use super::decorator::Instrumented;
use super::leases::Leases;
#[cfg(feature = "otel")]
use super::otel::Instruments;
#[cfg(feature = "otel")]
use crate::trace_id::TraceIds;

impl Instrumented {
    /// Wraps a provider, with the defaults of the builder.
    #[must_use]
    pub fn wrap(provider: Arc<dyn Provider>) -> Arc<dyn Provider> {
        Self::builder().wrap(provider)
    }

    /// Wraps a provider with options.
    pub fn builder() -> InstrumentedBuilder {
        InstrumentedBuilder::new()
    }
}

/// Options of [`Instrumented`], see [`Instrumented::builder`].
#[derive(Clone, Debug)]
#[must_use]
pub struct InstrumentedBuilder {
    system: String,
    instance_ids: bool,
    #[cfg(feature = "otel")]
    ids: TraceIds,
    #[cfg(feature = "otel")]
    links: bool,
    #[cfg(feature = "otel")]
    meter: Option<opentelemetry::metrics::Meter>,
}

impl InstrumentedBuilder {
    pub(super) fn new() -> Self {
        Self {
            system: "duroxide".to_owned(),
            instance_ids: true,
            #[cfg(feature = "otel")]
            ids: TraceIds::default(),
            #[cfg(feature = "otel")]
            links: true,
            #[cfg(feature = "otel")]
            meter: None,
        }
    }

    /// The value of `messaging.system`; `duroxide` unless set.
    pub fn system(mut self, name: impl Into<String>) -> Self {
        self.system = name.into();
        self
    }

    /// Whether spans have `duroxide.instance.id`; they do unless this says no. Links are another matter: they hold a hash
    /// of the id.
    pub fn instance_ids(mut self, shown: bool) -> Self {
        self.instance_ids = shown;
        self
    }

    /// The namespace of the trace ids that spans link to (see [`TraceIds`](crate::TraceIds)), empty unless set: the same
    /// as that of whoever makes traces of the store's histories.
    #[cfg(feature = "otel")]
    pub fn namespace(mut self, namespace: &str) -> Self {
        self.ids = TraceIds::new(namespace);
        self
    }

    /// Whether spans link to the trace of their execution; they do unless this says no.
    #[cfg(feature = "otel")]
    pub fn links(mut self, made: bool) -> Self {
        self.links = made;
        self
    }

    /// Measures calls on the two queues with instruments of this meter; without one there are none.
    ///
    /// - `messaging.client.operation.duration`, a histogram in seconds of receives that brought something, settlements
    ///   and sends, with `messaging.system`, `messaging.operation.name`, `messaging.operation.type`,
    ///   `messaging.destination.name`, and `error.type` where they failed or were dropped;
    /// - `duroxide.provider.empty_receives`, a counter of receives that brought nothing. With providers that wait for
    ///   work their durations say how idle the application is, not how fast the store.
    #[cfg(feature = "otel")]
    pub fn meter(mut self, meter: opentelemetry::metrics::Meter) -> Self {
        self.meter = Some(meter);
        self
    }

    /// Wraps a provider.
    #[must_use]
    pub fn wrap(self, provider: Arc<dyn Provider>) -> Arc<dyn Provider> {
        Arc::new(Instrumented {
            inner: provider,
            #[cfg(feature = "otel")]
            instruments: self.meter.as_ref().map(|meter| Instruments::new(meter, &self.system)),
            system: self.system,
            instance_ids: self.instance_ids,
            turns: Leases::default(),
            work: Leases::default(),
            #[cfg(feature = "otel")]
            ids: self.links.then_some(self.ids),
        })
    }
}
