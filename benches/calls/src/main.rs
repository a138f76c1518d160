//! What a call costs through `Instrumented`: `calls none|filtered|spans|links|links-fields|metrics`, each a process of
//! its own, for a process has one subscriber.
//!
//! - `none`: there is no subscriber;
//! - `filtered`: there is one, which wants no spans of `Instrumented`;
//! - `spans`: OpenTelemetry's layer makes spans that are thrown away; without links. The comparison is with a span made by
//!   hand around the same call, with the same name, level and values;
//! - `links`: the same with links, on both sides;
//! - `links-fields`: with links in comparison with the spans by hand that have none;
//! - `metrics`: no subscriber, but instruments.
//!
//! A bare and a wrapped call are measured in turns, in blocks, in pairs.
#![allow(clippy::print_stdout, reason = "printing is what this program is for")]

mod inner;
mod spans;
#[path = "../../src/stats.rs"]
mod stats;

use std::alloc::System;
use std::sync::Arc;
use std::time::Instant;

use anyhow::bail;
use duroxide::providers::Provider;
use duroxide_exporter::{Backdated, Instrumented, TraceIds};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::{SdkMeterProvider, Temporality};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use stats::{Mean, quantile};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};

use inner::{AtOnce, Method};
use spans::Hand;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Medians of pairs, so that what other work on the machine does to some of them does not count; their mean is told with
/// its interval.
const ROUNDS: usize = 15;
const PAIRS: usize = 201;
/// Calls of a block: few, so that both blocks of a pair find the machine alike.
const BLOCK: u32 = 100;

fn main() -> anyhow::Result<()> {
    let what = std::env::args().nth(1).unwrap_or_default();
    let mut builder = Instrumented::builder();
    let meters = SdkMeterProvider::builder().with_reader(reader()).build();
    match what.as_str() {
        "none" => {}
        "metrics" => builder = builder.meter(meters.meter("benches")),
        "filtered" => {
            let all_but_ours = Targets::new()
                .with_default(LevelFilter::INFO)
                .with_target("duroxide_exporter::instrument", LevelFilter::OFF);
            tracing::subscriber::set_global_default(subscriber(all_but_ours))?;
        }
        "spans" | "links" | "links-fields" => {
            builder = builder.links(what != "spans");
            tracing::subscriber::set_global_default(subscriber(
                Targets::new().with_default(LevelFilter::TRACE),
            ))?;
        }
        other => {
            bail!("calls none|filtered|spans|links|links-fields|metrics, not {other:?}; see benches/run")
        }
    }
    let bare: Arc<dyn Provider> = Arc::new(AtOnce);
    let wrapped = builder.wrap(bare.clone());
    let by_hand = match what.as_str() {
        "spans" | "links-fields" => Hand::Fields,
        "links" => Hand::Link(TraceIds::default()),
        _ => Hand::Nothing,
    };
    println!(
        "calls, {what}: {ROUNDS} rounds of {PAIRS} pairs of blocks of {BLOCK} calls; a call without and with"
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    for method in Method::ALL {
        let call = |provider, hand| block(&runtime, provider, method, hand);
        // Until caches and clocks are warm.
        for _ in 0..10 {
            call(&bare, &by_hand);
            call(&wrapped, &Hand::Nothing);
        }
        let (mut bares, mut wraps, mut more, mut ratios) = (vec![], vec![], vec![], vec![]);
        let mut allocations = (0.0, 0.0);
        for _ in 0..ROUNDS {
            let (mut round, mut differences) = (vec![], vec![]);
            for pair in 0..PAIRS {
                // Whichever is first may find the caches as the other left them.
                let ((bare, bare_allocations), (wrap, wrap_allocations)) = if pair % 2 == 0 {
                    let bare = call(&bare, &by_hand);
                    (bare, call(&wrapped, &Hand::Nothing))
                } else {
                    let wrap = call(&wrapped, &Hand::Nothing);
                    (call(&bare, &by_hand), wrap)
                };
                bares.push(bare);
                wraps.push(wrap);
                differences.push(wrap - bare);
                round.push(wrap / bare);
                allocations = (bare_allocations, wrap_allocations);
            }
            more.push(quantile(&mut differences, 0.5));
            ratios.push(quantile(&mut round, 0.5));
        }
        println!(
            "  {:<36} {:>7.1} ns and {:>7.1} ns: {:+.1} ± {:.1} ns, ratio {}; allocations {:.2} and {:.2}",
            method.name(),
            quantile(&mut bares, 0.5),
            quantile(&mut wraps, 0.5),
            Mean::of(&more).mean,
            Mean::of(&more).half_width,
            Mean::of(&ratios),
            allocations.0,
            allocations.1,
        );
    }
    Ok(())
}

/// Nanoseconds and allocations of a call, of a block of them.
fn block(
    runtime: &tokio::runtime::Runtime,
    provider: &Arc<dyn Provider>,
    method: Method,
    by_hand: &Hand,
) -> (f64, f64) {
    let region = Region::new(ALLOCATOR);
    let began = Instant::now();
    runtime.block_on(async {
        for _ in 0..BLOCK {
            by_hand.call(method, provider).await;
        }
    });
    let took = began.elapsed().as_secs_f64() * 1e9;
    let allocations = f64::from(u32::try_from(region.change().allocations).unwrap_or(u32::MAX));
    (took / f64::from(BLOCK), allocations / f64::from(BLOCK))
}

fn subscriber(filter: Targets) -> impl tracing::Subscriber + Send + Sync {
    let spans = SdkTracerProvider::builder().with_simple_exporter(Away).build();
    let layer = tracing_opentelemetry::layer().with_tracer(Backdated::new(spans.tracer("benches")));
    tracing_subscriber::registry().with(layer.with_filter(filter))
}

/// Throws spans away.
#[derive(Debug)]
struct Away;

impl SpanExporter for Away {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}

/// Metrics that nobody collects.
fn reader() -> opentelemetry_sdk::metrics::PeriodicReader<Unread> {
    opentelemetry_sdk::metrics::PeriodicReader::builder(Unread)
        .with_interval(std::time::Duration::from_secs(3600))
        .build()
}

#[derive(Debug)]
struct Unread;

impl opentelemetry_sdk::metrics::exporter::PushMetricExporter for Unread {
    async fn export(&self, _: &opentelemetry_sdk::metrics::data::ResourceMetrics) -> OTelSdkResult {
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: std::time::Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}
