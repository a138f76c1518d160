//! How a run ends.

use std::io::{self, Write};

use crate::app::{RunError, StartError};

/// How a run ended, when it was not by an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Everything is fine.
    Fine,
    /// The command ran and found something that is not fine.
    Failure,
    /// Usage or configuration; what is wrong was printed. The number is `EX_USAGE` of `sysexits.h`.
    Usage,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Fine => 0,
            Self::Failure => 1,
            Self::Usage => 64,
        }
    }
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The exporter could not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The exporter stopped by itself.
    #[error(transparent)]
    Run(#[from] RunError),
    /// A second signal while requests were still in flight.
    #[error("{0} again: stopped at once, requests in flight were cut off")]
    Interrupted(&'static str),
    /// Threads or signal handlers are not to be had.
    #[error("cannot start: {0}")]
    System(io::Error),
    /// Output could not be written. A reader that went away is not among these.
    #[error("cannot write the output: {0}")]
    Output(io::Error),
}

/// Writes everything in one go, so that a failure is seen once.
pub(super) fn print(writer: &mut dyn Write, text: &str) -> Result<(), Error> {
    writer.write_all(text.as_bytes()).and_then(|()| writer.flush()).map_err(Error::Output)
}
