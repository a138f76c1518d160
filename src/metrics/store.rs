//! Numbers of a store itself, and how fresh what we know of it is.

use std::sync::Arc;
use std::time::Instant;

use super::sink::{Sink, count, seconds, signed_seconds};
use crate::catalogue;
use crate::observe::StoreView;
use crate::source::{Mode, Replication, StoreFacts};

pub(super) fn push(store: &StoreView, now: Instant, sink: &mut Sink) {
    let name = &store.name;
    sink.push(&catalogue::UP, [name], truth(store.is_up()));
    let Some(snapshot) = &store.last_good else { return };
    let age = now.saturating_duration_since(snapshot.taken_at);
    sink.push(&catalogue::SNAPSHOT_AGE, [name], age.as_secs_f64());

    let StoreFacts { kind, schema, mode, last_replay_age_ms, replication, clock_skew_ms, sizes, notes: _ } =
        &snapshot.census.store;
    let labels = [name, &Arc::from(kind.name), &Arc::from(schema.as_str()), &Arc::from(mode.as_str())];
    sink.push(&catalogue::STORE_INFO, labels, 1.0);
    sink.push(&catalogue::STORE_REPLICA, [name], truth(*mode == Mode::Replica));
    if let Some(age) = last_replay_age_ms {
        sink.push(&catalogue::STORE_LAST_REPLAY_AGE, [name], seconds(*age));
    }
    if let Some(Replication { lag_ms, behind_ms: _, paused, receiver_up, conflicts }) = replication {
        sink.push(&catalogue::STORE_REPLAY_PAUSED, [name], truth(*paused));
        sink.push(&catalogue::STORE_RECOVERY_CONFLICTS, [name], count(*conflicts));
        if let Some(lag_ms) = lag_ms {
            sink.push(&catalogue::STORE_REPLICATION_LAG, [name], seconds(*lag_ms));
        }
        if let Some(is_up) = receiver_up {
            sink.push(&catalogue::STORE_RECEIVER_UP, [name], truth(*is_up));
        }
    }
    for (clock, skew) in clock_skew_ms {
        sink.push(&catalogue::STORE_CLOCK_SKEW, [name, clock.label()], signed_seconds(*skew));
    }
    for (part, bytes) in sizes {
        sink.push(&catalogue::STORE_SIZE, [name, &Arc::from(*part)], count(*bytes));
    }
}

fn truth(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}
