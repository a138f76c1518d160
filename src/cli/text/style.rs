//! Bold and colour, where a person looks.

use std::ffi::OsString;

use super::sanitize::printable;
use crate::labels::{ExecutionStatus, InstanceStatus};

/// Whether a writer shows bold text and colours.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    bold: bool,
}

/// How a text stands out. Few: a table in which everything is coloured says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Ended well.
    Green,
    /// Failed.
    Red,
    /// Not as expected.
    Yellow,
    /// Beside the point.
    Dim,
    /// What was asked for.
    Bold,
}

impl Style {
    /// Only where a person looks and has not asked for plain text (<https://no-color.org>).
    pub(crate) fn new(terminal: bool, environment: &[(OsString, OsString)]) -> Self {
        let plain = environment.iter().any(|(name, value)| {
            (name == "NO_COLOR" && !value.is_empty()) || (name == "TERM" && value == "dumb")
        });
        Self { bold: terminal && !plain }
    }

    pub(crate) fn is_bold(self) -> bool {
        self.bold
    }

    pub(crate) fn heading(self, text: &str) -> String {
        self.paint(&printable(text), Some(Paint::Bold))
    }

    /// A text that is harmless already.
    pub(crate) fn paint(self, text: &str, paint: Option<Paint>) -> String {
        let Some(paint) = paint.filter(|_| self.bold && !text.is_empty()) else { return text.to_owned() };
        let code = match paint {
            Paint::Green => 32,
            Paint::Red => 31,
            Paint::Yellow => 33,
            Paint::Dim => 2,
            Paint::Bold => 1,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    pub(crate) fn clap(self, error: &clap::Error) -> String {
        let text = error.render();
        if self.bold { text.ansi().to_string() } else { text.to_string() }
    }
}

impl Paint {
    /// Running is the usual state and has no colour.
    pub(crate) fn instance(status: InstanceStatus) -> Option<Self> {
        match status {
            InstanceStatus::Running => None,
            InstanceStatus::Completed => Some(Self::Green),
            InstanceStatus::Failed => Some(Self::Red),
            InstanceStatus::Unknown => Some(Self::Yellow),
        }
    }

    pub(crate) fn execution(status: ExecutionStatus) -> Option<Self> {
        match status {
            ExecutionStatus::Running | ExecutionStatus::ContinuedAsNew => None,
            ExecutionStatus::Completed => Some(Self::Green),
            ExecutionStatus::Failed => Some(Self::Red),
            ExecutionStatus::Unknown => Some(Self::Yellow),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_only_for_people_who_want_it() {
        let environment = |name: &str, value: &str| [(OsString::from(name), OsString::from(value))];
        for (terminal, name, value, coloured) in [
            (true, "TERM", "xterm", true),
            (true, "NO_COLOR", "", true),
            (true, "NO_COLOR", "1", false),
            (true, "TERM", "dumb", false),
            (false, "TERM", "xterm", false),
        ] {
            let style = Style::new(terminal, &environment(name, value));
            let failed = style.paint("failed", Paint::instance(InstanceStatus::Failed));
            assert_eq!(failed != "failed", coloured, "{terminal} {name}={value}");
            assert_eq!(style.paint("running", Paint::instance(InstanceStatus::Running)), "running");
        }
    }
}
