//! A mistake in the configuration, said so that a person can correct it without looking anything up.

use std::fmt;

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A flag, without its dashes.
    Flag(String),
    /// An environment variable.
    Environment(String),
    /// A key of the configuration file.
    File { file: String, key: String },
    /// The configuration file itself.
    WholeFile(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(key) => write!(f, "--{key}"),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File { file, key } => write!(f, "{file}: {key}"),
            Self::WholeFile(file) => f.write_str(file),
        }
    }
}

/// One thing that is wrong. Never repeats the value of a store: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigError {
    pub(crate) origin: Origin,
    pub(crate) problem: String,
    /// A value that would be right.
    pub(crate) example: Option<&'static str>,
}

impl ConfigError {
    pub(super) fn new(origin: Origin, problem: impl Into<String>) -> Self {
        Self { origin, problem: problem.into(), example: None }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.problem)?;
        match self.example {
            // Some problems come with their own example, from checks that embedding applications meet too.
            Some(example) if !self.problem.contains("(example: ") => write!(f, " (example: {example})"),
            _ => Ok(()),
        }
    }
}
