//! `queues`: what waits in every store, and what will not move by itself, in words. `report` has the numbers and
//! their JSON, `table` what people read.

mod report;
mod table;

use super::output::Output;
use super::read::Reading;
use super::text::{self, Style};
use super::{Error, Exit};
use crate::source::Census;
use report::{Queues, Report, StoreReport};

/// What will not move by itself in a store, in words.
pub(super) fn warnings(census: &Census) -> Vec<String> {
    Queues::new(census).warnings
}

/// The report and the exit code.
pub(super) fn queues(readings: &[Reading], output: Output, style: Style) -> Result<(String, Exit), Error> {
    let report = Report { stores: readings.iter().map(StoreReport::new).collect() };
    let failed = report.stores.iter().any(|store| store.error.is_some());
    let text = match output {
        Output::Json => text::json(&report)?,
        Output::Table => report.stores.iter().map(|store| store.render(style)).collect::<Vec<_>>().join("\n"),
    };
    Ok((text, if failed { Exit::Failure } else { Exit::Fine }))
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn what_people_read() {
        let readings = [fixture::good("orders"), fixture::bad("billing")];
        let (text, exit) = queues(&readings, Output::Table, Style::new(false, &[])).unwrap();
        assert_eq!(exit, Exit::Failure);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "orders");
        assert_eq!(lines[1], "  a copy, as of its newest change 1m30s ago");
        assert_eq!(lines[2], "                        orchestrator  worker  timer");
        assert_eq!(lines[3], "  ready                            3      12      0");
        assert_eq!(lines[9], "  oldest ready                  2.1s   4m12s      -");
        assert_eq!(lines[10], "  oldest expired lease             -     31s      -");
        assert_eq!(lines[19], "  activity  tag  fetchable  delayed  in flight  lease expired  oldest ready");
        assert_eq!(lines[20], "  Charge24  gpu         24        1          0              0           24s");
        assert_eq!(lines[40], "  … and 5 more; --output json lists all");
        let warnings: Vec<&&str> = lines.iter().filter(|line| line.starts_with("  warning: ")).collect();
        assert!(warnings[0].contains("2 orphan messages in the orchestrator queue"), "{warnings:?}");
        assert!(warnings[1].contains("1 message in the worker queue cannot be decoded"), "{warnings:?}");
        assert!(warnings[1].contains("blocks all behind it"), "{warnings:?}");
        assert!(warnings[2].contains("with a lease that is over, the oldest for 31s"), "{warnings:?}");
        assert!(text.ends_with("the exporter never does.\n"), "{text}");
    }

    #[test]
    fn what_programs_read() {
        let (text, exit) = queues(&[fixture::good("orders")], Output::Json, Style::new(true, &[])).unwrap();
        assert_eq!(exit, Exit::Fine);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let store = &json["stores"][0];
        assert_eq!(store["now_unix_seconds"], 1_790_000_000.0);
        let expected = serde_json::json!({
            "queue": "worker",
            "messages": {"ready": 12, "blocked": 0, "delayed": 4, "in_flight": 8, "lease_expired": 1},
            "fetchable": 13,
            "oldest_ready_age_seconds": 252.0,
            "oldest_expired_lease_age_seconds": 31.0,
            "retrying": 2,
            "max_attempts": 5,
            "orphans": 0,
            "undecodable": 1,
            "leftovers": 0,
        });
        assert_eq!(store["queues"][1], expected);
        assert_eq!(store["activities"].as_array().unwrap().len(), 25);
        assert_eq!(store["activities"][1]["tag"], serde_json::Value::Null);
        assert_eq!(store["warnings"].as_array().unwrap().len(), 3);
    }
}
