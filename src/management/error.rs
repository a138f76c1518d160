//! Errors of management calls. Messages never hold a password or a payload.

/// Result of a management call.
pub(crate) type Result<T, E = ManagementError> = std::result::Result<T, E>;

/// Why a management call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManagementError {
    /// There is no such instance or execution.
    #[error("{what} not found")]
    NotFound {
        /// What was looked for, with its id.
        what: String,
    },
    /// This backend does not offer the method.
    #[error("{method} is not supported by this backend")]
    Unsupported {
        /// Name of the method.
        method: &'static str,
    },
    /// The client was made without a management API.
    #[error("management API not configured: make the client with Client::with_management")]
    NotConfigured,
    /// The backend reads a replica or was opened read-only.
    #[error("{method} needs a writable store; this one is read-only")]
    ReadOnly {
        /// Name of the method.
        method: &'static str,
    },
    /// The store cannot be reached at the moment; a later call may succeed.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
    /// The call took longer than its limit.
    #[error("timed out after {0:?}")]
    TimedOut(std::time::Duration),
    /// The store's schema is not one this version can read.
    #[error("incompatible schema: {0}")]
    IncompatibleSchema(String),
    /// A stored value cannot be decoded.
    #[error("{what} cannot be decoded: {why}")]
    Undecodable {
        /// Which value.
        what: String,
        /// What is wrong with it, without its content.
        why: String,
    },
    /// The answer would not fit in memory.
    #[error("{what} has {bytes} bytes, more than the {limit} that are read at once")]
    TooLarge {
        /// What was asked for.
        what: String,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The backend failed in a way that trying again will not mend.
    #[error("the store failed: {0}")]
    Failed(String),
    /// An argument is not acceptable.
    #[error("invalid argument {name}: {why}")]
    InvalidArgument {
        /// Name of the argument.
        name: &'static str,
        /// What is wrong and what is expected.
        why: String,
    },
}

impl ManagementError {
    /// [`Self::Unsupported`] for `method`.
    pub fn unsupported(method: &'static str) -> Self {
        Self::Unsupported { method }
    }

    /// The instance does not exist.
    pub fn no_instance(instance: &str) -> Self {
        Self::NotFound { what: format!("instance {}", quoted(instance)) }
    }

    /// The instance, or this execution of it, does not exist.
    pub fn no_execution(instance: &str, execution_id: u64) -> Self {
        Self::NotFound { what: format!("execution {execution_id} of instance {}", quoted(instance)) }
    }

    /// A method that is made of others says its own name.
    pub(crate) fn asked_for(self, method: &'static str) -> Self {
        match self {
            Self::Unsupported { .. } => Self::Unsupported { method },
            other => other,
        }
    }
}

/// An id as an error shows it: with its control characters escaped, and not all of it when it is long.
pub(crate) fn quoted(id: &str) -> String {
    const LONGEST: usize = 200;
    let short: String = id.chars().take(LONGEST).collect();
    if short.len() == id.len() { format!("{id:?}") } else { format!("{short:?}…") }
}
