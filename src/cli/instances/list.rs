//! `instances list`.

use std::sync::Arc;

use super::super::Exit;
use super::super::text::{self, Cell, Paint, Table};
use super::args::Paging;
use super::paged::{self, List};
use super::session::{CommandError, Session};
use crate::management::{InstanceFilter, InstanceInfo, Timestamp};

/// Terminals with fewer characters in a line have no room for everything.
const NARROW: usize = 100;

pub(super) async fn list(
    session: &mut Session<'_, '_>,
    filter: InstanceFilter,
    paging: &Paging,
) -> Result<Exit, CommandError> {
    let management = Arc::clone(&session.store.management);
    let none = if filter.is_empty() && paging.after.is_none() {
        format!("There are no instances in the store {}.", session.store.name)
    } else {
        "No instances match.".to_owned()
    };
    let terminal = &session.terminal;
    let now = terminal.now;
    let narrow = terminal.width.is_some_and(|width| width < NARROW);
    let mut titles = vec!["ID", "ORCHESTRATION", "VERSION", "STATUS", "AGE"];
    titles.extend(if narrow { ["CUSTOM STATUS"].as_slice() } else { &["UPDATED", "CUSTOM STATUS"] });
    let list = List {
        key: "instances",
        fields: Vec::new(),
        heading: String::new(),
        table: Table::new(0, &titles, []).on(terminal.style, terminal.width),
        row: &mut |instance: &InstanceInfo| cells(instance, now, narrow),
        none,
    };
    paged::write(session, list, paging, async |page| {
        management.list_instances_filtered(filter.clone(), page).await
    })
    .await
}

fn cells(instance: &InstanceInfo, now: Timestamp, narrow: bool) -> Vec<Cell> {
    let since = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| text::since(now, time));
    let updated = instance.updated_at.map_or_else(|| "-".to_owned(), |_| since(instance.updated_at) + " ago");
    let mut cells = vec![
        Cell::id(&instance.instance_id),
        Cell::name(&instance.orchestration_name),
        Cell::name(&instance.orchestration_version),
        Cell::painted(instance.status.as_str(), Paint::instance(instance.status)),
        Cell::from(since(instance.created_at)),
    ];
    if !narrow {
        cells.push(Cell::from(updated));
    }
    cells.push(Cell::from(instance.custom_status.as_deref().unwrap_or_default()));
    cells
}
