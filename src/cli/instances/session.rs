//! A command's store, output format and terminal.

use std::ffi::OsString;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::super::output::Output;
use super::super::text::{self, Style};
use super::super::{Error, print};
use crate::management::{ManagementAPI, ManagementError, Timestamp};
use crate::source::with_grace;

/// A store, by whatever reads it.
pub(in crate::cli) struct Store {
    pub(in crate::cli) name: String,
    pub(in crate::cli) management: Arc<dyn ManagementAPI>,
    /// The time it gives itself for an answer.
    pub(in crate::cli) limit: Duration,
}

/// Where answers go.
pub(in crate::cli) struct Terminal<'a> {
    pub(in crate::cli) out: &'a mut dyn Write,
    /// Notes: what a program that reads the result has no use for.
    pub(in crate::cli) err: &'a mut dyn Write,
    pub(in crate::cli) style: Style,
    pub(in crate::cli) err_style: Style,
    /// Width of a line in characters; `None` where output is no terminal.
    pub(in crate::cli) width: Option<usize>,
    /// The command line as it was typed.
    pub(in crate::cli) typed: &'a [OsString],
    /// What ages are counted from.
    pub(in crate::cli) now: Timestamp,
}

/// Why a question was not answered.
#[derive(Debug)]
pub(super) enum CommandError {
    /// The store's answer.
    Store(ManagementError),
    /// What was asked makes no sense.
    Usage(String),
    /// Anything else.
    Run(Error),
}

impl From<ManagementError> for CommandError {
    fn from(error: ManagementError) -> Self {
        Self::Store(error)
    }
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        Self::Run(error)
    }
}

impl Store {
    /// Waits for one answer. Not for those that are made of many, which may take as long as they need.
    pub(super) async fn ask<T>(
        &self,
        answer: impl Future<Output = Result<T, ManagementError>>,
    ) -> Result<T, ManagementError> {
        let answer = tokio::time::timeout(with_grace(self.limit), answer).await;
        answer.unwrap_or(Err(ManagementError::TimedOut(self.limit)))
    }

    /// The execution that is named, or the newest.
    pub(super) async fn execution(&self, instance: &str, named: Option<u64>) -> Result<u64, ManagementError> {
        match named {
            Some(execution) => Ok(execution),
            None => self.ask(self.management.latest_execution_id(instance)).await,
        }
    }

    /// How old the data of the next answer may be; `None` when the store is read live.
    pub(super) async fn data_age(&self) -> Result<Option<Duration>, ManagementError> {
        match self.ask(self.management.data_age()).await {
            Err(ManagementError::Unsupported { .. }) => Ok(None),
            answer => answer,
        }
    }
}

/// A store, an answer's form and place.
pub(super) struct Session<'s, 't> {
    pub(super) store: &'s Store,
    pub(super) output: Output,
    pub(super) terminal: Terminal<'t>,
}

/// What every JSON document begins with. Names are an interface: fields may be added, not renamed.
#[derive(Debug, Serialize)]
struct Document<'a, T> {
    store: &'a str,
    /// Replicas: how old the data may be; otherwise null.
    data_age_seconds: Option<f64>,
    #[serde(flatten)]
    answer: T,
}

impl Session<'_, '_> {
    /// Writes a whole answer: as JSON, or what `table` makes of it.
    pub(super) fn answer<T: Serialize>(
        &mut self,
        age: Option<Duration>,
        answer: &T,
        table: impl FnOnce(&Terminal<'_>) -> String,
    ) -> Result<(), Error> {
        match self.output {
            Output::Json => self.document(age, answer),
            Output::Table => {
                let text = table(&self.terminal);
                print(self.terminal.out, &text)?;
                self.note_age(age)
            }
        }
    }

    /// Writes a whole answer as JSON.
    pub(super) fn document<T: Serialize>(&mut self, age: Option<Duration>, answer: &T) -> Result<(), Error> {
        let document =
            Document { store: &self.store.name, data_age_seconds: age.map(|age| age.as_secs_f64()), answer };
        // An export may be large: it is not made a text first.
        let mut out = std::io::BufWriter::new(&mut *self.terminal.out);
        serde_json::to_writer_pretty(&mut out, &document).map_err(|error| Error::Output(error.into()))?;
        out.write_all(b"\n").and_then(|()| out.flush()).map_err(Error::Output)
    }

    /// Says that a copy was read, and how old it is.
    pub(super) fn note_age(&mut self, age: Option<Duration>) -> Result<(), Error> {
        let Some(age) = age else { return Ok(()) };
        let age = text::age(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
        self.note(&format!("{} is a replica: what it shows is as of {age} ago.", self.store.name))
    }

    /// A line beside the result.
    pub(super) fn note(&mut self, line: &str) -> Result<(), Error> {
        print(self.terminal.err, &format!("{line}\n"))
    }
}
