//! `instances show`: one instance in words, and its executions.

use std::sync::Arc;

use super::super::output::Output;
use super::super::text::{self, Cell, Paint, Table};
use super::super::{Error, Exit, print};
use super::args::Paging;
use super::paged::{self, List, indented};
use super::session::{CommandError, Session, Terminal};
use super::waits;
use crate::labels::{ExecutionStatus, FailureKind, InstanceStatus};
use crate::management::{ExecutionInfo, InstanceInfo, InstanceWaits, ManagementError, Timestamp};

/// The newest output or error in full, as far as a screen goes; JSON has all of it.
const MAX_OUTPUT: usize = 4000;

pub(super) async fn show(
    session: &mut Session<'_, '_>,
    id: &str,
    paging: &Paging,
    payloads: bool,
) -> Result<Exit, CommandError> {
    let management = Arc::clone(&session.store.management);
    let info = session.store.ask(management.get_instance_info(id)).await?;
    let failure = failure_kind(session, &info).await?;
    let waits = waits(session, &info).await?;
    let heading = in_words(&info, failure, waits.as_ref(), &session.terminal);
    let titles = ["EXECUTION", "STATUS", "STARTED", "DURATION", "EVENTS", "FAILURE", "OUTPUT"]
        .into_iter()
        .zip([true, false, false, true, true, false, true]);
    let terminal = &session.terminal;
    let now = terminal.now;
    let fields = vec![
        ("payloads", payloads.to_string()),
        ("instance", indented(&info, 1)?),
        ("waits", indented(&waits, 1)?),
    ];
    let mut newest = None;
    let list = List {
        key: "executions",
        fields,
        heading: format!("{heading}\n"),
        table: Table::mixed(2, titles).on(terminal.style, terminal.width),
        row: &mut |execution: &ExecutionInfo| {
            newest.get_or_insert_with(|| execution.clone());
            cells(execution, now)
        },
        none: "No executions.".to_owned(),
    };
    let listed = paged::write(session, list, paging, async |page| {
        let mut page = management.list_executions(id, page).await?;
        if !payloads {
            page.items.iter_mut().for_each(ExecutionInfo::hide_payloads);
        }
        Ok(page)
    })
    .await;
    match listed {
        // The instance alone is an answer, too.
        Err(CommandError::Store(ManagementError::Unsupported { .. })) => {
            alone(session, &info, waits.as_ref(), &heading, payloads).await
        }
        Ok(exit) => {
            if let Some(execution) = newest.filter(|_| session.output == Output::Table) {
                output(session, &execution)?;
            }
            Ok(exit)
        }
        Err(failure) => Err(failure),
    }
}

/// The newest execution's output or error, or that there is one.
fn output(session: &mut Session<'_, '_>, execution: &ExecutionInfo) -> Result<(), Error> {
    let failed = execution.status == ExecutionStatus::Failed;
    match (&execution.output, execution.output_bytes) {
        (Some(output), _) => {
            let what = if failed { "error" } else { "output" };
            let title = format!("{what} of execution {}", execution.execution_id);
            let title = session.terminal.style.heading(&title);
            print(session.terminal.out, &format!("\n{title}\n{}", lines(output)))
        }
        (None, Some(_)) if failed => session.note("The error is hidden; --payloads shows it."),
        (None, _) => Ok(()),
    }
}

