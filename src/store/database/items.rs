//! What the rows of the queues are about: their work items, decoded here and never in SQL.
//!
//! The framework never changes a row's content nor uses an id again, so each row is read once, when it is first seen, and
//! decoded by the framework's own type: the cost is that of what was enqueued, not of what waits. Of the bad ones those
//! that are not large are read again, for an operator may mend them; who deletes one is noticed at once.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use duroxide::providers::WorkItem;
use serde::Deserialize;

use crate::labels::name::shorten;

/// An item above this is large: nothing of it is read twice.
pub(in crate::store) const LARGE: i64 = 4 << 10;

/// Of one above this only the beginning is read, and where that is cheap the end. Whether it can be decoded is then not
/// known: it counts as good.
pub(in crate::store) const LARGEST: i64 = 1 << 20;

/// So much of the beginning holds the name of an activity, and so much of that or of the end its instance, unless ids are
/// longer than that. What is large is between: the input.
pub(in crate::store) const BEGINNING: i64 = 16 << 10;

/// How the framework begins the JSON of a timer row, written by a worker or by a database.
pub(in crate::store) const TIMER_PREFIX: &str = "{\"TimerFired\"";

/// How it begins the rows that create an instance or its next execution.
pub(in crate::store) const START_PREFIXES: [&str; 2] = ["{\"StartOrchestration\"", "{\"ContinueAsNew\""];

/// What a row is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum Item {
    /// A timer of this execution.
    Timer(i64),
    /// An activity of this name, and whose it is if that was to be read.
    Activity(Arc<str>, Option<Box<str>>),
    /// What creates an instance or its next execution.
    Start,
    Other,
    /// No work item that can be handed out; perhaps with the name of an activity all the same.
    Bad(Option<Arc<str>>),
}

/// The rows of one queue table.
#[derive(Debug, Default)]
pub(in crate::store) struct Items {
    known: HashMap<i64, Known>,
    names: HashSet<Arc<str>>,
}

#[derive(Debug)]
struct Known {
    item: Item,
    size: i64,
}

impl Items {
    /// Forgets all rows but these, and tells which of them are to be read.
    pub(in crate::store) fn unread(&mut self, ids: &[i64]) -> Vec<i64> {
        let here: HashSet<i64> = ids.iter().copied().collect();
        self.known.retain(|id, _| here.contains(id));
        // A name is held by its rows and by this list.
        let Self { known, names } = self;
        names.retain(|name| Arc::strong_count(name) > 1);
        let is_unread = |id: &i64| match known.get(id) {
            Some(Known { item: Item::Bad(_), size }) => *size <= LARGE,
            known => known.is_none(),
        };
        ids.iter().copied().filter(is_unread).collect()
    }

    /// Takes what was read of a row of this size.
    pub(in crate::store) fn learn(&mut self, id: i64, size: i64, item: Item) {
        self.known.insert(id, Known { item, size });
    }

    pub(in crate::store) fn get(&self, id: i64) -> &Item {
        self.known.get(&id).map_or(&Item::Other, |known| &known.item)
    }

    /// The rows that cannot be handed out.
    #[cfg(feature = "sqlite")]
    pub(in crate::store) fn bad(&self) -> impl Iterator<Item = i64> {
        self.known.iter().filter(|(_, known)| matches!(known.item, Item::Bad(_))).map(|(id, _)| *id)
    }

    /// The rows above a size.
    #[cfg(feature = "sqlite")]
    pub(in crate::store) fn above(&self, size: i64) -> impl Iterator<Item = i64> {
        self.known.iter().filter(move |(_, known)| known.size > size).map(|(id, _)| *id)
    }

    /// The large ones that start something.
    #[cfg(feature = "sqlite")]
    pub(in crate::store) fn large_starts(&self) -> impl Iterator<Item = i64> {
        self.known
            .iter()
            .filter(|(_, known)| known.size > LARGE && known.item == Item::Start)
            .map(|(id, _)| *id)
    }

    /// What a whole text is about. No database checks that it is UTF-8.
    pub(in crate::store) fn whole(&mut self, json: &[u8]) -> Item {
        match serde_json::from_slice::<WorkItem>(json) {
            Ok(WorkItem::TimerFired { execution_id, .. }) => {
                Item::Timer(i64::try_from(execution_id).unwrap_or(i64::MAX))
            }
            Ok(WorkItem::ActivityExecute { name, instance, .. }) => {
                Item::Activity(self.name(&name), Some(instance.into_boxed_str()))
            }
            Ok(WorkItem::StartOrchestration { .. } | WorkItem::ContinueAsNew { .. }) => Item::Start,
            Ok(_) => Item::Other,
            Err(_) => {
                let activity = serde_json::from_str::<Activity>(&String::from_utf8_lossy(json)).ok();
                Item::Bad(activity.map(|item| self.name(&item.activity.name)))
            }
        }
    }

    /// What a text is about that lacks its middle, or its end.
    pub(in crate::store) fn ends(&mut self, json: &[u8]) -> Item {
        let json = String::from_utf8_lossy(json);
        if START_PREFIXES.iter().any(|prefix| json.starts_with(prefix)) {
            return Item::Start;
        }
        match text_of(&json, "name") {
            Some(name) => {
                Item::Activity(self.name(&name), text_of(&json, "instance").map(String::into_boxed_str))
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
        assert_eq!(items.whole(timer.as_bytes()), Item::Timer(7));
        assert_eq!(items.whole(br#"{"CancelInstance":{"instance":"i","reason":"r"}}"#), Item::Other);
        let newer = r#"{"ActivityExecute":{"name":"Charge","news":true}}"#;
        assert_eq!(items.whole(newer.as_bytes()), Item::Bad(Some("Charge".into())));
        for bad in ["", "no JSON", "{}", r#"{"FromTheFuture":{}}"#, r#"{"ActivityExecute":{"name":1}}"#] {
            assert_eq!(items.whole(bad.as_bytes()), Item::Bad(None), "{bad}");
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
