//! Messages against what they were made of, and against the limit.

use std::time::Duration;

use opentelemetry_proto::tonic::metrics::v1::{Metric as Message, metric};
use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::catalogue::{CATALOGUE, Metric};

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn find(name: &str) -> &'static Metric {
    CATALOGUE.iter().copied().find(|metric| metric.name == name).unwrap()
}

fn sample(label: &str, value: Value, since: Option<SystemTime>) -> Sample {
    Sample { labels: vec![("store", label.into()), ("queue", "".into())], value, since }
}

fn messages(requests: &[ExportMetricsServiceRequest]) -> Vec<&Message> {
    requests
        .iter()
        .flat_map(|request| &request.resource_metrics)
        .flat_map(|resource| &resource.scope_metrics)
        .flat_map(|scope| &scope.metrics)
        .collect()
}

#[test]
fn each_kind_has_its_message() {
    let histogram = Value::Histogram {
        buckets: vec![(0.5, 1), (1.0, 1), (2.0, 4)],
        sum: 7.5,
        count: 6,
        exemplars: Vec::new(),
    };
    let families = [
        Family {
            metric: find("duroxide.queue.messages"),
            samples: vec![sample("a", Value::Number(3.0), None)],
        },
        Family {
            metric: find("duroxide.polls"),
            samples: vec![sample("a", Value::Number(8.0), Some(at(5)))],
        },
        Family {
            metric: find("duroxide.poll.duration"),
            samples: vec![sample("a", histogram, Some(at(200)))],
        },
        Family { metric: find("process.open_fds"), samples: vec![sample("", Value::Number(9.0), None)] },
    ];
    let resource = [("service.name".to_owned(), "me".to_owned())];
    let requests = requests(&families, &resource, at(100), &mut Starts::default());
    assert_eq!(requests.len(), 1);
    let sent = requests[0].resource_metrics[0].resource.as_ref().unwrap();
    assert_eq!(sent.attributes, [attribute("service.name", "me")]);

    let [gauge, sum, histogram] = messages(&requests)[..] else { panic!("{requests:?}") };
    assert_eq!((gauge.name.as_str(), gauge.unit.as_str()), ("duroxide.queue.messages", "{message}"));
    assert_eq!(gauge.description, find("duroxide.queue.messages").help);
    let Some(metric::Data::Gauge(gauge)) = &gauge.data else { panic!("{gauge:?}") };
    assert_eq!(gauge.data_points[0].attributes, [attribute("store", "a")], "an empty label is none");
    assert_eq!(gauge.data_points[0].start_time_unix_nano, 0);
    assert_eq!(gauge.data_points[0].time_unix_nano, 100_000_000_000);

    let Some(metric::Data::Sum(sum)) = &sum.data else { panic!("{sum:?}") };
    assert!(sum.is_monotonic);
    assert_eq!(sum.aggregation_temporality, 2);
    assert_eq!(sum.data_points[0].value, Some(number_data_point::Value::AsDouble(8.0)));
    assert_eq!(sum.data_points[0].start_time_unix_nano, 5_000_000_000);

    assert_eq!(histogram.unit, "s");
    let Some(metric::Data::Histogram(histogram)) = &histogram.data else { panic!("{histogram:?}") };
    assert_eq!(histogram.aggregation_temporality, 2);
    let point = &histogram.data_points[0];
    assert_eq!(point.bucket_counts, [1, 0, 3, 2]);
    assert_eq!(point.explicit_bounds, [0.5, 1.0, 2.0]);
    assert_eq!((point.count, point.sum), (6, Some(7.5)));
    assert_eq!(point.start_time_unix_nano, point.time_unix_nano, "a clock that was set back");
}

