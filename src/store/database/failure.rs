//! What went wrong while a store was read, before its place is put in front.
//!
//! Never holds a payload or a password: messages of databases name tables and columns at most, and what a backend
//! cannot be sure of it does not pass on.

use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;

use crate::labels::FailureReason;
use crate::management::ManagementError;
use crate::source::SourceError;

/// A failure inside a backend.
#[derive(Debug)]
pub(in crate::store) struct StoreError {
    pub(in crate::store) reason: FailureReason,
    message: String,
    advice: Option<Cow<'static, str>>,
    /// Whether the same read, begun again at once, may well succeed.
    passing: bool,
}

impl StoreError {
    pub(in crate::store) fn new(reason: FailureReason, message: impl Into<String>) -> Self {
        Self { reason, message: message.into(), advice: None, passing: reason == FailureReason::Replaced }
    }

    /// What to do about it, where that is more than its reason tells.
    pub(in crate::store) fn advise(mut self, advice: impl Into<Cow<'static, str>>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// A second try, at once, is worth it.
    #[cfg(feature = "postgres")]
    pub(in crate::store) fn passing(mut self) -> Self {
        self.passing = true;
        self
    }

    pub(in crate::store) fn is_passing(&self) -> bool {
        self.passing
    }

    /// As the poller tells it, with the place of the store in front.
    pub(in crate::store) fn explain(self, place: &dyn Display) -> SourceError {
        let Self { reason, message, advice, passing: _ } = self;
        SourceError { reason, message: format!("{place}: {message}"), advice }
    }

    /// As a management call tells it. `limit`: what the call had.
    pub(in crate::store) fn answer(self, place: &dyn Display, limit: Duration) -> ManagementError {
        let passing = self.passing;
        let error = self.explain(place);
        let words = format!("{error}. {}", error.advice());
        match error.reason {
            FailureReason::Timeout if !passing => ManagementError::TimedOut(limit),
            FailureReason::Schema => ManagementError::IncompatibleSchema(words),
            FailureReason::Unavailable
            | FailureReason::Permission
            | FailureReason::Locked
            | FailureReason::Replaced
            | FailureReason::Conflict
            | FailureReason::Tls => ManagementError::Unavailable(words),
            FailureReason::Timeout
            | FailureReason::Corrupt
            | FailureReason::Unsupported
            | FailureReason::Other => ManagementError::Failed(words),
        }
    }
}
