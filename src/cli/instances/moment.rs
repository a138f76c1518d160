//! A time argument: a moment, a day, or how long ago.

use std::time::Duration;

use crate::config::parse_duration;
use crate::management::Timestamp;

/// A moment, or a distance from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimeArg {
    At(Timestamp),
    Ago(Duration),
}

impl TimeArg {
    /// Reads RFC 3339, a date, or an age.
    ///
    /// # Errors
    /// In words.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        // The day's beginning, as everything here is UTC.
        if let Ok(time) = format!("{text}T00:00:00Z").parse() {
            return Ok(Self::At(time));
        }
        parse_duration(text).map(Self::Ago).map_err(|_| {
            "neither a time nor an age: give RFC 3339 (2026-11-23T04:42:15Z), a date (2026-11-23, UTC) or an age (90s, 1h, 30d)"
                .to_owned()
        })
    }

    pub(super) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(age) => now.before(age),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_days_and_ages() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        for (text, expected) in [
            ("2026-11-23T04:42:15Z", "2026-11-23T04:42:15.000Z"),
            ("2026-11-23T04:42:15+02:00", "2026-11-23T02:42:15.000Z"),
            ("2026-11-23", "2026-11-23T00:00:00.000Z"),
            ("1h30m", "2026-11-23T10:30:00.000Z"),
            (" 1d ", "2026-11-22T12:00:00.000Z"),
        ] {
            assert_eq!(TimeArg::parse(text).unwrap().at(now).to_string(), expected, "{text}");
        }
        for text in ["", "yesterday", "1", "-1h", "2026-13-01", "04:42:15"] {
            assert!(TimeArg::parse(text).unwrap_err().contains("30d"), "{text}");
        }
    }
}
