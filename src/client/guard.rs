//! What must not reach a store.

use duroxide::ClientError;
use duroxide::providers::{Provider, ProviderError};
use serde::Serialize;
use serde_json::Value;

/// What begins the names the framework gives to children.
const CHILD_MARK: &str = "sub::";

/// Refuses texts with a NUL character.
pub(super) fn without_nul(texts: &[(&str, &str)]) -> Result<(), ClientError> {
    match texts.iter().find(|(_, text)| text.contains('\0')) {
        Some((name, _)) => {
            Err(invalid(format!("{name} holds a NUL character, which stalls a Postgres store")))
        }
        None => Ok(()),
    }
}

/// Refuses values with a NUL character in any text; and values that cannot be serialised, which the framework's
/// client would panic over.
pub(super) fn value_without_nul<T: Serialize + ?Sized>(name: &str, value: &T) -> Result<(), ClientError> {
    // The message may quote the value.
    let value = serde_json::to_value(value).map_err(|_| invalid(format!("{name} cannot be serialised")))?;
    match any(&value, &|value| matches!(value, Value::String(text) if text.contains('\0'))) {
        true => Err(invalid(format!("{name} holds a NUL character, which stalls a Postgres store"))),
        false => Ok(()),
    }
}

/// Refuses an id nobody can have.
pub(super) fn instance_id(instance: &str) -> Result<(), ClientError> {
    if instance.is_empty() {
        return Err(invalid("instance id is empty".to_owned()));
    }
    without_nul(&[("instance id", instance)])
}

/// Whether the framework keeps ids like this to itself: it may not be the id of an instance without a parent.
pub(super) fn is_reserved_for_children(instance: &str) -> bool {
    begins_like_a_child(instance) || instance.contains("::sub::")
}

/// Whether it begins like a name the framework gives: not even a child may be called so.
pub(super) fn begins_like_a_child(instance: &str) -> bool {
    instance.starts_with(CHILD_MARK)
}

/// Whether the store has this instance.
///
/// Its parent is the cheapest thing to ask for. Providers say "not found" in words of their own, so only an answer
/// counts, and otherwise a dearer question that has an answer for it.
pub(super) async fn exists(store: &dyn Provider, instance: &str) -> Result<bool, ProviderError> {
    if let Some(admin) = store.as_management_capability()
        && admin.get_parent_id(instance).await.is_ok()
    {
        return Ok(true);
    }
    Ok(store.get_instance_stats(instance).await?.is_some())
}

/// Whether `is` is true of a value or anything in it. Names of fields are texts, too.
pub(super) fn any(value: &Value, is: &dyn Fn(&Value) -> bool) -> bool {
    is(value)
        || match value {
            Value::Array(values) => values.iter().any(|value| any(value, is)),
            Value::Object(fields) => {
                fields.iter().any(|(name, value)| is(&Value::String(name.clone())) || any(value, is))
            }
            _ => false,
        }
}

fn invalid(message: String) -> ClientError {
    ClientError::InvalidInput { message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_is_found_however_deep() {
        for value in [
            serde_json::json!("a\0"),
            serde_json::json!({"a": [1, {"b": "\0"}]}),
            serde_json::json!([{"na\0me": 1}]),
        ] {
            assert!(value_without_nul("input", &value).is_err(), "{value}");
        }
        // An escaped backslash before something that looks like one.
        assert!(value_without_nul("input", "\\u0000").is_ok());
    }

    #[test]
    fn errors_do_not_quote_what_was_refused() {
        let error = value_without_nul("input", "secret\0").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
        let error =
            value_without_nul("input", &std::collections::BTreeMap::from([(vec![1], 2)])).unwrap_err();
        assert_eq!(error.to_string(), "Invalid input: input cannot be serialised");
    }
}
