//! Mistakes in a store's URL.

/// What is wrong with a store's URL or name. Repeats nothing of the text: what was not understood may be a part of a
/// password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UrlError(pub(super) String);

impl UrlError {
    pub(in crate::store) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}
