//! The log a second time, as records that wait to be sent.

use std::fmt;

use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::logs::{self, Queue};
use crate::otlp::attribute;

/// The most characters of a text.
const LONGEST: usize = 2_000;

/// What carries the records themselves may not be told of by records: that would never end.
const CARRIERS: [&str; 6] = ["h2", "hyper", "hyper_util", "rustls", "tonic", "tower"];

/// Writes every event into a queue.
pub(super) struct Own(Queue);

impl Own {
    pub(super) fn new(queue: Queue) -> Self {
        Self(queue)
    }
}

impl<S: Subscriber> Layer<S> for Own {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let (target, level) = (event.metadata().target(), *event.metadata().level());
        if CARRIERS.contains(&target.split("::").next().unwrap_or(target)) {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        self.0.push(target, logs::own(level, line.words, line.attributes));
    }
}

/// What an event says.
#[derive(Default)]
struct Line {
    words: String,
    attributes: Vec<KeyValue>,
}

impl Line {
    fn add(&mut self, field: &Field, value: Value) {
        match value {
            Value::StringValue(words) if field.name() == "message" => self.words = cut(words),
            Value::StringValue(text) => {
                self.attributes.push(attribute(field.name(), Value::StringValue(cut(text))));
            }
            value => self.attributes.push(attribute(field.name(), value)),
        }
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, Value::StringValue(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, Value::StringValue(value.to_owned()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Value::BoolValue(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Value::IntValue(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match i64::try_from(value) {
            Ok(value) => self.add(field, Value::IntValue(value)),
            Err(_) => self.add(field, Value::StringValue(value.to_string())),
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, Value::DoubleValue(value));
    }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::common::v1::AnyValue;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[test]
    fn a_line_keeps_its_words_fields_level_and_writer() {
        let queue = Queue::default();
        let subscriber = tracing_subscriber::registry().with(Own::new(queue.clone()));
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(store = %"orders", events = 3_u64, ratio = 0.5, up = true, "{} words", "some");
            tracing::info!(target: "h2::proto", "a frame");
            tracing::error!("{}", "x".repeat(LONGEST + 9));
        });
        let (records, dropped) = queue.take();
        assert_eq!((records.len(), dropped), (2, 0));
        let (writer, record) = &records[0];
        assert_eq!(*writer, module_path!());
        assert_eq!((record.severity_text.as_str(), record.severity_number), ("WARN", 13));
        let text = |value: &str| Value::StringValue(value.to_owned());
        assert_eq!(record.body, Some(AnyValue { value: Some(text("some words")) }));
        let expected = [
            ("store", text("orders")),
            ("events", Value::IntValue(3)),
            ("ratio", Value::DoubleValue(0.5)),
            ("up", Value::BoolValue(true)),
        ];
        assert_eq!(record.attributes, expected.map(|(key, value)| attribute(key, value)));
        let Some(AnyValue { value: Some(Value::StringValue(long)) }) = &records[1].1.body else {
            panic!("no words")
        };
        assert_eq!(long.chars().count(), LONGEST + 1);
    }
}
