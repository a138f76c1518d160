//! What a row of a queue is about: its work item, decoded here and never in SQL. Payloads are skipped, not copied.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::labels::name::shorten;
use crate::store::database::items::TIMER_PREFIX;

/// What a work item says, payloads aside. Those of other versions say as much as they do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::store) struct Item {
    /// The framework's word for it; `undecodable` where there is none.
    pub(super) kind: String,
    pub(in crate::store) instance: Option<String>,
    pub(super) execution_id: Option<u64>,
    /// The event that it is about.
    pub(super) event_id: Option<u64>,
    pub(super) name: Option<String>,
}

/// A field of an unexpected type is as good as none.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(default, borrow)]
    instance: Option<&'a RawValue>,
    #[serde(default, borrow)]
    parent_instance: Option<&'a RawValue>,
    #[serde(default, borrow)]
    execution_id: Option<&'a RawValue>,
    #[serde(default, borrow)]
    parent_execution_id: Option<&'a RawValue>,
    #[serde(default, borrow)]
    id: Option<&'a RawValue>,
    #[serde(default, borrow)]
    parent_id: Option<&'a RawValue>,
    #[serde(default, borrow)]
    name: Option<&'a RawValue>,
    #[serde(default, borrow)]
    orchestration: Option<&'a RawValue>,
}

const TIMER: &str = "TimerFired";

impl Item {
    pub(in crate::store) fn read(json: &[u8]) -> Self {
        let items = serde_json::from_slice::<BTreeMap<Cow<'_, str>, Fields<'_>>>(json);
        let only = items.ok().filter(|items| items.len() == 1).and_then(|mut items| items.pop_first());
        let Some((kind, fields)) = only else {
            // The census tells timers by how they begin, too.
            let kind = if json.starts_with(TIMER_PREFIX.as_bytes()) { TIMER } else { "undecodable" };
            return Self { kind: kind.to_owned(), ..Self::default() };
        };
        // The end of a child names its parent; its start is about the child itself.
        let starts = fields.orchestration.is_some();
        let own = |own, parents| if starts { own } else { Option::or(own, parents) };
        Self {
            kind: shorten(&kind).as_ref().to_owned(),
            instance: text(own(fields.instance, fields.parent_instance)),
            execution_id: number(own(fields.execution_id, fields.parent_execution_id)),
            event_id: number(own(fields.id, fields.parent_id)),
            name: text(fields.name.or(fields.orchestration)),
        }
    }

    pub(in crate::store) fn is_timer(&self) -> bool {
        self.kind == TIMER
    }
}

fn text(raw: Option<&RawValue>) -> Option<String> {
    serde_json::from_str(raw?.get()).ok()
}

fn number(raw: Option<&RawValue>) -> Option<u64> {
    serde_json::from_str(raw?.get()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use duroxide::providers::WorkItem;

    fn item(kind: &str, execution: Option<u64>, event: Option<u64>, name: Option<&str>) -> Item {
        Item {
            kind: kind.to_owned(),
            instance: Some("i".to_owned()),
            execution_id: execution,
            event_id: event,
            name: name.map(str::to_owned),
        }
    }

    #[test]
    fn every_kind_of_the_framework_says_what_it_is_about() {
        let text = || "i".to_owned();
        let items = [
            (
                WorkItem::ActivityExecute {
                    instance: text(),
                    execution_id: 2,
                    id: 3,
                    name: "Charge".to_owned(),
                    input: "{\"name\":\"no\"}".to_owned(),
                    session_id: None,
                    tag: None,
                },
                item("ActivityExecute", Some(2), Some(3), Some("Charge")),
            ),
            (
                WorkItem::ActivityCompleted { instance: text(), execution_id: 2, id: 3, result: text() },
                item("ActivityCompleted", Some(2), Some(3), None),
            ),
            (
                WorkItem::TimerFired { instance: text(), execution_id: 2, id: 3, fire_at_ms: 9 },
                item("TimerFired", Some(2), Some(3), None),
            ),
            (
                WorkItem::SubOrchCompleted {
                    parent_instance: text(),
                    parent_execution_id: 2,
                    parent_id: 3,
                    result: text(),
                },
                item("SubOrchCompleted", Some(2), Some(3), None),
            ),
            (
                WorkItem::ExternalRaised { instance: text(), name: "go".to_owned(), data: text() },
                item("ExternalRaised", None, None, Some("go")),
            ),
            (
                WorkItem::QueueMessage { instance: text(), name: "inbox".to_owned(), data: text() },
                item("QueueMessage", None, None, Some("inbox")),
            ),
            (
                WorkItem::CancelInstance { instance: text(), reason: text() },
                item("CancelInstance", None, None, None),
            ),
            (
                WorkItem::StartOrchestration {
                    instance: text(),
                    orchestration: "Pay".to_owned(),
                    input: text(),
                    version: None,
                    parent_instance: Some("p".to_owned()),
                    parent_id: Some(7),
                    parent_execution_id: Some(8),
                    execution_id: 1,
                },
                item("StartOrchestration", Some(1), None, Some("Pay")),
            ),
        ];
        for (written, expected) in items {
            let json = serde_json::to_string(&written).unwrap();
            assert_eq!(Item::read(json.as_bytes()), expected, "{json}");
            // As Postgres writes it: other order, spaces.
            let value = serde_json::to_value(&written).unwrap();
            assert_eq!(Item::read(serde_json::to_string_pretty(&value).unwrap().as_bytes()), expected);
        }
    }

    #[test]
    fn what_is_none_is_told_as_such() {
        let undecodable = Item { kind: "undecodable".to_owned(), ..Item::default() };
        for bad in
            [b"".as_slice(), b"no JSON", b"{}", b"[]", b"{\"A\":{},\"B\":{}}", b"{\"A\":{\"name\":\"\xff\"}}"]
        {
            assert_eq!(Item::read(bad), undecodable, "{bad:?}");
        }
        assert!(Item::read(b"{\"TimerFired\": cut").is_timer());
        let newer = Item::read(br#"{"FromTheFuture":{"name":[1],"instance":"i","id":-1,"news":null}}"#);
        assert_eq!(newer, item("FromTheFuture", None, None, None));
        let nul = Item::read(br#"{"QueueMessage":{"instance":"i","name":"a\u0000b","data":"\u0000"}}"#);
        assert_eq!(nul.name.as_deref(), Some("a\0b"));
    }
}
