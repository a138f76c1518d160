//! Families about a store itself, and how fresh what we know of it is.

use std::sync::Arc;
use std::time::Instant;

use super::catalogue::{
    SNAPSHOT_AGE, STORE_CLOCK_SKEW, STORE_INFO, STORE_LAST_REPLAY_AGE, STORE_RECEIVER_UP,
    STORE_RECOVERY_CONFLICTS, STORE_REPLAY_PAUSED, STORE_REPLICA, STORE_REPLICATION_LAG, STORE_SIZE, UP,
};
use super::{Builder, Family, count, seconds, signed_seconds};
use crate::observe::View;
use crate::source::{Mode, Replication, StoreFacts};

pub(super) fn families(view: &View, now: Instant, all: &mut Vec<Family>) {
    let mut info = Builder::new(&STORE_INFO);
    let mut size = Builder::new(&STORE_SIZE);
    let mut replica = Builder::new(&STORE_REPLICA);
    let mut last_replay_age = Builder::new(&STORE_LAST_REPLAY_AGE);
    let mut lag = Builder::new(&STORE_REPLICATION_LAG);
    let mut paused = Builder::new(&STORE_REPLAY_PAUSED);
    let mut receiver_up = Builder::new(&STORE_RECEIVER_UP);
    let mut conflicts = Builder::new(&STORE_RECOVERY_CONFLICTS);
    let mut clock_skew = Builder::new(&STORE_CLOCK_SKEW);
    let mut up = Builder::new(&UP);
    let mut snapshot_age = Builder::new(&SNAPSHOT_AGE);
    for store in &view.stores {
        let name = &store.name;
        up.push([name], truth(store.is_up()));
        let Some(snapshot) = &store.last_good else { continue };
        let age = now.saturating_duration_since(snapshot.taken_at);
        snapshot_age.push([name], age.as_secs_f64());

        let StoreFacts {
            kind,
            schema,
            mode,
            last_replay_age_ms,
            replication,
            clock_skew_ms,
            sizes,
            notes: _,
        } = &snapshot.census.store;
        info.push([name, &Arc::from(kind.name), &Arc::from(schema.as_str()), &Arc::from(mode.as_str())], 1.0);
        replica.push([name], truth(*mode == Mode::Replica));
        if let Some(age) = last_replay_age_ms {
            last_replay_age.push([name], seconds(*age));
        }
        if let Some(replication) = replication {
            let Replication {
                lag_ms,
                behind_ms: _,
                paused: is_paused,
                receiver_up: is_up,
                conflicts: queries,
            } = replication;
            paused.push([name], truth(*is_paused));
            conflicts.push([name], count(*queries));
            if let Some(lag_ms) = lag_ms {
                lag.push([name], seconds(*lag_ms));
            }
            if let Some(is_up) = is_up {
                receiver_up.push([name], truth(*is_up));
            }
        }
        for (clock, skew) in clock_skew_ms {
            clock_skew.push([name, clock.label()], signed_seconds(*skew));
        }
        for (part, bytes) in sizes {
            size.push([name, &Arc::from(*part)], count(*bytes));
        }
    }
    all.extend([info, size, replica, last_replay_age].map(Builder::finish));
    all.extend([lag, paused, receiver_up, conflicts, clock_skew].map(Builder::finish));
    all.extend([up, snapshot_age].map(Builder::finish));
}

fn truth(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}
