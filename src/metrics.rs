//! What the numbers are called: the catalogue, and pure functions from a [`View`] to metric families.
//!
//! Rooms: `catalogue` defines every metric once; `family` is a metric with its samples; one file a subject (`queues`, `activities`, `instances`,
//! `history`, `store`, `exporter`) maps the view.
//! Nothing here reads a database, awaits, or knows how families leave the process.

use std::time::Instant;

use crate::observe::View;

mod catalogue;

mod activities;
mod exporter;
mod family;
mod history;
mod instances;
mod queues;
mod store;

pub use catalogue::{CATALOGUE, Kind, Metric, Unit, markdown};
pub(crate) use exporter::{capped, telemetry_definitions};
use family::{Builder, seconds, signed_seconds};
pub(crate) use family::{Exemplar, Family, Sample, Value, count};

/// All families for one view, in the catalogue's order, without those that have no sample.
///
/// Pure: the same view gives the same families. `now` is only used for ages of the view itself.
pub(crate) fn families(view: &View, now: Instant) -> Vec<Family> {
    let mut all = Vec::with_capacity(CATALOGUE.len());
    queues::families(view, &mut all);
    activities::families(view, &mut all);
    instances::families(view, &mut all);
    history::families(view, &mut all);
    store::families(view, now, &mut all);
    exporter::families(view, &mut all);
    all.retain(|family| !family.samples.is_empty());
    all.sort_by_key(|family| CATALOGUE.iter().position(|metric| std::ptr::eq(*metric, family.metric)));
    all
}
