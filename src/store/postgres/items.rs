//! What the rows of the queues are about: their work items, decoded here and never in SQL.
//!
//! The framework never changes a row's content nor uses an id again, so each row is decoded once, when it is first seen,
//! by the framework's own type: the cost is that of what was enqueued, not of what waits. Only those found bad are read
//! again, for an operator may delete or mend them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use duroxide::providers::WorkItem;
use futures_util::TryStreamExt;
use serde::Deserialize;
use sqlx::Row;

use super::reader::Snapshot;
use super::schema::{Schema, Tables};
use crate::labels::name::shorten;
use crate::store::database::failure::Failure;

/// Of a larger one only the beginning and the end are read. Whether it can be decoded is then not known: it counts as good.
const LARGEST: i32 = 1 << 20;

/// So much of the beginning holds the name of an activity, and so much of that or of the end its instance, unless ids are
/// longer than that. What is large is between: the input.
const BEGINNING: i32 = 16 << 10;

/// Ids in one statement.
const BATCH: usize = 2_000;

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// A timer of this execution.
    Timer(i64),
    /// An activity of this name, and whose it is if that was to be read.
    Activity(Arc<str>, Option<Box<str>>),
    Other,
    /// No work item that can be handed out; perhaps with the name of an activity all the same.
    Bad(Option<Arc<str>>),
}

/// The rows of one queue table.
#[derive(Debug, Default)]
pub(super) struct Items {
    known: HashMap<i64, Item>,
    names: HashSet<Arc<str>>,
}

/// Both tables.
#[derive(Debug, Default)]
pub(super) struct QueueItems {
    tables: Tables,
    pub(super) orchestrator: Items,
    pub(super) worker: Items,
}

impl QueueItems {
    /// Forgets everything when the tables are others than before.
    pub(super) fn settle(&mut self, schema: &Schema, other_store: bool) {
        if other_store || self.tables != schema.tables {
            *self = Self { tables: schema.tables, ..Self::default() };
        }
    }
}

impl Items {
    /// Learns about the rows of `table` that are there now, all of them `ids`, and forgets the others.
    pub(super) async fn update(
        &mut self,
        snapshot: &mut Snapshot,
        table: &'static str,
        ids: &[i64],
    ) -> Result<(), Failure> {
        self.forget_all_but(ids);
        let unknown: Vec<i64> = ids
            .iter()
            .copied()
            .filter(|id| {
                !matches!(self.known.get(id), Some(Item::Timer(_) | Item::Activity(..) | Item::Other))
            })
            .collect();
        let schema = &snapshot.schema;
        let sql = format!(
            "SELECT id, octet_length(work_item) > {LARGEST}, \
                    CASE WHEN octet_length(work_item) > {LARGEST} THEN left(work_item, {BEGINNING}) || right(work_item, {BEGINNING}) \
                         ELSE work_item END \
             FROM {schema}.{table} WHERE id = ANY($1)"
        );
        for batch in unknown.chunks(BATCH) {
            let connection = snapshot.allow().await?;
            let mut rows = sqlx::query(&sql).bind(batch).fetch(connection);
            while let Some(row) = rows.try_next().await? {
                let (id, large): (i64, bool) = (row.try_get(0)?, row.try_get(1)?);
                let text: &str = row.try_get(2)?;
                let item = if large { self.ends(text) } else { self.whole(text) };
                self.known.insert(id, item);
            }
        }
        Ok(())
    }

    pub(super) fn get(&self, id: i64) -> &Item {
        self.known.get(&id).unwrap_or(&Item::Other)
    }

    fn forget_all_but(&mut self, ids: &[i64]) {
        let here: HashSet<i64> = ids.iter().copied().collect();
        self.known.retain(|id, _| here.contains(id));
        // A name is held by its rows and by this list.
        let Self { known: _, names } = self;
        names.retain(|name| Arc::strong_count(name) > 1);
    }

    fn whole(&mut self, text: &str) -> Item {
        match serde_json::from_str::<WorkItem>(text) {
            // The provider lets the database decode what is for orchestrations, and the database holds no NUL: nothing is
            // handed out while such a row is the first.
            Ok(item) if has_escaped_nul(text) && !matches!(item, WorkItem::ActivityExecute { .. }) => {
                Item::Bad(None)
            }
            Ok(WorkItem::TimerFired { execution_id, .. }) => {
                Item::Timer(i64::try_from(execution_id).unwrap_or(i64::MAX))
            }
            Ok(WorkItem::ActivityExecute { name, instance, .. }) => {
                Item::Activity(self.name(&name), Some(instance.into_boxed_str()))
            }
            Ok(_) => Item::Other,
            Err(_) => {
                let activity = serde_json::from_str::<Activity>(text).ok();
                Item::Bad(activity.map(|item| self.name(&item.activity.name)))
            }
        }
    }

