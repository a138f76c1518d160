//! The families about instances, their locks and the workers' sessions.

use super::{Tally, label, rows::Rows};

pub(super) fn count(rows: &Rows, now_ms: i64, tally: &mut Tally<'_>) {
    leases("duroxide_instance_locks", rows.locks.values().map(|lock| lock.until), now_ms, tally);
    if let Some(sessions) = &rows.sessions {
        leases("duroxide_sessions", sessions.iter().copied(), now_ms, tally);
    }
    for (id, instance) in &rows.instances {
        // Continued as new and not yet started again: alive.
        let status = match rows.executions.get(&(id.clone(), instance.current_execution)).map(String::as_str)
        {
            Some("Running" | "ContinuedAsNew") => "running",
            Some("Completed") => "completed",
            Some("Failed") => "failed",
            _ => "unknown",
        };
        let (orchestration, version) = (label(&instance.orchestration), label(&instance.version));
        for candidate in ["running", "completed", "failed", "unknown"] {
            let labels = [
                ("orchestration", orchestration.as_str()),
                ("version", version.as_str()),
                ("status", candidate),
            ];
            tally.add("duroxide_instances", &labels, f64::from(u8::from(candidate == status)));
        }
    }
}

fn leases(family: &str, ends: impl Iterator<Item = i64>, now_ms: i64, tally: &mut Tally<'_>) {
    for state in ["active", "expired"] {
        tally.add(family, &[("state", state)], 0.0);
    }
    for end in ends {
        let state = if end > now_ms { "active" } else { "expired" };
        tally.add(family, &[("state", state)], 1.0);
    }
}
