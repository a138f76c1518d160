//! A text that is searched for. SQL finds candidates; what matched in a history is told by its decoded events, for in
//! their JSON the names of fields and the envelope would match, too.

use serde_json::Value;

use crate::history::Event;

/// What is searched for.
pub(in crate::store) struct Needle {
    /// In small letters, as far as they are ASCII: what `lower` does in SQLite, and in Postgres under the collation "C".
    pub(in crate::store) text: String,
    /// As it looks inside a JSON string.
    pub(in crate::store) json: String,
}

/// A text as it looks inside a JSON string, whether the framework or Postgres wrote that.
pub(in crate::store) fn inside_json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or_default().to_owned()
}

impl Needle {
    pub(in crate::store) fn new(text: &str) -> Self {
        let text = text.to_ascii_lowercase();
        let json = inside_json(&text);
        Self { text, json }
    }

    pub(in crate::store) fn is_in(&self, event: &Event) -> bool {
        event.fields.values().any(|value| self.is_in_value(value))
    }

    fn is_in_value(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => text.to_ascii_lowercase().contains(&self.text),
            Value::Array(values) => values.iter().any(|value| self.is_in_value(value)),
            Value::Object(members) => members.values().any(|value| self.is_in_value(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
}