    fn ends(&mut self, text: &str) -> Item {
        match text_of(text, "name") {
            Some(name) => {
                Item::Activity(self.name(&name), text_of(text, "instance").map(String::into_boxed_str))
            }
            None => Item::Other,
        }
    }

    fn name(&mut self, name: &str) -> Arc<str> {
        let name = shorten(name);
        if let Some(known) = self.names.get(&name) {
            return Arc::clone(known);
        }
        self.names.insert(Arc::clone(&name));
        name
    }
}

/// As much of an activity's item as is told of one that another version wrote.
#[derive(Deserialize)]
struct Activity {
    #[serde(rename = "ActivityExecute")]
    activity: Named,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

/// Whether a string in this JSON holds a NUL.
fn has_escaped_nul(json: &str) -> bool {
    json.match_indices("\\u0000").any(|(at, _)| {
        // Behind an even number of backslashes this one begins an escape; otherwise it is itself escaped.
        let before = json.get(..at).unwrap_or_default();
        before.bytes().rev().take_while(|byte| *byte == b'\\').count().is_multiple_of(2)
    })
}

/// A text in an activity's JSON, of which the middle may be missing.
fn text_of(json: &str, key: &str) -> Option<String> {
    if !json.starts_with("{\"ActivityExecute\"") {
        return None;
    }
    // Inside a string its quotes would be escaped, and all members of an activity are strings or numbers: where this is
    // followed by a colon, it is the member.
    for (at, key) in json.match_indices(&format!("\"{key}\"")) {
        let Some(value) = json.get(at + key.len()..).and_then(|rest| rest.trim_start().strip_prefix(':'))
        else {
            continue;
        };
        return serde_json::Deserializer::from_str(value).into_iter::<String>().next()?.ok();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn items_are_told_apart() {
        let mut items = Items::default();
        let timer = r#"{"TimerFired": {"id": 2, "instance": "i", "fire_at_ms": 1, "execution_id": 7}}"#;
        assert_eq!(items.whole(timer), Item::Timer(7));
        assert_eq!(items.whole(r#"{"CancelInstance":{"instance":"i","reason":"r"}}"#), Item::Other);
        let newer = r#"{"ActivityExecute":{"name":"Charge","news":true}}"#;
        assert_eq!(items.whole(newer), Item::Bad(Some("Charge".into())));
        for bad in ["", "no JSON", "{}", r#"{"FromTheFuture":{}}"#, r#"{"ActivityExecute":{"name":1}}"#] {
            assert_eq!(items.whole(bad), Item::Bad(None), "{bad}");
        }
    }

    #[test]
    fn what_the_database_cannot_decode_is_bad() {
        let mut items = Items::default();
        let raised = |data: &str| {
            let item = WorkItem::ExternalRaised { instance: "i".into(), name: "n".into(), data: data.into() };
            serde_json::to_string(&item).unwrap()
        };
        for (data, expected) in [
            ("a\0b", Item::Bad(None)),
            ("\\\0", Item::Bad(None)),
            ("a\\u0000b", Item::Other),
            ("\\\\u0000", Item::Other),
        ] {
            assert_eq!(items.whole(&raised(data)), expected, "{data:?}");
        }
    }

    proptest! {
        #[test]
        fn name_and_instance_are_found_when_the_middle_is_missing(
            name in "(\\PC|[\\x00-\\x1f\"\\\\]){0,40}",
            instance in "(\\PC|\"name\":|\\\\){0,30}",
            tag in proptest::option::of("(name|\"|:| ){0,6}"),
        ) {
            let item = WorkItem::ActivityExecute {
                instance: instance.clone(), execution_id: 1, id: 2, name: name.clone(), input: "x".repeat(300), session_id: None, tag,
            };
            let serde_style = serde_json::to_string(&item).unwrap();
            // As Postgres writes it: shorter keys first, spaces.
            let value = serde_json::to_value(&item).unwrap();
            let mut members: Vec<_> = value["ActivityExecute"].as_object().unwrap().iter().collect();
            members.sort_by_key(|(key, _)| (key.len(), (*key).clone()));
            let members: Vec<_> = members.iter().map(|(key, value)| format!("\"{key}\": {value}")).collect();
            let jsonb_style = format!("{{\"ActivityExecute\": {{{}}}}}", members.join(", "));
            for text in [serde_style, jsonb_style] {
                let ends = text.replacen(&"x".repeat(300), "", 1);
                prop_assert_eq!(text_of(&ends, "name"), Some(name.clone()), "{}", text);
                prop_assert_eq!(text_of(&ends, "instance"), Some(instance.clone()), "{}", text);
            }
        }
    }
}