#[test]
fn a_counter_of_unknown_start_begins_when_it_is_first_seen_and_again_when_it_falls() {
    let mut starts = Starts::default();
    for (now, value, start) in
        [(10_u32, 500.0, 10), (20, 500.0, 10), (30, 700.0, 10), (40, 3.0, 40), (50, 4.0, 40)]
    {
        let samples = ["a", "b"].map(|store| {
            // The other store's goes on.
            let value = if store == "a" { value } else { f64::from(now) };
            sample(store, Value::Number(value), None)
        });
        let family = Family { metric: find("duroxide.queue.enqueued"), samples: samples.to_vec() };
        let requests = requests(&[family], &[], at(u64::from(now)), &mut starts);
        let Some(metric::Data::Sum(sum)) = &messages(&requests)[0].data else { panic!("{requests:?}") };
        let began: Vec<u64> = sum.data_points.iter().map(|point| point.start_time_unix_nano).collect();
        assert_eq!(began, [start * 1_000_000_000_u64, 10_000_000_000], "at {now}");
    }
}

/// Every point with what it belongs to, in order.
fn points(requests: &[ExportMetricsServiceRequest]) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for message in messages(requests) {
        let mut head = message.clone();
        head.data = None;
        let points: Vec<String> = match message.data.as_ref().unwrap() {
            metric::Data::Gauge(data) => data.data_points.iter().map(|point| format!("{point:?}")).collect(),
            metric::Data::Sum(data) => data.data_points.iter().map(|point| format!("{point:?}")).collect(),
            metric::Data::Histogram(data) => {
                data.data_points.iter().map(|point| format!("{point:?}")).collect()
            }
            other => panic!("{other:?}"),
        };
        assert!(!points.is_empty(), "a metric without a point");
        all.extend(points.into_iter().map(|point| (format!("{head:?}"), point)));
    }
    all
}

fn any_families() -> impl Strategy<Value = Vec<Family>> {
    let label = prop_oneof!["[a-z]{0,200}", "\\PC{0,50}"];
    let drawn = (label, any::<f64>(), any::<u32>());
    let family = (0..CATALOGUE.len(), proptest::collection::vec(drawn, 1..40));
    proptest::collection::btree_map(0..CATALOGUE.len(), family, 0..12).prop_map(|families| {
        let made = families.into_iter().map(|(index, (_, samples))| {
            let metric = CATALOGUE[index];
            let samples = samples.into_iter().map(|(label, value, count)| {
                let value = match metric.kind {
                    Kind::Histogram => Value::Histogram {
                        buckets: vec![(0.1, u64::from(count) / 2), (1.0, count.into())],
                        sum: value,
                        count: u64::from(count) + 1,
                        exemplars: Vec::new(),
                    },
                    Kind::Gauge | Kind::Counter => Value::Number(value),
                };
                sample(&label, value, None)
            });
            Family { metric, samples: samples.collect() }
        });
        made.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn pieces_are_the_whole_and_each_is_below_the_limit(families in any_families(), limit in 3_000_usize..20_000) {
        let resource = [("service.name".to_owned(), "x".repeat(100))];
        let whole = with_limit(&families, &resource, at(9), &mut Starts::default(), usize::MAX);
        let pieces = with_limit(&families, &resource, at(9), &mut Starts::default(), limit);
        prop_assert!(whole.len() <= 1);
        prop_assert_eq!(points(&whole), points(&pieces));
        for piece in &pieces {
            prop_assert!(piece.encoded_len() <= limit, "{} of {}", piece.encoded_len(), limit);
            prop_assert_eq!(&piece.resource_metrics[0].resource, &whole[0].resource_metrics[0].resource);
        }
        // Not one request a point.
        let size: usize = pieces.iter().map(ExportMetricsServiceRequest::encoded_len).sum();
        prop_assert!(pieces.len() <= 1 + 2 * size / limit, "{} pieces of {} bytes", pieces.len(), size);
    }
}

#[test]
fn a_hundred_thousand_series_of_one_metric_are_a_few_requests() {
    let samples = (0..100_000).map(|n| sample(&format!("{n:0>200}"), Value::Number(1.0), None)).collect();
    let family = Family { metric: find("duroxide.instances"), samples };
    let requests = requests(&[family], &[], at(9), &mut Starts::default());
    assert!(requests.iter().all(|request| request.encoded_len() <= LIMIT));
    let size: usize = requests.iter().map(ExportMetricsServiceRequest::encoded_len).sum();
    assert_eq!(requests.len(), size.div_ceil(LIMIT), "{size}");
}
