//! Whole documents: against bodies written by hand, against the encoder of the `prometheus` crate, and read back by a
//! parser that shares nothing with the writer.

use std::io::Read as _;
use std::sync::Arc;

use prometheus::proto;
use proptest::prelude::*;

use super::*;
use crate::catalogue::{Kind, Metric, Unit};
use crate::metrics::{Exemplar, Sample, Value};

static GAUGE: Metric = Metric {
    name: "test.queue.messages",
    unit: Unit::Count("message"),
    kind: Kind::Gauge,
    help: "Rows of \"the\" table,\nin C:\\store.",
    labels: &["store", "queue"],
    index: 0,
};
static COUNTER: Metric = Metric {
    name: "test.cpu",
    unit: Unit::Seconds,
    kind: Kind::Counter,
    help: "CPU time.",
    labels: &[],
    index: 0,
};
static HISTOGRAM: Metric = Metric {
    name: "test.poll.duration",
    unit: Unit::Seconds,
    kind: Kind::Histogram,
    help: "Duration of polls.",
    labels: &["store"],
    index: 0,
};

fn sample(labels: &[(&'static str, &str)], value: Value) -> Sample {
    let labels = labels.iter().map(|(name, value)| (*name, Arc::from(*value))).collect();
    Sample { labels, value, since: None }
}

fn families() -> Vec<Family> {
    let histogram = Value::Histogram {
        buckets: vec![(0.005, 1), (1.0, 2), (2.5e6, 2)],
        sum: 61.25,
        count: 3,
        exemplars: Vec::new(),
    };
    vec![
        Family {
            metric: &GAUGE,
            samples: vec![
                sample(&[("store", "orders"), ("queue", "say \"hi\"\\\n")], Value::Number(3.0)),
                sample(&[("store", ""), ("queue", "worker")], Value::Number(f64::INFINITY)),
                sample(&[("store", ""), ("queue", "")], Value::Number(0.5)),
            ],
        },
        Family { metric: &COUNTER, samples: vec![sample(&[], Value::Number(12.75))] },
        Family { metric: &HISTOGRAM, samples: vec![sample(&[("store", "orders")], histogram)] },
    ]
}

#[test]
fn a_bucket_has_the_newest_exemplar_that_is_in_it_and_one_without_observations_has_none() {
    let exemplar = |ms, seconds| Exemplar {
        trace_id: [0xab; 16],
        span_id: [1; 8],
        ms,
        at: std::time::UNIX_EPOCH + std::time::Duration::from_millis(seconds),
    };
    let mut families = families();
    if let Value::Histogram { exemplars, .. } = &mut families[2].samples[0].value {
        *exemplars = vec![
            exemplar(5, 1),
            exemplar(700, 2_500),
            exemplar(900, 1_001),
            exemplar(3_000_000_000, 9),
            exemplar(2_000, 7),
        ];
    }
    let ids = format!("# {{trace_id=\"{}\",span_id=\"0101010101010101\"}}", "ab".repeat(16));
    let text = render(&families, Format::OpenMetrics);
    for expected in [
        format!("_bucket{{store=\"orders\",le=\"0.005\"}} 1 {ids} 0.005 0.001\n"),
        format!("_bucket{{store=\"orders\",le=\"1.0\"}} 2 {ids} 0.7 2.500\n"),
        "_bucket{store=\"orders\",le=\"2.5e+06\"} 2\n".to_owned(),
        format!("_bucket{{store=\"orders\",le=\"+Inf\"}} 3 {ids} 3000000.0 0.009\n"),
    ] {
        assert!(text.contains(&expected), "{expected}\nnot in\n{text}");
    }
    assert!(!render(&families, Format::Prometheus).contains("trace_id"));
}

#[test]
fn prometheus_text() {
    let expected = r#"# HELP test_queue_messages Rows of "the" table,\nin C:\\store.
# TYPE test_queue_messages gauge
test_queue_messages{store="orders",queue="say \"hi\"\\\n"} 3
test_queue_messages{queue="worker"} +Inf
test_queue_messages 0.5
# HELP test_cpu_seconds_total CPU time.
# TYPE test_cpu_seconds_total counter
test_cpu_seconds_total 12.75
# HELP test_poll_duration_seconds Duration of polls.
# TYPE test_poll_duration_seconds histogram
test_poll_duration_seconds_bucket{store="orders",le="0.005"} 1
test_poll_duration_seconds_bucket{store="orders",le="1.0"} 2
test_poll_duration_seconds_bucket{store="orders",le="2.5e+06"} 2
test_poll_duration_seconds_bucket{store="orders",le="+Inf"} 3
test_poll_duration_seconds_sum{store="orders"} 61.25
test_poll_duration_seconds_count{store="orders"} 3
"#;
    assert_eq!(render(&families(), Format::Prometheus), expected);
}

#[test]
fn openmetrics() {
    let expected = r#"# HELP test_queue_messages Rows of \"the\" table,\nin C:\\store.
# TYPE test_queue_messages gauge
test_queue_messages{store="orders",queue="say \"hi\"\\\n"} 3
test_queue_messages{queue="worker"} +Inf
test_queue_messages 0.5
# HELP test_cpu_seconds CPU time.
# TYPE test_cpu_seconds counter
# UNIT test_cpu_seconds seconds
test_cpu_seconds_total 12.75
# HELP test_poll_duration_seconds Duration of polls.
# TYPE test_poll_duration_seconds histogram
# UNIT test_poll_duration_seconds seconds
test_poll_duration_seconds_bucket{store="orders",le="0.005"} 1
test_poll_duration_seconds_bucket{store="orders",le="1.0"} 2
test_poll_duration_seconds_bucket{store="orders",le="2.5e+06"} 2
test_poll_duration_seconds_bucket{store="orders",le="+Inf"} 3
test_poll_duration_seconds_sum{store="orders"} 61.25
test_poll_duration_seconds_count{store="orders"} 3
# EOF
"#;
    assert_eq!(render(&families(), Format::OpenMetrics), expected);
}

#[test]
fn an_empty_document_is_complete() {
    assert_eq!(render(&[], Format::Prometheus), "");
    assert_eq!(render(&[], Format::OpenMetrics), "# EOF\n");
}

#[test]
#[should_panic(expected = "two samples with the same labels")]
fn a_series_twice_is_a_defect() {
    let twice = [("store", "a"), ("queue", "")];
    let samples = vec![sample(&twice, Value::Number(1.0)), sample(&[("store", "a")], Value::Number(2.0))];
    render(&[Family { metric: &GAUGE, samples }], Format::Prometheus);
}

#[test]
fn gzip_is_lossless() {
    let body = render(&families(), Format::OpenMetrics).repeat(50);
    let packed = gzip(body.as_bytes()).unwrap();
    assert!(packed.len() * 5 < body.len());
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, body);
}

/// A series as read back: name, labels in order, value as it was spelled.
type Series = (String, Vec<(String, String)>, String);

/// Reads a document character by character, by the grammar of the specification; panics where it is broken.
fn parse(document: &str) -> Vec<Series> {
    let mut series = Vec::new();
    for line in document.split_terminator('\n') {
        if line.starts_with("# ") {
            continue;
        }
        let mut rest = line.chars().peekable();
        let mut name = String::new();
        while let Some(c) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
            name.push(c);
        }
        let mut labels = Vec::new();
        if rest.next_if_eq(&'{').is_some() {
            loop {
                let mut label = String::new();
                while let Some(c) = rest.next_if(|c| *c != '=') {
                    label.push(c);
                }
                assert_eq!((rest.next(), rest.next()), (Some('='), Some('"')), "{line:?}");
                let mut value = String::new();
                loop {
                    match rest.next().expect("a closing quote") {
                        '"' => break,
                        '\\' => value.push(match rest.next().expect("an escaped character") {
                            'n' => '\n',
                            c @ ('"' | '\\') => c,
                            c => panic!("unknown escape {c:?}"),
                        }),
                        c => value.push(c),
                    }
                }
                labels.push((label, value));
                match rest.next() {
                    Some(',') => {}
                    Some('}') => break,
                    other => panic!("{other:?} after a label in {line:?}"),
                }
            }
        }
        assert_eq!(rest.next(), Some(' '), "{line:?}");
        series.push((name, labels, rest.collect()));
    }
    series
}

