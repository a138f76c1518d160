//! Values as inputs and results of activities and children, written as the framework's own typed calls write them.
//!
//! Those calls (`schedule_activity_typed` and its like) are not used: they are made of `DurableFuture::map`, which in
//! duroxide 0.1.32 forgets a future together with its handle to the context. The context of every turn that makes one such
//! call is never freed: 1 to 2 MB a minute here, and more the busier the shop is. `clippy.toml` beside this package's
//! manifest keeps them out.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A text stays as it is.
pub(crate) fn encode(value: &impl Serialize) -> Result<String, String> {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => Ok(text),
        Ok(value) => Ok(value.to_string()),
        Err(error) => Err(error.to_string()),
    }
}

/// What an activity answered.
pub(crate) fn decode<T: DeserializeOwned>(answer: Result<String, String>) -> Result<T, String> {
    serde_json::from_str(&answer?).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_go_through_texts() {
        assert_eq!(encode(&"espresso-beans").unwrap(), "espresso-beans");
        assert_eq!(encode(&7_u64).unwrap(), "7");
        assert_eq!(decode::<u64>(Ok("7".to_owned())), Ok(7));
        assert_eq!(decode::<u64>(Err("out of stock".to_owned())), Err("out of stock".to_owned()));
        assert!(decode::<u64>(Ok("seven".to_owned())).is_err());
    }
}
