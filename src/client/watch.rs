//! What the runtime half reads: the framework's client as it is.

use std::collections::HashMap;
use std::time::Duration;

use duroxide::{ClientError, OrchestrationStatus, SystemStats};
use serde::de::DeserializeOwned;

use super::Client;

type Result<T, E = ClientError> = std::result::Result<T, E>;

/// The runtime half, watching: through the runtime's provider.
impl Client {
    /// The status of an instance, from its newest history.
    ///
    /// # Errors
    /// [`ClientError::Provider`] when the store fails.
    pub async fn get_orchestration_status(&self, instance: &str) -> Result<OrchestrationStatus> {
        self.runtime.get_orchestration_status(instance).await
    }

    /// Waits until an instance has completed or failed.
    ///
    /// # Errors
    /// [`ClientError::Timeout`]; [`ClientError::Provider`] when the store fails.
    pub async fn wait_for_orchestration(
        &self,
        instance: &str,
        timeout: Duration,
    ) -> Result<OrchestrationStatus> {
        self.runtime.wait_for_orchestration(instance, timeout).await
    }

    /// Waits until an instance has completed or failed, and decodes its output.
    ///
    /// # Errors
    /// Those of [`wait_for_orchestration`](Self::wait_for_orchestration), and [`ClientError::InvalidInput`] for an
    /// output that cannot be decoded. A failed instance is no error but `Ok(Err(…))`.
    pub async fn wait_for_orchestration_typed<Out: DeserializeOwned>(
        &self,
        instance: &str,
        timeout: Duration,
    ) -> Result<Result<Out, String>> {
        self.runtime.wait_for_orchestration_typed(instance, timeout).await
    }

    /// Waits until the custom status of an instance is newer than the one seen last, or the instance has ended.
    ///
    /// # Errors
    /// Those of [`wait_for_orchestration`](Self::wait_for_orchestration).
    pub async fn wait_for_status_change(
        &self,
        instance: &str,
        last_seen_version: u64,
        poll_interval: Duration,
        timeout: Duration,
    ) -> Result<OrchestrationStatus> {
        self.runtime.wait_for_status_change(instance, last_seen_version, poll_interval, timeout).await
    }

    /// A value of an instance's key-value store.
    ///
    /// # Errors
    /// [`ClientError::Provider`] when the store fails.
    pub async fn get_kv_value(&self, instance: &str, key: &str) -> Result<Option<String>> {
        self.runtime.get_kv_value(instance, key).await
    }

    /// A value of an instance's key-value store, decoded.
    ///
    /// # Errors
    /// [`ClientError::Provider`] when the store fails; [`ClientError::InvalidInput`] when it cannot be decoded.
    pub async fn get_kv_value_typed<T: DeserializeOwned>(
        &self,
        instance: &str,
        key: &str,
    ) -> Result<Option<T>> {
        self.runtime.get_kv_value_typed(instance, key).await
    }

    /// All values of an instance's key-value store.
    ///
    /// # Errors
    /// [`ClientError::Provider`] when the store fails.
    pub async fn get_kv_all_values(&self, instance: &str) -> Result<HashMap<String, String>> {
        self.runtime.get_kv_all_values(instance).await
    }

    /// Waits until an instance has set a key.
    ///
    /// # Errors
    /// Those of [`wait_for_orchestration`](Self::wait_for_orchestration).
    pub async fn wait_for_kv_value(&self, instance: &str, key: &str, timeout: Duration) -> Result<String> {
        self.runtime.wait_for_kv_value(instance, key, timeout).await
    }

    /// Waits until an instance has set a key, and decodes the value.
    ///
    /// # Errors
    /// Those of [`wait_for_orchestration_typed`](Self::wait_for_orchestration_typed).
    pub async fn wait_for_kv_value_typed<T: DeserializeOwned>(
        &self,
        instance: &str,
        key: &str,
        timeout: Duration,
    ) -> Result<T> {
        self.runtime.wait_for_kv_value_typed(instance, key, timeout).await
    }

    /// Sizes of an instance's history, queues and key-value store; `None` when there is no such instance.
    ///
    /// # Errors
    /// [`ClientError::Provider`] when the store fails.
    pub async fn get_orchestration_stats(&self, instance: &str) -> Result<Option<SystemStats>> {
        self.runtime.get_orchestration_stats(instance).await
    }
}
