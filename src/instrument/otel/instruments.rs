//! The instruments of a meter.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};

use crate::method::Method;

/// The boundaries that the messaging conventions advise, in seconds.
const BOUNDARIES: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

#[derive(Debug)]
pub(crate) struct Instruments {
    duration: Histogram<f64>,
    empty: Counter<u64>,
    system: KeyValue,
}

impl Instruments {
    pub(crate) fn new(meter: &Meter, system: &str) -> Self {
        Self {
            duration: meter
                .f64_histogram("messaging.client.operation.duration")
                .with_unit("s")
                .with_description(
                    "Duration of calls on the queues of the provider; empty receives are not in it.",
                )
                .with_boundaries(BOUNDARIES.to_vec())
                .build(),
            empty: meter
                .u64_counter("duroxide.provider.empty_receives")
                .with_unit("{receive}")
                .with_description("Receives that brought nothing.")
                .build(),
            system: KeyValue::new("messaging.system", system.to_owned()),
        }
    }

    pub(crate) fn call(&self, method: &Method, took: Duration, error_type: Option<&'static str>) {
        let (Some((operation, queue)), Some(kind)) = (method.operation, method.kind) else { return };
        let attributes = [
            self.system.clone(),
            KeyValue::new("messaging.operation.name", operation),
            KeyValue::new("messaging.operation.type", kind),
            KeyValue::new("messaging.destination.name", queue.name()),
            // Only what failed has it: the last is left out of all others.
            KeyValue::new("error.type", error_type.unwrap_or_default()),
        ];
        let (_, without_error) = attributes.split_last().unwrap_or((&self.system, &[]));
        self.duration
            .record(took.as_secs_f64(), if error_type.is_some() { &attributes } else { without_error });
    }

    pub(crate) fn empty(&self, method: &Method) {
        let Some((_, queue)) = method.operation else { return };
        self.empty.add(1, &[self.system.clone(), KeyValue::new("messaging.destination.name", queue.name())]);
    }
}
