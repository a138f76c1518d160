//! What a store's error means to a person, and what can be done.

use super::super::output::NAME;
use super::super::text::{self, Paint};
use super::super::{Error, Exit};
use super::session::{Store, Terminal};
use crate::config::format_duration;
use crate::management::ManagementError;

/// Prints the error. An argument that the store refuses is a mistake in usage.
pub(super) fn print(
    store: &Store,
    terminal: &mut Terminal<'_>,
    error: &ManagementError,
) -> Result<Exit, Error> {
    let title = terminal.err_style.paint("error:", Some(Paint::Red));
    let mut text = format!("{title} {}\n", text::harmless(&error.to_string()));
    if let Some(advice) = advice(store, error) {
        text.push_str(&format!("  {}\n", text::harmless(&advice)));
    }
    super::super::print(terminal.err, &text)?;
    Ok(match error {
        ManagementError::InvalidArgument { .. } => Exit::Usage,
        _ => Exit::Failure,
    })
}

fn advice(store: &Store, error: &ManagementError) -> Option<String> {
    let name = &store.name;
    Some(match error {
        ManagementError::NotFound { what } if what.starts_with("execution") => {
            format!("'{NAME} instances show ID' lists the executions that exist.")
        }
        ManagementError::NotFound { .. } => format!(
            "Looked in the store {name}. An instance is there from its first turn on: one that still waits in the queue is \
             not ('{NAME} queues'). '{NAME} instances search TEXT' finds ids by a part of them."
        ),
        ManagementError::TimedOut(_) => format!(
            "The limit is {}; --poll-timeout raises it. Narrower filters and a smaller --limit take less time.",
            format_duration(store.limit)
        ),
        ManagementError::Unavailable(_) | ManagementError::IncompatibleSchema(_) => {
            format!("'{NAME} check' says what the store {name} is, or what is wrong with it and what to do.")
        }
        ManagementError::Unsupported { .. } => {
            format!("What reads the store {name} cannot tell; that is no mistake in the question.")
        }
        ManagementError::TooLarge { .. } => format!(
            "'{NAME} instances history ID' reads histories of any size, with --payloads and --output json in full."
        ),
        ManagementError::InvalidArgument { name: "after", .. } => {
            "A key belongs to the command and the filters it came from: repeat them as they were.".to_owned()
        }
        _ => return None,
    })
}