/// Why it failed, if it did and the store can tell.
async fn failure_kind(
    session: &Session<'_, '_>,
    info: &InstanceInfo,
) -> Result<Option<FailureKind>, ManagementError> {
    let management = Arc::clone(&session.store.management);
    if info.status != InstanceStatus::Failed || session.output == Output::Json {
        return Ok(None);
    }
    let newest = management.get_execution_metadata(&info.instance_id, info.current_execution_id);
    match session.store.ask(newest).await {
        Ok(execution) => Ok(execution.failure_kind),
        // It may be deleted by now; then the list of executions says so.
        Err(ManagementError::Unsupported { .. } | ManagementError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The answer of a store that knows no executions.
async fn alone(
    session: &mut Session<'_, '_>,
    info: &InstanceInfo,
    waits: Option<&InstanceWaits>,
    heading: &str,
    payloads: bool,
) -> Result<Exit, CommandError> {
    #[derive(serde::Serialize)]
    struct Alone<'a> {
        payloads: bool,
        instance: &'a InstanceInfo,
        waits: Option<&'a InstanceWaits>,
        executions: Option<()>,
        next: Option<()>,
        partial: bool,
    }
    let age = session.store.data_age().await?;
    let answer = Alone { payloads, instance: info, waits, executions: None, next: None, partial: false };
    session.answer(age, &answer, |_| heading.to_owned())?;
    if session.output == Output::Table {
        session.note("This store does not tell its executions.")?;
    }
    Ok(Exit::Fine)
}

/// What it waits for, if it runs and the store can tell.
async fn waits(
    session: &mut Session<'_, '_>,
    info: &InstanceInfo,
) -> Result<Option<InstanceWaits>, CommandError> {
    if info.status != InstanceStatus::Running {
        return Ok(None);
    }
    let management = Arc::clone(&session.store.management);
    match session.store.ask(management.get_instance_waits(&info.instance_id)).await {
        Ok(waits) => Ok(Some(waits)),
        // It may be deleted by now; then the list of executions says so.
        Err(ManagementError::Unsupported { .. } | ManagementError::NotFound { .. }) => Ok(None),
        // A history can be too long for it; the rest is an answer, too.
        Err(error @ ManagementError::TimedOut(_)) => {
            session.note(&format!("What it waits for is not known: {error}."))?;
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn in_words(
    info: &InstanceInfo,
    failure: Option<FailureKind>,
    waits: Option<&InstanceWaits>,
    terminal: &Terminal<'_>,
) -> String {
    // Destructured so that a new field is not forgotten here.
    let InstanceInfo {
        instance_id,
        orchestration_name,
        orchestration_version,
        current_execution_id,
        status,
        created_at,
        updated_at,
        parent_instance_id,
        custom_status,
    } = info;
    let failure = failure.map(|kind| format!(" ({kind})")).unwrap_or_default();
    let time = |time: &Option<Timestamp>| match time {
        Some(time) => format!("{time}, {} ago", text::since(terminal.now, *time)),
        None => "not known".to_owned(),
    };
    let mut lines =
        vec![("status", terminal.style.paint(status.as_str(), Paint::instance(*status)) + &failure)];
    lines.extend(waits.and_then(|waits| waits::reason(waits, terminal)).map(|reason| ("waits for", reason)));
    lines.extend([
        (
            "orchestration",
            text::harmless(
                &[orchestration_name, orchestration_version].map(|name| text::named(name)).join(" "),
            ),
        ),
        ("execution", format!("{current_execution_id}, the newest")),
        ("created", time(created_at)),
        ("updated", time(updated_at)),
    ]);
    if let Some(parent) = parent_instance_id {
        lines.push(("parent", text::harmless(text::named(parent))));
    }
    if let Some(custom_status) = custom_status {
        lines.push(("custom status", text::cut(&text::harmless(custom_status), MAX_OUTPUT)));
    }
    let mut words = terminal.style.paint(&text::harmless(text::named(instance_id)), Some(Paint::Bold)) + "\n";
    for (title, line) in lines {
        words.push_str(&format!("  {title:<13}  {line}\n"));
    }
    if let Some(waits) = waits {
        for (index, line) in waits::advice(waits).iter().enumerate() {
            words.push_str(&format!("{}  {line}\n", if index == 0 { "\n" } else { "" }));
        }
        words.push_str(&waits::tables(waits, terminal));
    }
    words
}

fn cells(execution: &ExecutionInfo, now: Timestamp) -> Vec<Cell> {
    let ExecutionInfo {
        execution_id,
        status,
        output: _,
        output_bytes,
        failure_kind,
        started_at,
        completed_at,
        event_count,
    } = execution;
    let end = completed_at.or((*status == ExecutionStatus::Running).then_some(now));
    let duration = started_at.zip(end).map(|(start, end)| text::duration(end.since(start)));
    let unknown = || "-".to_owned();
    vec![
        Cell::from(execution_id.to_string()),
        Cell::painted(&status.as_str().replace('_', " "), Paint::execution(*status)),
        Cell::from(started_at.map_or_else(unknown, |at| at.to_string())),
        Cell::from(duration.unwrap_or_else(unknown)),
        Cell::from(event_count.to_string()),
        Cell::from(failure_kind.map_or("-", FailureKind::as_str)),
        Cell::from(output_bytes.map_or_else(unknown, text::bytes)),
    ]
}

/// A text of several lines, for a screen.
fn lines(output: &str) -> String {
    let short: String = output.chars().take(MAX_OUTPUT).collect();
    let mut lines: String = short.lines().map(|line| format!("  {}\n", text::harmless(line))).collect();
    if output.chars().nth(MAX_OUTPUT).is_some() {
        lines.push_str("  … the rest is in --output json\n");
    }
    lines
}
