//! A timeline in a few words, the way a person would tell what the orchestration did.

use std::collections::HashMap;

use duroxide_exporter::{Timeline, TimelineEntry};
use serde_json::{Value, json};

/// One line an entry: kind, name, child, how it ended; tries are named by the line of the first.
pub(crate) fn told(timeline: &Timeline) -> Vec<String> {
    let line_of: HashMap<u64, usize> = timeline.entries.iter().map(|e| e.event_id).zip(1..).collect();
    timeline.entries.iter().map(|entry| line(entry, &line_of)).collect()
}

fn word(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn line(entry: &TimelineEntry, line_of: &HashMap<u64, usize>) -> String {
    let mut words = vec![word(&json!(entry.kind))];
    words.extend(entry.name.clone());
    words.extend(entry.tag.as_ref().map(|tag| format!("on {tag}")));
    words.extend(entry.instance_id.as_ref().map(|id| format!("as {id}")));
    words.push(format!(
        "{}{}",
        word(&json!(entry.outcome)),
        entry.failure_kind.map_or(String::new(), |kind| format!("({kind})"))
    ));
    if let Some(first) = entry.retry_of {
        words.push(format!("try {} of line {}", entry.attempt, line_of[&first]));
    } else {
        assert_eq!(entry.attempt, 1);
    }
    words.join(" ")
}
