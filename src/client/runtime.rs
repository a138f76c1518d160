//! What the runtime half sends: the framework's client behind the guards.

use duroxide::ClientError;
use serde::Serialize;

use super::{Client, guard};

type Result<T> = std::result::Result<T, ClientError>;

/// The runtime half, sending: through the runtime's provider.
impl Client {
    /// Starts an instance. Starting one that exists does nothing.
    ///
    /// # Errors
    /// [`ClientError::InvalidInput`] for an id that is empty or reserved for children (`sub::`), and for a NUL
    /// character anywhere; [`ClientError::Provider`] when the store fails.
    pub async fn start_orchestration(
        &self,
        instance: impl Into<String>,
        orchestration: impl Into<String>,
        input: impl Into<String>,
    ) -> Result<()> {
        let (instance, orchestration, input) = (instance.into(), orchestration.into(), input.into());
        guard::instance_id(&instance)?;
        guard::without_nul(&[("orchestration", &orchestration), ("input", &input)])?;
        self.runtime.start_orchestration(instance, orchestration, input).await
    }

    /// Starts an instance of a version of its orchestration. Starting one that exists does nothing.
    ///
    /// # Errors
    /// Those of [`start_orchestration`](Self::start_orchestration).
    pub async fn start_orchestration_versioned(
        &self,
        instance: impl Into<String>,
        orchestration: impl Into<String>,
        version: impl Into<String>,
        input: impl Into<String>,
    ) -> Result<()> {
        let (instance, orchestration) = (instance.into(), orchestration.into());
        let (version, input) = (version.into(), input.into());
        guard::instance_id(&instance)?;
        guard::without_nul(&[("orchestration", &orchestration), ("version", &version), ("input", &input)])?;
        self.runtime.start_orchestration_versioned(instance, orchestration, version, input).await
    }

    /// Starts an instance with an input that is serialised.
    ///
    /// # Errors
    /// Those of [`start_orchestration`](Self::start_orchestration), and [`ClientError::InvalidInput`] for an input
    /// that cannot be serialised.
    pub async fn start_orchestration_typed<In: Serialize>(
        &self,
        instance: impl Into<String>,
        orchestration: impl Into<String>,
        input: In,
    ) -> Result<()> {
        let (instance, orchestration) = (instance.into(), orchestration.into());
        guard::instance_id(&instance)?;
        guard::without_nul(&[("orchestration", &orchestration)])?;
        guard::value_without_nul("input", &input)?;
        self.runtime.start_orchestration_typed(instance, orchestration, input).await
    }

    /// Starts an instance of a version of its orchestration with an input that is serialised.
    ///
    /// # Errors
    /// Those of [`start_orchestration_typed`](Self::start_orchestration_typed).
    pub async fn start_orchestration_versioned_typed<In: Serialize>(
        &self,
        instance: impl Into<String>,
        orchestration: impl Into<String>,
        version: impl Into<String>,
        input: In,
    ) -> Result<()> {
        let (instance, orchestration, version) = (instance.into(), orchestration.into(), version.into());
        guard::instance_id(&instance)?;
        guard::without_nul(&[("orchestration", &orchestration), ("version", &version)])?;
        guard::value_without_nul("input", &input)?;
        self.runtime.start_orchestration_versioned_typed(instance, orchestration, version, input).await
    }

    /// Raises an external event for those who wait for it now.
    ///
    /// # Errors
    /// [`ClientError::InstanceNotFound`] when there is no such instance (yet); [`ClientError::InvalidInput`] for an
    /// empty id and for a NUL character anywhere; [`ClientError::Provider`] when the store fails.
    pub async fn raise_event(
        &self,
        instance: impl Into<String>,
        event_name: impl Into<String>,
        data: impl Into<String>,
    ) -> Result<()> {
        let (instance, event_name, data) = (instance.into(), event_name.into(), data.into());
        guard::without_nul(&[("event name", &event_name), ("data", &data)])?;
        self.existing(&instance).await?;
        self.runtime.raise_event(instance, event_name, data).await
    }

    /// Raises an external event with data that are serialised.
    ///
    /// # Errors
    /// Those of [`raise_event`](Self::raise_event), and [`ClientError::InvalidInput`] for data that cannot be
    /// serialised.
    pub async fn raise_event_typed<T: Serialize>(
        &self,
        instance: impl Into<String>,
        event_name: impl Into<String>,
        data: &T,
    ) -> Result<()> {
        let (instance, event_name) = (instance.into(), event_name.into());
        guard::without_nul(&[("event name", &event_name)])?;
        guard::value_without_nul("data", data)?;
        self.existing(&instance).await?;
        self.runtime.raise_event_typed(instance, event_name, data).await
    }

    /// Puts a message into an event queue of an instance, where it stays until it is taken.
    ///
    /// # Errors
    /// Those of [`raise_event`](Self::raise_event).
    pub async fn enqueue_event(
        &self,
        instance: impl Into<String>,
        queue: impl Into<String>,
        data: impl Into<String>,
    ) -> Result<()> {
        let (instance, queue, data) = (instance.into(), queue.into(), data.into());
        guard::without_nul(&[("queue", &queue), ("data", &data)])?;
        self.existing(&instance).await?;
        self.runtime.enqueue_event(instance, queue, data).await
    }

    /// Puts a message that is serialised into an event queue of an instance.
    ///
    /// # Errors
    /// Those of [`raise_event_typed`](Self::raise_event_typed).
    pub async fn enqueue_event_typed<T: Serialize>(
        &self,
        instance: impl Into<String>,
        queue: impl Into<String>,
        data: &T,
    ) -> Result<()> {
        let (instance, queue) = (instance.into(), queue.into());
        guard::without_nul(&[("queue", &queue)])?;
        guard::value_without_nul("data", data)?;
        self.existing(&instance).await?;
        self.runtime.enqueue_event_typed(instance, queue, data).await
    }

    /// The old name of [`enqueue_event`](Self::enqueue_event).
    ///
    /// # Errors
    /// Those of [`raise_event`](Self::raise_event).
    #[deprecated(note = "Use enqueue_event() instead")]
    pub async fn raise_event_persistent(
        &self,
        instance: impl Into<String>,
        event_name: impl Into<String>,
        data: impl Into<String>,
    ) -> Result<()> {
        self.enqueue_event(instance, event_name, data).await
    }

    /// Asks an instance to end. Its children are asked, too.
    ///
    /// # Errors
    /// Those of [`raise_event`](Self::raise_event).
    pub async fn cancel_instance(
        &self,
        instance: impl Into<String>,
        reason: impl Into<String>,
    ) -> Result<()> {
        let (instance, reason) = (instance.into(), reason.into());
        guard::without_nul(&[("reason", &reason)])?;
        self.existing(&instance).await?;
        self.runtime.cancel_instance(instance, reason).await
    }

    async fn existing(&self, instance: &str) -> Result<()> {
        guard::instance_id(instance)?;
        match guard::exists(&*self.store, instance).await? {
            true => Ok(()),
            false => Err(ClientError::InstanceNotFound { instance_id: instance.to_owned() }),
        }
    }
}
