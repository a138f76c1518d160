//! `instances timeline`: what one execution did when, drawn.

use std::sync::Arc;

use serde::Serialize;

use super::super::Exit;
use super::super::text::{self, Cell, Paint, Table};
use super::chart::Scale;
use super::session::{CommandError, Session, Terminal};
use crate::labels::ExecutionStatus;
use crate::management::{Timeline, TimelineEntry, TimelineKind, TimelineOutcome, Timestamp};

/// Characters of a line where nobody looks.
const WIDTH: usize = 120;

/// The JSON of `timeline`.
#[derive(Serialize)]
struct Drawn<'a> {
    timeline: &'a Timeline,
}

pub(super) async fn timeline(
    session: &mut Session<'_, '_>,
    id: &str,
    execution: Option<u64>,
) -> Result<Exit, CommandError> {
    let management = Arc::clone(&session.store.management);
    let age = session.store.data_age().await?;
    let execution = session.store.execution(id, execution).await?;
    let timeline = management.get_execution_timeline(id, execution).await?;
    session.answer(age, &Drawn { timeline: &timeline }, |terminal| {
        // What is open in a copy was open when the copy was made.
        draw(&timeline, terminal, terminal.now.before(age.unwrap_or_default()))
    })?;
    Ok(Exit::Fine)
}

fn draw(timeline: &Timeline, terminal: &Terminal<'_>, now: Timestamp) -> String {
    let Some(start) = timeline.started_at else {
        return format!("{}No event tells when it started.\n", title(timeline, terminal, now));
    };
    let ends = timeline.entries.iter().filter_map(|entry| entry.ended_at);
    let end = ends.chain(timeline.ended_at).max().unwrap_or(start);
    let end = if timeline.status == ExecutionStatus::Running { end.max(now) } else { end };
    let width = terminal.width.unwrap_or(WIDTH);
    // Offset, duration, outcome and the gaps take about 45; names want as much as the chart.
    let scale = Scale::new(start, end, (width.saturating_sub(45) / 2).clamp(10, 80));

    let columns =
        ["START", "DURATION", "", "OUTCOME", "WHAT"].into_iter().zip([true, true, false, false, false]);
    let mut table = Table::mixed(2, columns).on(terminal.style, terminal.width);
    for entry in &timeline.entries {
        table.row(cells(entry, start, end, scale));
    }
    let mut text = title(timeline, terminal, now);
    if timeline.entries.is_empty() {
        text.push_str("  nothing yet but its start\n");
    } else {
        text.push_str(&table.render());
    }
    for (count, what) in [
        (timeline.unknown_events, "of a type this version does not know"),
        (timeline.undecodable_events, "that cannot be decoded"),
    ] {
        if count > 0 {
            text.push_str(&format!("  left out: {} {what}\n", text::plural(count, "event", "events")));
        }
    }
    text
}

fn title(timeline: &Timeline, terminal: &Terminal<'_>, now: Timestamp) -> String {
    // Destructured so that a new field is not forgotten here.
    let Timeline {
        instance_id,
        execution_id,
        orchestration_name,
        orchestration_version,
        parent,
        started_at,
        ended_at,
        status,
        failure_kind,
        entries: _,
        unknown_events: _,
        undecodable_events: _,
    } = timeline;
    let heading = terminal.style.heading(&format!("{}, execution {execution_id}", text::named(instance_id)));
    let name = orchestration_name.as_deref().unwrap_or("(no name)");
    let version = orchestration_version.as_deref().unwrap_or_default();
    let status_word = terminal.style.paint(&status.as_str().replace('_', " "), Paint::execution(*status));
    let failure = failure_kind.map(|kind| format!(" ({kind})")).unwrap_or_default();
    let time = started_at.map(|start| {
        let end = ended_at.unwrap_or(now);
        let word = if ended_at.is_some() { "after" } else { "for" };
        format!(" {word} {}, started {start}", text::duration(end.since(start)))
    });
    let parent = parent.as_ref().map(|parent| {
        let execution = parent.execution_id.map(|id| format!(", execution {id}")).unwrap_or_default();
        format!("  child of {}{execution}\n", text::printable(&parent.instance_id))
    });
    format!(
        "{heading}\n  {}: {status_word}{failure}{}\n{}",
        text::printable(format!("{name} {version}").trim_end()),
        time.unwrap_or_default(),
        parent.unwrap_or_default()
    )
}

fn cells(entry: &TimelineEntry, start: Timestamp, end: Timestamp, scale: Scale) -> Vec<Cell> {
    // Destructured so that a new field is not forgotten here.
    let TimelineEntry {
        kind,
        name,
        instance_id,
        tag,
        event_id: _,
        ended_by: _,
        started_at,
        ended_at,
        due_at,
        outcome,
        failure_kind,
        attempt,
        retry_of: _,
    } = entry;
    let open = *outcome == TimelineOutcome::Open;
    // What is open goes on to the end of the chart; a moment has no duration.
    let until = if is_moment(*kind) { None } else { ended_at.or(Some(end)) };
    let duration = until.map_or_else(String::new, |until| text::duration(until.since(*started_at)));
    let paint = match outcome {
        TimelineOutcome::Failed => Some(Paint::Red),
        TimelineOutcome::Cancelled => Some(Paint::Dim),
        TimelineOutcome::Open | TimelineOutcome::Completed => None,
    };
    let outcome = match (outcome, failure_kind) {
        (TimelineOutcome::Failed, Some(kind)) => format!("failed: {kind}"),
        (TimelineOutcome::Failed, None) => "failed".to_owned(),
        (TimelineOutcome::Cancelled, _) => "cancelled".to_owned(),
        (TimelineOutcome::Open, _) => "open".to_owned(),
        (TimelineOutcome::Completed, _) if is_moment(*kind) => String::new(),
        (TimelineOutcome::Completed, _) => "completed".to_owned(),
    };
    let mut what = kind_in_words(*kind).to_owned();
    for (before, part) in [(" ", name), (", tag ", tag), (", instance ", instance_id)] {
        what.extend(part.iter().flat_map(|part| [before, text::named(part)]));
    }
    if *attempt > 1 {
        what.push_str(&format!(", attempt {attempt}"));
    }
    if open && let Some(due) = due_at {
        what.push_str(&format!(", due {due}"));
    }
    vec![
        Cell::from(format!("+{}", text::duration(started_at.since(start)))),
        Cell::from(duration),
        Cell::painted(&scale.bar(*started_at, until, open), paint),
        Cell::painted(&outcome, paint),
        Cell::long(what),
    ]
}

fn is_moment(kind: TimelineKind) -> bool {
    match kind {
        TimelineKind::Activity
        | TimelineKind::Timer
        | TimelineKind::Event
        | TimelineKind::QueueEvent
        | TimelineKind::Child => false,
        TimelineKind::Detached
        | TimelineKind::CancelRequested
        | TimelineKind::CustomStatus
        | TimelineKind::KeyValue
        | TimelineKind::ContinueAsNew => true,
    }
}

fn kind_in_words(kind: TimelineKind) -> &'static str {
    match kind {
        TimelineKind::Activity => "activity",
        TimelineKind::Timer => "timer",
        TimelineKind::Event => "event",
        TimelineKind::QueueEvent => "queue event",
        TimelineKind::Child => "child",
        TimelineKind::Detached => "detached",
        TimelineKind::CancelRequested => "cancel requested",
        TimelineKind::CustomStatus => "custom status",
        TimelineKind::KeyValue => "key",
        TimelineKind::ContinueAsNew => "continued as new",
    }
}
