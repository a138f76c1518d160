//! Families as OTLP messages: the same moment that a scrape would show, under the same names.
//!
//! Pure: it reads the families it is given and remembers, in [`Starts`], since when it has seen the counters whose
//! beginning nobody knows. `split` keeps each request below the size that servers take. Sending is not done here.
//!
//! Every point has the time of the push, also those of a snapshot that is older. A scrape does the same, and both
//! outputs say how old the values are in `duroxide_snapshot_age_seconds`: with two stories of age, an alert on one of
//! the pipelines would be wrong. `process.*` is left out: that name space is the semantic conventions', which give it
//! other names and meanings, and what runs a collector has them already.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    Exemplar as Message, HistogramDataPoint, NumberDataPoint, exemplar as exemplar_value, number_data_point,
};

use super::exemplar;
use crate::catalogue::Kind;
use crate::metrics::{Exemplar, Family, Sample, Value};

mod split;
mod starts;

#[cfg(test)]
mod tests;

use split::{Point, Splitter};
pub(crate) use starts::Starts;

/// Encoded size that no request exceeds. gRPC servers take 4 MiB unless told otherwise.
const LIMIT: usize = 3 << 20;

/// The families of the process, see above.
const PROCESS: &str = "process.";

/// Requests that together hold every point once, none without a point.
pub(crate) fn requests(
    families: &[Family],
    resource: &[(String, String)],
    now: SystemTime,
    starts: &mut Starts,
) -> Vec<ExportMetricsServiceRequest> {
    with_limit(families, resource, now, starts, LIMIT)
}

fn with_limit(
    families: &[Family],
    resource: &[(String, String)],
    now: SystemTime,
    starts: &mut Starts,
    limit: usize,
) -> Vec<ExportMetricsServiceRequest> {
    let resource = resource.iter().map(|(key, value)| attribute(key, value)).collect();
    let mut splitter = Splitter::new(resource, limit);
    for family in families.iter().filter(|family| !family.metric.name.starts_with(PROCESS)) {
        for sample in &family.samples {
            let start = match (family.metric.kind, sample.since) {
                (Kind::Gauge, _) => None,
                (_, Some(since)) => Some(since),
                (_, None) => Some(starts.of(family.metric, sample, now)),
            };
            splitter.add(family.metric, point(sample, start, now));
        }
    }
    splitter.finish()
}

fn point(sample: &Sample, start: Option<SystemTime>, now: SystemTime) -> Point {
    // A clock that was set back does not make a counter begin in the future.
    let start_time_unix_nano = start.map_or(0, |start| nanoseconds(start.min(now)));
    let (attributes, time_unix_nano) = (attributes(&sample.labels), nanoseconds(now));
    match &sample.value {
        Value::Number(value) => Point::Number(NumberDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano,
            value: Some(number_data_point::Value::AsDouble(*value)),
            ..NumberDataPoint::default()
        }),
        Value::Histogram { buckets, sum, count, exemplars } => Point::Histogram(HistogramDataPoint {
            attributes,
            start_time_unix_nano,
            time_unix_nano,
            count: *count,
            sum: Some(*sum),
            bucket_counts: each(buckets, *count),
            explicit_bounds: buckets.iter().map(|(bound, _)| *bound).collect(),
            exemplars: exemplars.iter().map(example).collect(),
            ..HistogramDataPoint::default()
        }),
    }
}

fn example(exemplar: &Exemplar) -> Message {
    Message {
        trace_id: exemplar.trace_id.to_vec(),
        span_id: exemplar.span_id.to_vec(),
        time_unix_nano: nanoseconds(exemplar.at),
        value: Some(exemplar_value::Value::AsDouble(exemplar::seconds(exemplar))),
        ..Message::default()
    }
}

/// What is in each bucket by itself, the one without a bound included.
fn each(buckets: &[(f64, u64)], count: u64) -> Vec<u64> {
    let mut below = 0;
    let cumulative = buckets.iter().map(|(_, cumulative)| *cumulative).chain([count]);
    cumulative
        .map(|cumulative| {
            let here = cumulative.saturating_sub(below);
            below = cumulative;
            here
        })
        .collect()
}

/// A label without a value is none, as in the text formats.
fn attributes(labels: &[(&'static str, Arc<str>)]) -> Vec<KeyValue> {
    labels.iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| attribute(key, value)).collect()
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(any_value::Value::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since_epoch = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}
