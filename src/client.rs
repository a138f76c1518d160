//! The framework's client with guards, and beside it the calls of a [`ManagementAPI`].

mod enqueue;
mod guard;
mod manage;
mod runtime;
mod watch;

use std::sync::Arc;

use duroxide::providers::Provider;

use crate::management::ManagementAPI;

/// Starts, signals, cancels and watches workflows.
///
/// It has two halves, which may look at different places:
///
/// - The **runtime half** goes through the runtime's [`Provider`]. Its methods are those of the framework's
///   [`duroxide::Client`], with the same arguments, answers and errors.
/// - The **management half** asks a [`ManagementAPI`], which may read a replica, and answers with
///   [`ManagementError`](crate::ManagementError). Its methods have the trait's names; `list_all_instances`,
///   `list_instances_by_status`, `get_execution_info`, `read_execution_history` and `get_system_metrics` are the
///   framework's names for what the trait says otherwise. Without a management API each is
///   [`NotConfigured`](crate::ManagementError::NotConfigured).
///
/// # Guards
/// The store takes a few messages that it then never gets past, so that all other work stands still. What this
/// client sends is refused if it is such a message:
///
/// - A NUL character in any text (also deep within typed values) stalls a Postgres store:
///   [`InvalidInput`](duroxide::ClientError::InvalidInput). So is an empty instance id.
/// - A cancellation or an event for an instance that does not exist stalls a SQLite store:
///   [`InstanceNotFound`](duroxide::ClientError::InstanceNotFound). The runtime's provider is asked, not the
///   management API, which may lag. An instance exists from its first turn on: one that was only just started is
///   refused, too; wait for it with [`get_orchestration_status`](Self::get_orchestration_status), which says `NotFound`
///   as long.
///
/// What remains is the moment between that question and the message: an instance deleted in between leaves the message
/// behind. The framework's client, reachable as [`runtime`](Self::runtime), has no guards. It is also where deleting and
/// pruning are: its `force` and its bulk calls delete running children. To delete what has ended, use
/// [`purge_completed`](Self::purge_completed).
#[derive(Clone)]
pub struct Client {
    store: Arc<dyn Provider>,
    runtime: duroxide::Client,
    management: Option<Arc<dyn ManagementAPI>>,
}

impl Client {
    /// A client of the runtime alone. Management calls say that they are not configured.
    pub fn new(store: Arc<dyn Provider>) -> Self {
        Self { runtime: duroxide::Client::new(Arc::clone(&store)), store, management: None }
    }

    /// A client of the runtime and of a management API. One store may serve both:
    /// `Client::with_management(store.clone(), store)`.
    pub fn with_management(store: Arc<dyn Provider>, management: Arc<dyn ManagementAPI>) -> Self {
        Self { management: Some(management), ..Self::new(store) }
    }

    /// The management API; `None` when there is none.
    pub fn management(&self) -> Option<&Arc<dyn ManagementAPI>> {
        self.management.as_ref()
    }

    /// Whether management calls have somebody to answer them. What is offered: its
    /// [`capabilities`](ManagementAPI::capabilities).
    pub fn has_management_capability(&self) -> bool {
        self.management.is_some()
    }

    /// The framework's own client, without guards. Its management calls go to the runtime's provider.
    pub fn runtime(&self) -> &duroxide::Client {
        &self.runtime
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("store", &self.store.name())
            .field("management", &self.management.is_some())
            .finish()
    }
}
