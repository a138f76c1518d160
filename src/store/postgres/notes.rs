//! Remarks on how a store is read. Each stays the same while nothing changes, for the log tells
//! them once.

use super::rights;
use super::schema::Schema;
use super::standby::ReplicaTime;

/// Workers' clocks that are this far ahead of the database's are worth a word.
const AHEAD_MS: i64 = 5_000;

pub(super) fn of(schema: &Schema, moment: &ReplicaTime, ahead_ms: i64, pooled: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if pooled {
        notes.push(
            "a pooler lends its connections to the server: it has to be one of transactions or sessions (not of statements), \
             and all its connections have to lead to one server; when all are lent, a read waits for one"
                .to_owned(),
        );
    }
    if schema.is_newer_than_known() {
        notes.push(format!(
            "the schema ({}) is newer than this version of the exporter knows; it is read as far as its columns are those \
             that are known",
            schema.version()
        ));
    }
    if let Some(replication) = &moment.replication {
        if replication.receiver_up.is_none() {
            notes.push(format!(
                "role {} may not look at the replication: its lag is not known; {}",
                schema.role,
                rights::grant_monitor(&schema.role)
            ));
        }
        if replication.paused {
            notes.push(
                "replay is paused on this standby: states and ages are those of when it was".to_owned(),
            );
        } else if replication.receiver_up == Some(false) {
            notes.push(
                "nothing streams into this standby: states and ages are those of its last contact with the primary"
                    .to_owned(),
            );
        }
    } else if !schema.sequences {
        notes.push(format!(
            "role {} may not read the queues' sequences: duroxide_queue_enqueued_total and _dequeued_total are absent; {}",
            schema.role,
            rights::grant_sequences(&schema.role, &schema.name)
        ));
    }
    if ahead_ms > AHEAD_MS {
        notes.push(
            "a worker's clock is ahead of the database's (see duroxide_store_clock_skew_seconds): workers whose clocks \
             differ wait for each other's work, and take it from each other; let all machines keep time by NTP"
                .to_owned(),
        );
    }
    notes
}
