//! The Grafana dashboards of the exporter, as classic JSON of one small typed source.
//!
//! - `model` is the JSON of Grafana as far as it is used here;
//! - `query` writes PromQL that is right with two exporters on one store, with labels taken from `docs/metrics.md`;
//! - `panel` and `layout` make panels and place them;
//! - `frame` is what all dashboards have in common: variables, links, annotations;
//! - one file a dashboard.
//!
//! `cargo run -p dashboards` writes the JSON; a test fails while it is not what the source says.

mod exporter;
mod frame;
mod layout;
mod model;
mod orchestrations;
mod overview;
mod panel;
mod query;
mod queues;
mod runtime;
mod signals;

pub use model::Dashboard;

/// Every dashboard, in the order in which people are led through them.
#[must_use]
pub fn all() -> Vec<Dashboard> {
    vec![
        overview::dashboard(),
        queues::dashboard(),
        orchestrations::dashboard(),
        runtime::dashboard(),
        exporter::dashboard(),
    ]
}
