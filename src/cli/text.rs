//! Formatting for terminals: columns, ages, sizes. Names from a store are untrusted and are made harmless here.

use std::ffi::OsString;
use std::time::Duration;

use serde::Serialize;

use super::Error;
use crate::management::Timestamp;

mod sanitize;
mod style;
mod table;

pub(super) use sanitize::{harmless, named, printable};
pub(super) use style::{Paint, Style};
pub(super) use table::{Cell, Table, cut};

/// An age in milliseconds, in its two greatest units.
pub(super) fn age(ms: i64) -> String {
    let ms = ms.max(0);
    let (s, m, h, d) = (ms / 1000, ms / 60_000, ms / 3_600_000, ms / 86_400_000);
    match () {
        () if d > 0 => format!("{d}d{}h", h % 24),
        () if h > 0 => format!("{h}h{}m", m % 60),
        () if m > 0 => format!("{m}m{}s", s % 60),
        () if s > 9 => format!("{s}s"),
        () => format!("{s}.{}s", ms % 1000 / 100),
    }
}

/// A time between two moments, as exact as its size allows.
pub(super) fn duration(duration: Duration) -> String {
    match i64::try_from(duration.as_millis()) {
        Ok(ms) if ms < 1000 => format!("{ms}ms"),
        Ok(ms) if ms < 60_000 => format!("{}.{:03}s", ms / 1000, ms % 1000),
        ms => age(ms.unwrap_or(i64::MAX)),
    }
}

/// How long ago a moment was.
pub(super) fn since(now: Timestamp, moment: Timestamp) -> String {
    age(now.unix_millis().saturating_sub(moment.unix_millis()))
}

/// Characters a line may have: what the user says, or the terminal; `None` where nobody looks.
pub(super) fn width(terminal: bool, environment: &[(OsString, OsString)]) -> Option<usize> {
    let said = environment.iter().find(|(name, _)| name == "COLUMNS");
    let said = said.and_then(|(_, value)| value.to_str()?.parse().ok()).filter(|columns| *columns > 0);
    said.or_else(|| {
        let (terminal_size::Width(columns), _) = terminal.then(terminal_size::terminal_size).flatten()?;
        Some(usize::from(columns))
    })
}

/// Milliseconds as seconds, for JSON. Never negative: a clock that stepped back is not a negative age.
pub(super) fn seconds(ms: i64) -> f64 {
    signed_seconds(ms.max(0))
}

/// The same of a difference, which may be negative.
#[expect(clippy::cast_precision_loss, reason = "ages are far below 2^53 milliseconds")]
pub(super) fn signed_seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

/// An age as JSON has it.
#[expect(clippy::cast_possible_truncation, reason = "saturates, and ages are far from the bounds")]
pub(super) fn age_of_seconds(seconds: f64) -> String {
    age((seconds * 1000.0).round() as i64)
}

/// JSON as people read it and programs too.
pub(super) fn json(report: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string_pretty(report).map(|text| text + "\n").map_err(|error| Error::Output(error.into()))
}

/// A size, in its unit.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let (mut tenths, mut unit) = (u128::from(bytes) * 10, "B");
    for next in UNITS {
        if tenths < 10_240 {
            break;
        }
        (tenths, unit) = (tenths / 1024, next);
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{}.{} {unit}", tenths / 10, tenths % 10) }
}

/// `1 timer`, `2 timers`.
pub(super) fn plural(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        for (ms, expected) in [
            (-5, "0.0s"),
            (450, "0.4s"),
            (9_999, "9.9s"),
            (12_300, "12s"),
            (252_000, "4m12s"),
            (3_600_000, "1h0m"),
            (100_000_000, "1d3h"),
        ] {
            assert_eq!(age(ms), expected, "{ms}");
        }
    }

    #[test]
    fn durations() {
        for (ms, expected) in [(0, "0ms"), (999, "999ms"), (1_234, "1.234s"), (60_000, "1m0s")] {
            assert_eq!(duration(Duration::from_millis(ms)), expected, "{ms}");
        }
        assert_eq!(duration(Duration::MAX), age(i64::MAX));
    }

    #[test]
    fn the_width_is_what_the_user_says() {
        let columns = |value: &str| [(OsString::from("COLUMNS"), OsString::from(value))];
        assert_eq!(width(false, &columns("72")), Some(72));
        assert_eq!(width(false, &columns("0")), None);
        assert_eq!(width(false, &columns("wide")), None);
    }

    #[test]
    fn sizes() {
        for (size, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (12_943_360, "12.3 MiB"),
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(bytes(size), expected, "{size}");
        }
    }
}
