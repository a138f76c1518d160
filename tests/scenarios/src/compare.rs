//! Which series differ, and how.

use std::fmt::Write as _;

use crate::{
    event_log::Tally,
    exporter::{Running, STORE},
    recount::{self, Rows},
    series::{Series, family},
    store::Store,
};

/// What an age may be off by: the exporter's clock reading and ours are not the same instant.
const AGE_TOLERANCE_SECONDS: f64 = 0.05;

/// Recounts tried before a store is called restless.
const ATTEMPTS: usize = 40;

/// Families with a series for each name in the store. A name that vanished goes on as zero for a while.
const NAMED: [&str; 6] = [
    "duroxide_activity_queue_messages",
    "duroxide_activity_queue_oldest_ready_age_seconds",
    "duroxide_instances",
    "duroxide_instances_waiting",
    "duroxide_instances_oldest_running_age_seconds",
    "duroxide_executions_running",
];

/// What the exporter has seen of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exporter {
    /// Only what is there now: not one series more than the truth has.
    Fresh,
    /// Also what was there before: vanished names may remain, as zero.
    Seasoned,
}

/// Whether a family tells an age: it changes with the clock, so it is compared with a range.
pub fn is_age(key: &str) -> bool {
    family(key).ends_with("_age_seconds")
}

/// All series that differ between the exporter and the truth, one line each; empty when they agree.
///
/// The truth is given twice, from before and after the exporter's read. Except for ages the two must be equal.
pub fn differences(before: &Series, after: &Series, exported: &Series, exporter: Exporter) -> String {
    let mut report = String::new();
    let mut line = |key: &str, truth: String, exported: String| {
        let _ = writeln!(report, "  {key}\n      truth {truth}, exporter {exported}");
    };
    for (key, truth) in before {
        let Some(value) = exported.get(key) else {
            line(key, truth.to_string(), "has no such series".to_owned());
            continue;
        };
        let later = after.get(key).copied().unwrap_or(f64::NAN);
        let (low, high) = (truth.min(later), truth.max(later));
        let tolerance = if is_age(key) { AGE_TOLERANCE_SECONDS } else { 0.0 };
        if !(low - tolerance..=high + tolerance).contains(value) {
            line(key, format!("{low}..{high}"), value.to_string());
        }
    }
    for (key, value) in exported.iter().filter(|(key, _)| recount::FAMILIES.contains(&family(key))) {
        let vanished = exporter == Exporter::Seasoned && *value == 0.0 && NAMED.contains(&family(key));
        if !before.contains_key(key) && !vanished {
            line(key, "has no such series".to_owned(), value.to_string());
        }
    }
    report
}

/// Since when an exporter counts what happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// Everything that is in the history, and everything since.
    Everything,
    /// Nothing yet: it came when all of this had happened.
    Nothing,
}

/// All series of counters and distributions that differ from what the rows' history adds up to, and those that are
/// missing, one line each.
pub fn miscounted(rows: &Rows, store: &str, exported: &Series, counting: Counting) -> String {
    let mut report = match counting {
        Counting::Everything => recount::counted(rows, store).differences(exported),
        Counting::Nothing => Tally::new(store).differences(exported),
    };
    for key in recount::announced(rows, store).iter().filter(|key| !exported.contains_key(*key)) {
        let _ = writeln!(report, "  {key}\n      is not announced");
    }
    report
}

/// Whether two recounts tell the same, ages apart.
pub fn same_apart_from_ages(one: &Series, other: &Series) -> bool {
    let (mut one, mut other) = (one.clone(), other.clone());
    one.retain(|key, _| !is_age(key));
    other.retain(|key, _| !is_age(key));
    one == other
}

/// Compares a running exporter with the truth, on a store that somebody may be writing to: the comparison counts
/// when the store stood still around it. Gives the scrape for further questions.
pub async fn assert_exact(store: impl Into<Store>, running: &Running, exporter: Exporter) -> Series {
    let store = store.into();
    for _ in 0..ATTEMPTS {
        let rows = recount::raw(&store).await.expect("the rows");
        let mut exported = running.fresh_scrape().await;
        let before = recount::count(&rows, STORE, rows.read_ms);
        if before.iter().any(|(key, n)| key.contains("reason=\"stuck\"") && *n > 0.0) {
            // Told when it was seen twice; the first of two polls may have begun before.
            exported = running.fresh_scrape().await;
        }
        let last = recount::raw(&store).await.expect("the rows");
        let after = recount::count(&last, STORE, last.read_ms);
        if same_apart_from_ages(&before, &after) && rows.history == last.history {
            let report = differences(&before, &after, &exported, exporter)
                + &miscounted(&rows, STORE, &exported, running.counting());
            assert!(report.is_empty(), "the exporter does not tell the truth:\n{report}");
            return exported;
        }
    }
    panic!("the store never stood still for two polls");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::key;

    #[test]
    fn every_kind_of_difference_is_reported() {
        let series = |pairs: &[(&str, f64)]| -> Series {
            pairs.iter().map(|(name, value)| (key(name, &[]), *value)).collect()
        };
        let before = series(&[("duroxide_sessions", 1.0), ("duroxide_queue_oldest_ready_age_seconds", 5.0)]);
        let after = series(&[("duroxide_sessions", 1.0), ("duroxide_queue_oldest_ready_age_seconds", 6.0)]);
        let agree = series(&[
            ("duroxide_sessions", 1.0),
            ("duroxide_queue_oldest_ready_age_seconds", 5.5),
            ("duroxide_up", 1.0),
        ]);
        assert_eq!(differences(&before, &after, &agree, Exporter::Fresh), "");
        let differ = series(&[
            ("duroxide_sessions", 2.0),
            ("duroxide_queue_oldest_ready_age_seconds", 6.1),
            ("duroxide_instances", 1.0),
        ]);
        assert_eq!(differences(&before, &after, &differ, Exporter::Seasoned).lines().count(), 6);
        assert_eq!(differences(&before, &after, &Series::new(), Exporter::Fresh).lines().count(), 4);
        let mut vanished = agree;
        vanished.insert("duroxide_instances".to_owned(), 0.0);
        assert_eq!(differences(&before, &after, &vanished, Exporter::Seasoned), "");
        assert_eq!(differences(&before, &after, &vanished, Exporter::Fresh).lines().count(), 2);
        assert!(same_apart_from_ages(&before, &after));
    }
}
