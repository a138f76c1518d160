//! Times as people read them: a date in UTC for moments, two units for durations.

use std::fmt::{self, Display, Formatter};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment, like `Mon, 23 Nov 2026 06:41:32 GMT`.
pub(super) struct HttpDate(pub(super) SystemTime);

/// A span of time, like `3 h 4 min`.
pub(super) struct Span(pub(super) Duration);

impl Display for HttpDate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        // A clock before 1970 is shown as 1970: the library takes no earlier moment.
        httpdate::HttpDate::from(self.0.max(UNIX_EPOCH)).fmt(f)
    }
}

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let s = self.0.as_secs();
        match s {
            0..10 => write!(f, "{:.1} s", self.0.as_secs_f64()),
            10..60 => write!(f, "{s} s"),
            60..3_600 => write!(f, "{} min {} s", s / 60, s % 60),
            3_600..86_400 => write!(f, "{} h {} min", s / 3_600, s / 60 % 60),
            _ => write!(f, "{} d {} h", s / 86_400, s / 3_600 % 24),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments() {
        assert_eq!(
            HttpDate(UNIX_EPOCH + Duration::from_secs(1_795_416_092)).to_string(),
            "Mon, 23 Nov 2026 06:41:32 GMT"
        );
        assert_eq!(
            HttpDate(UNIX_EPOCH - Duration::from_secs(1)).to_string(),
            "Thu, 01 Jan 1970 00:00:00 GMT"
        );
    }

    #[test]
    fn spans() {
        for (ms, shown) in [
            (0, "0.0 s"),
            (1_250, "1.2 s"),
            (59_999, "59 s"),
            (61_000, "1 min 1 s"),
            (11_040_000, "3 h 4 min"),
            (190_800_000, "2 d 5 h"),
        ] {
            assert_eq!(Span(Duration::from_millis(ms)).to_string(), shown);
        }
    }
}
