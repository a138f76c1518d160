//! Errors of management calls. Messages never hold a password or a payload.

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
}
