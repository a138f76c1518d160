//! Series as the exposition names them: `family{label="value",…}` with a number.
//!
//! One canonical spelling (labels sorted, empty ones left out, values escaped) makes two sources comparable by
//! key, whatever order they write their labels in.

use std::collections::BTreeMap;

/// Values by canonical key.
pub type Series = BTreeMap<String, f64>;

/// The canonical key of a series.
pub fn key(family: &str, labels: &[(&str, &str)]) -> String {
    let mut labels: Vec<_> = labels.iter().filter(|(_, value)| !value.is_empty()).collect();
    labels.sort();
    if labels.is_empty() {
        return family.to_owned();
    }
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
    format!("{family}{{{}}}", labels.join(","))
}

/// The family a key belongs to.
pub fn family(key: &str) -> &str {
    key.split('{').next().unwrap_or(key)
}

fn escape(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_sorted_escaped_and_free_of_empty_labels() {
        assert_eq!(key("f", &[]), "f");
        assert_eq!(key("f", &[("z", "1"), ("a", "x\\\"\n"), ("m", "")]), "f{a=\"x\\\\\\\"\\n\",z=\"1\"}");
        assert_eq!(family("f{a=\"1\"}"), "f");
    }
}
