//! A row of a history as it is stored.

/// Whose an event is, and its text. Whose it is, the columns of the row say: the framework's version 0.1.27 wrote failures
/// without the ids of their instance and execution in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row<'a> {
    pub(crate) instance_id: &'a str,
    pub(crate) execution_id: u64,
    pub(crate) event_id: u64,
    /// For when the text does not say it: the runtime goes by the text. Empty where the column tells nothing, as on Postgres.
    pub(crate) event_type: &'a str,
    /// `None`: too large to be read, or no text.
    pub(crate) text: Option<&'a str>,
}
