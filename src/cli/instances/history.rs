//! `instances history`: the events of one execution, one a line.

use std::sync::Arc;
use std::time::Duration;

use super::super::Exit;
use super::super::output::Output;
use super::super::text::{self, Cell, Paint, Table};
use super::args::Paging;
use super::event::EventFormatter;
use super::paged::{self, List, indented};
use super::session::{CommandError, Session};
use crate::history::Event;
use crate::management::{PageRequest, Timestamp};

/// Terminals with fewer characters in a line have no room for times beside offsets.
const NARROW: usize = 120;

pub(super) async fn history(
    session: &mut Session<'_, '_>,
    id: &str,
    execution: Option<u64>,
    paging: &Paging,
    payloads: bool,
) -> Result<Exit, CommandError> {
    let management = Arc::clone(&session.store.management);
    let execution = session.store.execution(id, execution).await?;
    // Offsets count from the first event, which a later page does not have.
    let mut start = None;
    if session.output == Output::Table {
        let first = management.read_execution(id, execution, PageRequest::first(1));
        start = session.store.ask(first).await?.items.first().map(|event| event.timestamp_ms);
    }
    let terminal = &session.terminal;
    let narrow = terminal.width.is_some_and(|width| width < NARROW);
    let columns: &[(&str, bool)] = &[
        ("EVENT", true),
        ("TIME", false),
        ("OFFSET", true),
        ("TYPE", false),
        ("FOR", true),
        ("DETAIL", false),
    ];
    let columns = columns.iter().copied().filter(|(title, _)| !(narrow && *title == "TIME"));
    let started = start.map(|start| format!(", started {}", moment(start))).unwrap_or_default();
    let heading = terminal.style.heading(&format!("{}, execution {execution}{started}", text::named(id)));
    let mut teller = EventFormatter::default();
    let list = List {
        key: "events",
        fields: vec![
            ("payloads", payloads.to_string()),
            ("instance_id", indented(&id, 1)?),
            ("execution_id", execution.to_string()),
        ],
        heading: format!("{heading}\n"),
        table: Table::mixed(0, columns).on(terminal.style, terminal.width),
        row: &mut |event: &Event| {
            let start = *start.get_or_insert(event.timestamp_ms);
            cells(event, start, narrow, teller.tell(event))
        },
        none: "No events.".to_owned(),
    };
    paged::write(session, list, paging, async |page| {
        let mut page = management.read_execution(id, execution, page).await?;
        if !payloads {
            page.items.iter_mut().for_each(Event::hide_payloads);
        }
        Ok(page)
    })
    .await
}

fn cells(event: &Event, start: u64, narrow: bool, detail: String) -> Vec<Cell> {
    let paint = match event.event_type.as_str() {
        _ if event.undecodable.is_some() => Some(Paint::Yellow),
        "OrchestrationCompleted" => Some(Paint::Green),
        "OrchestrationFailed" | "ActivityFailed" | "SubOrchestrationFailed" => Some(Paint::Red),
        _ => None,
    };
    let mut cells = vec![Cell::from(event.event_id.to_string())];
    if !narrow {
        cells.push(Cell::from(moment(event.timestamp_ms)));
    }
    cells.extend([
        Cell::from(offset(event.timestamp_ms, start)),
        Cell::painted(&event.event_type, paint),
        Cell::from(event.source_event_id.map_or_else(String::new, |id| id.to_string())),
        Cell::long(detail),
    ]);
    cells
}

fn moment(ms: u64) -> String {
    Timestamp::from_unix_millis(i64::try_from(ms).unwrap_or(i64::MAX)).to_string()
}

/// The time since the start. Clocks of different workers may disagree.
fn offset(at: u64, start: u64) -> String {
    let sign = if at < start { '-' } else { '+' };
    format!("{sign}{}", text::duration(Duration::from_millis(at.abs_diff(start))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets() {
        assert_eq!(offset(1_500, 1_000), "+500ms");
        assert_eq!(offset(1_000, 1_000), "+0ms");
        assert_eq!(offset(900, 1_000), "-100ms");
        assert_eq!(offset(3_601_000, 1_000), "+1h0m");
    }
}
