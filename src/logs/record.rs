//! Records, and requests made of them.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber};
use opentelemetry_proto::tonic::resource::v1::Resource;

use crate::otlp::{number, text};

/// Records of one request. Each is a few kilobytes at most, and gRPC servers take 4 MiB unless told otherwise.
const TOGETHER: usize = 500;

/// The flags of W3C's trace context: this trace is recorded.
const SAMPLED: u32 = 1;

/// A record about an execution.
#[derive(Debug, Clone)]
pub(crate) struct Workflow<'a> {
    /// Which kind of record it is, for programs.
    pub(crate) event_name: &'static str,
    /// Something that is given up or stuck: an error. Something that was asked for: a warning.
    pub(crate) is_error: bool,
    pub(crate) words: String,
    /// When it happened, in milliseconds since the Unix epoch by the store's clock.
    pub(crate) at_ms: i64,
    pub(crate) store: &'a str,
    pub(crate) instance: &'a str,
    pub(crate) execution: u64,
    pub(crate) orchestration: &'a str,
    pub(crate) version: &'a str,
    pub(crate) trace_id: [u8; 16],
    pub(crate) span_id: [u8; 8],
    pub(crate) more: Vec<KeyValue>,
}

impl Workflow<'_> {
    pub(crate) fn record(self) -> LogRecord {
        let severity = if self.is_error { SeverityNumber::Error } else { SeverityNumber::Warn };
        let mut attributes = vec![
            text("duroxide.store", self.store),
            text("duroxide.instance.id", self.instance),
            number("duroxide.execution.id", self.execution),
        ];
        let names = [
            ("duroxide.orchestration.name", self.orchestration),
            ("duroxide.orchestration.version", self.version),
        ];
        attributes
            .extend(names.iter().filter(|(_, name)| !name.is_empty()).map(|(key, name)| text(key, name)));
        attributes.extend(self.more);
        let at = u64::try_from(self.at_ms).unwrap_or(0).saturating_mul(1_000_000);
        LogRecord {
            event_name: self.event_name.to_owned(),
            trace_id: self.trace_id.to_vec(),
            span_id: self.span_id.to_vec(),
            flags: SAMPLED,
            ..record(severity, self.words, at, attributes)
        }
    }
}

/// A line of the exporter's own log.
pub(crate) fn own(level: tracing::Level, words: String, attributes: Vec<KeyValue>) -> LogRecord {
    let severity = match level {
        tracing::Level::ERROR => SeverityNumber::Error,
        tracing::Level::WARN => SeverityNumber::Warn,
        tracing::Level::INFO => SeverityNumber::Info,
        tracing::Level::DEBUG => SeverityNumber::Debug,
        tracing::Level::TRACE => SeverityNumber::Trace,
    };
    record(severity, words, nanoseconds(SystemTime::now()), attributes)
}

fn record(severity: SeverityNumber, words: String, at: u64, attributes: Vec<KeyValue>) -> LogRecord {
    let severity_text = match severity {
        SeverityNumber::Error => "ERROR",
        SeverityNumber::Warn => "WARN",
        SeverityNumber::Info => "INFO",
        SeverityNumber::Debug => "DEBUG",
        _ => "TRACE",
    };
    LogRecord {
        time_unix_nano: at,
        observed_time_unix_nano: nanoseconds(SystemTime::now()),
        severity_number: severity.into(),
        severity_text: severity_text.to_owned(),
        body: Some(AnyValue { value: Some(any_value::Value::StringValue(words)) }),
        attributes,
        ..LogRecord::default()
    }
}

/// Requests of bounded size that hold every record once, each under the name of who wrote it.
pub(crate) fn requests<'a>(
    records: impl IntoIterator<Item = (&'a str, LogRecord)>,
    resource: &[(String, String)],
) -> Vec<ExportLogsServiceRequest> {
    let mut requests = Vec::new();
    let mut scopes: Vec<ScopeLogs> = Vec::new();
    let mut count = 0;
    for (scope, record) in records {
        match scopes.iter_mut().find(|known| known.scope.as_ref().is_some_and(|known| known.name == scope)) {
            Some(known) => known.log_records.push(record),
            None => scopes.push(ScopeLogs {
                scope: Some(InstrumentationScope {
                    name: scope.to_owned(),
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    ..InstrumentationScope::default()
                }),
                log_records: vec![record],
                ..ScopeLogs::default()
            }),
        }
        count += 1;
        if count == TOGETHER {
            requests.push(request(std::mem::take(&mut scopes), resource));
            count = 0;
        }
    }
    if count > 0 {
        requests.push(request(scopes, resource));
    }
    requests
}

fn request(scope_logs: Vec<ScopeLogs>, resource: &[(String, String)]) -> ExportLogsServiceRequest {
    let attributes = resource.iter().map(|(key, value)| text(key, value)).collect();
    let resource = Some(Resource { attributes, ..Resource::default() });
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }],
    }
}

fn nanoseconds(moment: SystemTime) -> u64 {
    let since_epoch = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_in_one_request_below_its_writer() {
        let line = |n: usize| own(tracing::Level::INFO, n.to_string(), Vec::new());
        let records = (0..1201_usize).map(|n| (if n.is_multiple_of(3) { "a" } else { "b" }, line(n)));
        let requests = requests(records, &[("service.name".to_owned(), "s".to_owned())]);
        assert_eq!(requests.len(), 3);
        let mut seen = Vec::new();
        for request in &requests {
            let [resource] = request.resource_logs.as_slice() else { panic!("one resource") };
            assert_eq!(resource.resource.as_ref().unwrap().attributes.len(), 1);
            for logs in &resource.scope_logs {
                for record in &logs.log_records {
                    let Some(AnyValue { value: Some(any_value::Value::StringValue(words)) }) = &record.body
                    else {
                        panic!("no words")
                    };
                    let n: usize = words.parse().unwrap();
                    let writer = &logs.scope.as_ref().unwrap().name;
                    assert_eq!(writer, if n.is_multiple_of(3) { "a" } else { "b" });
                    seen.push(n);
                }
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..1201).collect::<Vec<_>>());
    }
}
