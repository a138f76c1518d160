//! `instances search`.

use std::sync::Arc;

use super::super::Exit;
use super::super::text::{self, Cell, Paint, Table};
use super::args::Paging;
use super::paged::{self, List};
use super::session::{CommandError, Session};
use crate::management::{Page, PageRequest, SearchField, SearchHit, SearchQuery, SearchResults};

pub(super) async fn search(
    session: &mut Session<'_, '_>,
    text: &str,
    paging: &Paging,
    payloads: bool,
) -> Result<Exit, CommandError> {
    let management = Arc::clone(&session.store.management);
    let titles = ["ID", "ORCHESTRATION", "VERSION", "STATUS", "AGE", "FOUND IN", "CUSTOM STATUS"];
    let terminal = &session.terminal;
    let now = terminal.now;
    let places = if payloads { "" } else { " (--payloads searches inputs, outputs and events, too)" };
    let list = List {
        key: "hits",
        fields: Vec::new(),
        heading: String::new(),
        table: Table::new(0, &titles, []).on(terminal.style, terminal.width),
        row: &mut |hit: &SearchHit| {
            let SearchHit { instance, matched } = hit;
            let places: Vec<&str> = matched.iter().copied().map(place).collect();
            vec![
                Cell::id(&instance.instance_id),
                Cell::name(&instance.orchestration_name),
                Cell::name(&instance.orchestration_version),
                Cell::painted(instance.status.as_str(), Paint::instance(instance.status)),
                Cell::from(instance.created_at.map_or_else(|| "-".to_owned(), |at| text::since(now, at))),
                Cell::from(places.join(", ")),
                Cell::from(instance.custom_status.as_deref().unwrap_or_default()),
            ]
        },
        none: format!("Nothing found{places}."),
    };
    paged::write(session, list, paging, async |page| {
        let PageRequest { limit, after } = page;
        let query = SearchQuery { after, ..SearchQuery::new(text).limit(limit).payloads(payloads) };
        let SearchResults { items, next, partial } = management.search_instances(query).await?;
        Ok(Page { items, next, partial })
    })
    .await
}

fn place(field: SearchField) -> &'static str {
    match field {
        SearchField::InstanceId => "id",
        SearchField::OrchestrationName => "orchestration",
        SearchField::CustomStatus => "custom status",
        SearchField::Output => "output",
        SearchField::History => "history",
    }
}
