//! Families about a store itself, and how fresh what we know of it is.

use std::sync::Arc;
use std::time::SystemTime;

use super::catalogue::{SNAPSHOT_AGE, STORE_INFO, STORE_LAST_REPLAY_AGE, STORE_REPLICA, STORE_SIZE, UP};
use super::{Builder, Family, count, seconds};
use crate::observe::View;
use crate::source::{Mode, StoreFacts};

pub(super) fn families(view: &View, now: SystemTime, all: &mut Vec<Family>) {
    let mut info = Builder::new(&STORE_INFO);
    let mut size = Builder::new(&STORE_SIZE);
    let mut replica = Builder::new(&STORE_REPLICA);
    let mut last_replay_age = Builder::new(&STORE_LAST_REPLAY_AGE);
    let mut up = Builder::new(&UP);
    let mut snapshot_age = Builder::new(&SNAPSHOT_AGE);
    for store in &view.stores {
        let name = &store.name;
        up.push([name], if store.is_up() { 1.0 } else { 0.0 });
        let Some(snapshot) = &store.last_good else { continue };
        // A clock that was set back must not make old values look new: no age at all is better than a wrong one,
        // but an absent series would silence the alert. Zero lasts until the clock has caught up.
        let age = now.duration_since(snapshot.taken_at).unwrap_or_default();
        snapshot_age.push([name], age.as_secs_f64());

        let StoreFacts { backend, schema, mode, last_replay_age_ms, sizes } = &snapshot.census.store;
        info.push([name, &Arc::from(*backend), &Arc::from(schema.as_str()), &Arc::from(mode.as_str())], 1.0);
        replica.push([name], if *mode == Mode::Replica { 1.0 } else { 0.0 });
        if let Some(age) = last_replay_age_ms {
            last_replay_age.push([name], seconds(*age));
        }
        for (part, bytes) in sizes {
            size.push([name, &Arc::from(*part)], count(*bytes));
        }
    }
    all.extend([info, size, replica, last_replay_age, up, snapshot_age].map(Builder::finish));
}
