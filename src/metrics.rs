//! Metric families: pure functions from a [`View`] to samples of the metrics in the catalogue.
//!
//! Rooms: `sink` collects samples; one file a subject (`queues`, `history`, `store`, `exporter`) maps the view.
//! Nothing here reads a database, awaits, or knows how families leave the process.

use std::time::Instant;

mod exporter;
mod history;
mod queues;
mod sink;
mod store;

use sink::Sink;
pub(crate) use sink::{Exemplar, Family, Sample, Value, count};

use crate::observe::View;

/// All families for one view, in the catalogue's order, without those that have no sample.
///
/// Pure: the same view gives the same families. `now` is only used for ages of the view itself.
pub(crate) fn families(view: &View, now: Instant) -> Vec<Family> {
    let mut sink = Sink::new();
    for store in &view.stores {
        store::push(store, now, &mut sink);
        if let Some(snapshot) = &store.last_good {
            queues::push(&store.name, snapshot, &mut sink);
            history::push(&store.name, snapshot, view.telemetry.exemplars(), &mut sink);
        }
    }
    exporter::push(&view.telemetry, &mut sink);
    sink.finish()
}
