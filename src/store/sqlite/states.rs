//! The five states of a queue's row, as SQL.

use super::schema::Schema;
use crate::labels::MessageState;

/// The number of the state of a row `q` of the orchestrator table at the moment `?1`, with the lock `il` of its instance.
pub(super) fn orchestrator_state() -> String {
    format!(
        "CASE WHEN il.locked_until > ?1 AND q.lock_token = il.lock_token THEN {in_flight} \
              WHEN q.visible_at <= ?1 THEN CASE \
                WHEN il.locked_until > ?1 THEN {blocked} \
                WHEN q.lock_token = il.lock_token THEN {lease_expired} \
                ELSE {ready} END \
              ELSE {delayed} END",
        in_flight = MessageState::InFlight.index(),
        blocked = MessageState::Blocked.index(),
        lease_expired = MessageState::LeaseExpired.index(),
        ready = MessageState::Ready.index(),
        delayed = MessageState::Delayed.index(),
    )
}

/// When a row `q` of the worker table becomes visible. Before 0.1.5 it was visible from its creation on.
pub(super) fn visible_at(schema: &Schema) -> &'static str {
    if schema.worker_visible_at { "q.visible_at" } else { "0" }
}

/// The number of the state of a row `q` of the worker table at the moment `?1`.
pub(super) fn worker_state(schema: &Schema) -> String {
    format!(
        "CASE WHEN q.lock_token IS NOT NULL AND (q.locked_until > ?1 OR q.locked_until IS NULL) THEN {in_flight} \
              WHEN {visible} <= ?1 THEN CASE WHEN q.lock_token IS NOT NULL THEN {lease_expired} ELSE {ready} END \
              ELSE {delayed} END",
        visible = visible_at(schema),
        in_flight = MessageState::InFlight.index(),
        lease_expired = MessageState::LeaseExpired.index(),
        ready = MessageState::Ready.index(),
        delayed = MessageState::Delayed.index(),
    )
}
