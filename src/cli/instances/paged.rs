//! Lists: read a page at a time, written as they are read, as a table or as one JSON document.

use std::fmt::Write as _;

use std::time::Duration;

use serde::Serialize;

use super::super::output::Output;
use super::super::text::{Cell, Table};
use super::super::{Error, Exit, print};
use super::args::Paging;
use super::hint;
use super::problem;
use super::session::{CommandError, Session};
use crate::config::format_duration;
use crate::management::{ManagementError, Page, PageRequest};

/// Entries that are asked for at once: enough to cost few questions, few enough for the first to be seen soon.
const STEP: usize = 500;

/// A list and how it looks.
pub(super) struct List<'a, T> {
    /// Key of the entries in JSON.
    pub(super) key: &'static str,
    /// What stands before them in JSON: keys and values.
    pub(super) fields: Vec<(&'static str, String)>,
    /// What stands before the table.
    pub(super) heading: String,
    pub(super) table: Table,
    pub(super) row: &'a mut dyn FnMut(&T) -> Vec<Cell>,
    /// What is said of a list without entries.
    pub(super) none: String,
}

/// Where an answer ended.
struct End {
    /// Key to go on with.
    next: Option<String>,
    /// Whether it ended before everything that was asked for had been looked at.
    partial: bool,
    error: Option<ManagementError>,
}

/// A JSON value as it stands in a document, `depth` levels down.
pub(super) fn indented(value: &impl Serialize, depth: usize) -> Result<String, Error> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::Output(error.into()))?;
    // Line ends are never part of a JSON text: in its strings they are escaped.
    Ok(text.replace('\n', &format!("\n{}", "  ".repeat(depth))))
}

/// Reads pages by `fetch` and writes them out.
pub(super) async fn write<T: Serialize>(
    session: &mut Session<'_, '_>,
    list: List<'_, T>,
    paging: &Paging,
    mut fetch: impl AsyncFnMut(PageRequest) -> Result<Page<T>, ManagementError>,
) -> Result<Exit, CommandError> {
    let store = session.store;
    let age = store.data_age().await?;
    let mut writer = Writer { list, count: 0 };
    let mut request = PageRequest { limit: STEP, after: paging.after.clone() };
    let mut left = paging.limit;
    let mut begun = false;
    let end = loop {
        request.limit = left.map_or(STEP, |left| left.min(STEP));
        let page = match store.ask(fetch(request.clone())).await {
            Ok(page) => page,
            Err(error) if !begun => return Err(error.into()),
            Err(error) => break End { next: request.after, partial: true, error: Some(error) },
        };
        if !begun {
            // Not before there is an answer: an error leaves the output empty.
            writer.begin(session, age)?;
            begun = true;
        }
        left = left.map(|left| left.saturating_sub(page.items.len()));
        writer.entries(session, &page.items)?;
        let Some(next) = page.next else { break End { next: None, partial: page.partial, error: None } };
        // Whoever asks for all wants what a limit on time has cut off; otherwise the user decides.
        if left == Some(0) || (page.partial && paging.limit.is_some()) {
            break End { next: Some(next), partial: page.partial, error: None };
        }
        if request.after.as_ref() == Some(&next) {
            let stuck = ManagementError::Failed("a page does not lead on to the next".to_owned());
            break End { next: Some(next), partial: true, error: Some(stuck) };
        }
        request.after = Some(next);
    };
    writer.end(session, age, &end)?;
    match end.error {
        None => Ok(Exit::Fine),
        Some(error) => {
            problem::print(session.store, &mut session.terminal, &error).map_err(CommandError::Run)
        }
    }
}

struct Writer<'a, T> {
    list: List<'a, T>,
    count: usize,
}

impl<T: Serialize> Writer<'_, T> {
    fn begin(&mut self, session: &mut Session<'_, '_>, age: Option<Duration>) -> Result<(), Error> {
        let text = match session.output {
            Output::Table => self.list.heading.clone(),
            Output::Json => {
                let mut text = "{".to_owned();
                let store = ("store", indented(&session.store.name, 1)?);
                let age = ("data_age_seconds", indented(&age.map(|age| age.as_secs_f64()), 1)?);
                for (key, value) in [store, age].iter().chain(&self.list.fields) {
                    let _ = write!(text, "\n  \"{key}\": {value},");
                }
                text + &format!("\n  \"{}\": [", self.list.key)
            }
        };
        print(session.terminal.out, &text)
    }

    fn entries(&mut self, session: &mut Session<'_, '_>, entries: &[T]) -> Result<(), Error> {
        let mut text = String::new();
        for entry in entries {
            match session.output {
                Output::Table => self.list.table.row((self.list.row)(entry)),
                Output::Json => {
                    let comma = if self.count == 0 { "" } else { "," };
                    let _ = write!(text, "{comma}\n    {}", indented(entry, 2)?);
                }
            }
            self.count += 1;
        }
        if session.output == Output::Table && self.count > 0 {
            text = self.list.table.render();
        }
        print(session.terminal.out, &text)
    }

    fn end(&mut self, session: &mut Session<'_, '_>, age: Option<Duration>, end: &End) -> Result<(), Error> {
        let End { next, partial, error } = end;
        if session.output == Output::Json {
            let close = if self.count == 0 { "]" } else { "\n  ]" };
            let next = indented(next, 1)?;
            let text = format!("{close},\n  \"next\": {next},\n  \"partial\": {partial}\n}}\n");
            return print(session.terminal.out, &text);
        }
        session.note_age(age)?;
        if self.count == 0 && next.is_none() {
            session.note(&self.list.none)?;
        }
        let Some(next) = next else { return Ok(()) };
        let command = hint::go_on(session.terminal.typed, next);
        let limit = format_duration(session.store.limit);
        let why = match (error, partial) {
            (Some(_), _) => "Not all: it ended with an error. Go on with:".to_owned(),
            (None, true) => {
                format!("Not all: stopped after the time limit ({limit}, --poll-timeout). Go on with:")
            }
            (None, false) => "There are more. Go on with:".to_owned(),
        };
        session.note(&format!("{why}\n  {command}"))
    }
}
