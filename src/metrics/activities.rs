//! Families about the worker queue by activity and tag.

use super::catalogue::{ACTIVITY_QUEUE_MESSAGES, ACTIVITY_QUEUE_OLDEST_READY_AGE};
use super::{Builder, Family, count, queues};
use crate::labels::MessageState;
use crate::observe::View;
use crate::source::ActivityBacklog;

pub(super) fn families(view: &View, all: &mut Vec<Family>) {
    let mut messages = Builder::new(&ACTIVITY_QUEUE_MESSAGES);
    let mut oldest_ready = Builder::new(&ACTIVITY_QUEUE_OLDEST_READY_AGE);
    for store in &view.stores {
        let Some(snapshot) = &store.last_good else { continue };
        for row in snapshot.activities.iter().flatten() {
            let ActivityBacklog { activity, tag, messages: rows, oldest_ready_since_ms: _ } = row;
            for (state, rows) in MessageState::ALL.iter().zip(rows) {
                messages.push([&store.name, activity, tag, state.label()], count(*rows));
            }
        }
        for (tag, since) in snapshot.tags.iter().flatten() {
            oldest_ready.push([&store.name, tag], queues::age(snapshot.census.now_ms, *since));
        }
    }
    all.extend([messages, oldest_ready].map(Builder::finish));
}
