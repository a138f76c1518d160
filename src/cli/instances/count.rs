//! `instances count`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::super::Exit;
use super::super::output::Output;
use super::super::text::{Cell, Table};
use super::session::{CommandError, Session};
use crate::labels::InstanceStatus;
use crate::management::{InstanceCounts, InstanceFilter, InstanceGroup};

/// The JSON of `count`.
#[derive(Serialize)]
struct Counted {
    total: u64,
    #[serde(flatten)]
    counts: InstanceCounts,
}

pub(super) async fn count(
    session: &mut Session<'_, '_>,
    filter: InstanceFilter,
) -> Result<Exit, CommandError> {
    let management = Arc::clone(&session.store.management);
    let age = session.store.data_age().await?;
    let counts = management.count_instances(filter).await?;
    let counted = Counted { total: counts.total(), counts };
    session.answer(age, &counted, |terminal| {
        table(&counted.counts).on(terminal.style, terminal.width).render()
    })?;
    if counted.counts.partial && session.output == Output::Table {
        session.note("Not all: stopped after the time limit (--poll-timeout); there are more.")?;
    }
    Ok(Exit::Fine)
}

/// Statuses are columns; that of unknown ones is there when there are any.
fn table(counts: &InstanceCounts) -> Table {
    let mut rows: BTreeMap<(&str, &str), BTreeMap<InstanceStatus, u64>> = BTreeMap::new();
    let mut totals: BTreeMap<InstanceStatus, u64> = BTreeMap::new();
    for InstanceGroup { orchestration_name, orchestration_version, status, count } in &counts.groups {
        let row = rows.entry((orchestration_name, orchestration_version)).or_default();
        *row.entry(*status).or_default() += count;
        *totals.entry(*status).or_default() += count;
    }
    let unknown = totals.contains_key(&InstanceStatus::Unknown);
    let statuses: Vec<InstanceStatus> = InstanceStatus::ALL
        .iter()
        .copied()
        .filter(|status| unknown || *status != InstanceStatus::Unknown)
        .collect();
    let titles: Vec<String> = statuses.iter().map(|status| status.as_str().to_ascii_uppercase()).collect();
    let numbers = titles.iter().map(String::as_str).chain(["TOTAL"]);
    let mut table = Table::new(0, &["ORCHESTRATION", "VERSION"], numbers);
    let mut row = |name: Cell, version: Cell, counts: &BTreeMap<InstanceStatus, u64>| {
        let of = |status: &InstanceStatus| counts.get(status).copied().unwrap_or(0).to_string();
        let numbers = statuses.iter().map(of).chain([counts.values().sum::<u64>().to_string()]);
        table.row([name, version].into_iter().chain(numbers.map(Cell::from)));
    };
    for ((name, version), counts) in &rows {
        row(Cell::name(name), Cell::name(version), counts);
    }
    row(Cell::from("TOTAL"), Cell::from(""), &totals);
    table
}
