//! Searching instances. Plain data, no I/O.

use serde::{Deserialize, Serialize};

use super::InstanceInfo;

/// What to search for. A text by itself searches ids, names and custom status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchQuery {
    /// Part of what is searched for. Case does not matter for ASCII letters.
    pub text: String,
    /// Whether to look into inputs and outputs, too. Personal data, and many times more of it to read.
    pub payloads: bool,
    /// At most this many hits.
    pub limit: usize,
    /// The `next` of the results before; `None` for the first.
    pub after: Option<String>,
}

impl SearchQuery {
    /// Searches for `text` in ids, names and custom status.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), payloads: false, limit: 100, after: None }
    }

    /// At most `limit` hits.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Looks into inputs and outputs, too.
    #[must_use]
    pub fn payloads(mut self, payloads: bool) -> Self {
        self.payloads = payloads;
        self
    }

    /// Goes on where earlier results ended.
    #[must_use]
    pub fn after(mut self, key: impl Into<String>) -> Self {
        self.after = Some(key.into());
        self
    }
}

impl From<&str> for SearchQuery {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// Answer of a search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchResults {
    /// Instances that match, newest first.
    pub items: Vec<SearchHit>,
    /// Key to go on with; `None` when everything was searched.
    pub next: Option<String>,
    /// True when a limit on time ended the search early: matches may follow that were not looked at yet.
    pub partial: bool,
}

/// An instance that matches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchHit {
    /// The instance.
    pub instance: InstanceInfo,
    /// Where the text was found.
    pub matched: Vec<SearchField>,
}

/// Where a text was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SearchField {
    /// The instance's id.
    InstanceId,
    /// The orchestration's name.
    OrchestrationName,
    /// The application's own status text.
    CustomStatus,
    /// The output or error of the current execution.
    Output,
    /// The history of the current execution: inputs, results, events.
    History,
}