/// Values as hostile as a store may hold them, some of 10 kB.
fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        Just('"'),
        Just('\\'),
        Just('\n'),
        Just('\r'),
        Just('\0'),
        Just('n'),
        Just('\u{2028}'),
        Just('\u{202e}'),
        any::<char>(),
    ];
    prop_oneof![
        9 => prop::collection::vec(character, 0..20).prop_map(|chars| chars.into_iter().collect()),
        1 => "[\"\\\\\nx€]{3}".prop_map(|piece| piece.repeat(10_240 / piece.len())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_label_value_is_recovered(
        values in prop::collection::btree_map((text(), text()), any::<f64>(), 1..8),
        open in any::<bool>(),
    ) {
        let values: Vec<_> = values.into_iter().collect();
        let labels_of = |(store, queue): &(String, String)| {
            [("store", store.clone()), ("queue", queue.clone())]
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<Vec<_>>()
        };
        let samples = values
            .iter()
            .map(|((store, queue), value)| sample(&[("store", store), ("queue", queue)], Value::Number(*value)))
            .collect();
        let format = if open { Format::OpenMetrics } else { Format::Prometheus };
        let document = render(&[Family { metric: &GAUGE, samples }], format);

        let read = parse(&document);
        prop_assert_eq!(read.len(), values.len());
        for ((name, labels, spelled), (written, value)) in read.iter().zip(&values) {
            prop_assert_eq!(name, "test_queue_messages");
            prop_assert_eq!(labels, &labels_of(written));
            let number: f64 = spelled.parse().unwrap();
            prop_assert!(number == *value || (number.is_nan() && value.is_nan()));
        }
    }

    #[test]
    fn text_is_what_the_prometheus_crate_writes(
        gauges in prop::collection::btree_map(text_not_empty(), -1e9..1e9_f64, 1..6),
        counter in 0..1_000_000_u32,
        counts in prop::collection::vec(0..1000_u64, 3),
        sum in 0.0..1e6_f64,
    ) {
        let bounds = [0.005, 1.0, 2.5];
        let mut below = 0;
        let buckets: Vec<_> = bounds.iter().zip(&counts).map(|(bound, n)| { below += n; (*bound, below) }).collect();
        let count = below + 1;
        let ours = [
            Family {
                metric: &GAUGE,
                samples: gauges.iter().map(|(queue, value)| sample(&[("store", "s"), ("queue", queue)], Value::Number(*value))).collect(),
            },
            Family { metric: &COUNTER, samples: vec![sample(&[], Value::Number(f64::from(counter)))] },
            Family { metric: &HISTOGRAM, samples: vec![sample(&[("store", "s")], Value::Histogram { buckets: buckets.clone(), sum, count, exemplars: Vec::new() })] },
        ];

        let mut theirs = Vec::new();
        theirs.push(proto_family(&GAUGE, proto::MetricType::GAUGE, gauges.iter().map(|(queue, value)| {
            let mut metric = proto::Metric::from_label(vec![pair("store", "s"), pair("queue", queue)]);
            let mut gauge = proto::Gauge::default();
            gauge.set_value(*value);
            metric.set_gauge(gauge);
            metric
        }).collect()));
        let mut metric = proto::Metric::default();
        let mut number = proto::Counter::default();
        number.set_value(f64::from(counter));
        metric.set_counter(number);
        theirs.push(proto_family(&COUNTER, proto::MetricType::COUNTER, vec![metric]));
        let mut metric = proto::Metric::from_label(vec![pair("store", "s")]);
        let mut histogram = proto::Histogram::default();
        histogram.set_bucket(buckets.iter().map(|(bound, n)| {
            let mut bucket = proto::Bucket::default();
            bucket.set_upper_bound(*bound);
            bucket.set_cumulative_count(*n);
            bucket
        }).collect());
        histogram.set_sample_sum(sum);
        histogram.set_sample_count(count);
        metric.set_histogram(histogram);
        theirs.push(proto_family(&HISTOGRAM, proto::MetricType::HISTOGRAM, vec![metric]));

        let reference = prometheus::TextEncoder::new().encode_to_string(&theirs).unwrap();
        // That crate spells whole bounds without a fraction.
        prop_assert_eq!(render(&ours, Format::Prometheus), reference.replace("le=\"1\"}", "le=\"1.0\"}"));
    }
}

/// That crate writes labels with an empty value, too.
fn text_not_empty() -> impl Strategy<Value = String> {
    text().prop_map(|text| format!("q{text}"))
}

fn pair(name: &str, value: &str) -> proto::LabelPair {
    let mut pair = proto::LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

fn proto_family(
    metric: &Metric,
    kind: proto::MetricType,
    metrics: Vec<proto::Metric>,
) -> proto::MetricFamily {
    let mut family = proto::MetricFamily::default();
    family.set_name(metric.prometheus_name());
    family.set_help(metric.help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}
