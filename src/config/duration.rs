//! Durations as Prometheus writes them: `500ms`, `5s`, `1m30s`, `2h`, `1d`.
//!
//! A bare number is refused: half of its readers would take it for seconds, the other half for milliseconds.

use std::time::Duration;

/// Units and their milliseconds, from long to short: the order in which they may follow each other.
const UNITS: [(&str, u64); 6] =
    [("w", 7 * 86_400_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Reads a duration.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err("a duration needs a unit: ms, s, m, h, d or w".to_owned());
    }
    let malformed =
        || "not a duration: whole numbers with units from long to short, such as 1m30s or 500ms".to_owned();
    let mut rest = text;
    let mut units = UNITS.iter();
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(malformed)?);
        let (unit, tail) = tail.split_at(tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len()));
        // The iterator only goes forward, so a unit that repeats or comes too late is not found.
        let (_, factor) = units.find(|(name, _)| *name == unit).ok_or_else(malformed)?;
        if number.is_empty() {
            return Err(malformed());
        }
        total = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(*factor))
            .and_then(|ms| total.checked_add(ms))
            .ok_or_else(|| "too long a duration".to_owned())?;
        rest = tail;
    }
    if text.is_empty() { Err(malformed()) } else { Ok(Duration::from_millis(total)) }
}

/// Writes a duration the way [`parse`] reads it, cut to milliseconds.
pub(crate) fn format(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    // Weeks are read, not written: 10d says more than 1w3d.
    for (unit, factor) in UNITS.iter().skip(1) {
        if rest >= *factor {
            text.push_str(&format!("{}{unit}", rest / factor));
            rest %= factor;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_prometheus_reads() {
        for (text, ms) in [
            ("500ms", 500),
            ("5s", 5000),
            (" 5s ", 5000),
            ("1m30s", 90_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("1w1ms", 604_800_001),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for (text, expected) in [
            ("5", "needs a unit"),
            ("0", "needs a unit"),
            ("1.5", "needs a unit"),
            ("", "not a duration"),
            ("s", "not a duration"),
            ("5 s", "not a duration"),
            ("1.5s", "not a duration"),
            ("5sec", "not a duration"),
            ("30s1m", "not a duration"),
            ("1s1s", "not a duration"),
            ("5s3", "not a duration"),
            ("-5s", "not a duration"),
            ("5µs", "not a duration"),
            ("99999999999999999999s", "too long"),
            ("99999999999999999w", "too long"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(ms: u64) {
            let duration = Duration::from_millis(ms);
            prop_assert_eq!(parse(&format(duration)), Ok(duration));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = parse(&text);
        }
    }
}
