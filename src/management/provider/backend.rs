//! A provider with its admin capability.

use duroxide::providers::{Provider, ProviderAdmin};

use crate::management::{ManagementError, Result};

/// A provider together with its admin capability, for the time of one call.
pub(super) struct Backend<'a, P: ?Sized> {
    pub(super) provider: &'a P,
    pub(super) admin: &'a dyn ProviderAdmin,
}

impl<'a, P: Provider + ?Sized> Backend<'a, P> {
    pub(super) fn of(provider: &'a P, method: &'static str) -> Result<Self> {
        match provider.as_management_capability() {
            Some(admin) => Ok(Self { provider, admin }),
            None => Err(ManagementError::unsupported(method)),
        }
    }
}

/// Whether the provider tells when instances were created and executions began. The framework's SQLite provider
/// reads its own texts as numbers and reports 0 for all of them.
pub(super) fn tells_times<P: Provider + ?Sized>(provider: &P) -> bool {
    provider.name() != "sqlite"
}
