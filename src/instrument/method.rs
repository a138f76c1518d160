//! The methods of a provider, and what each is in the words of OpenTelemetry's messaging conventions.
//!
//! A store is two queues: `receive` hands messages out under a lease, `settle` ends the lease, `send` adds a message.
//! The names of the conventions are copied: the crate that has them as constants changes those under development.

/// One of the provider's two queues.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Queue {
    Orchestrator,
    Worker,
}

impl Queue {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Orchestrator => "orchestrator",
            Self::Worker => "worker",
        }
    }
}

/// A method of the trait. Every text is one of a few, so that it can be an attribute of an instrument.
pub(super) struct Method {
    /// The method's own name: the one in a `ProviderError` is not always right.
    pub(super) name: &'static str,
    /// The span's name: operation and destination, or the method's.
    pub(super) span: &'static str,
    /// `messaging.operation.name` and `messaging.destination.name`.
    pub(super) operation: Option<(&'static str, Queue)>,
    /// `messaging.operation.type`.
    pub(super) kind: Option<&'static str>,
    /// `error.type` of what the runtime tries again, and of what it does not.
    retryable: &'static str,
    permanent: &'static str,
}

impl Method {
    pub(super) const fn error_type(&self, retryable: bool) -> &'static str {
        if retryable { self.retryable } else { self.permanent }
    }
}

macro_rules! method {
    ($constant:ident, $name:literal, $span:expr, $operation:expr, $kind:expr) => {
        pub(super) const $constant: &Method = &Method {
            name: $name,
            span: $span,
            operation: $operation,
            kind: $kind,
            retryable: concat!($name, ".retryable"),
            permanent: concat!($name, ".permanent"),
        };
    };
    ($constant:ident, $name:literal) => {
        method!($constant, $name, $name, None, None);
    };
    ($constant:ident, $name:literal, $operation:literal orchestrator, $kind:expr) => {
        method!(
            $constant,
            $name,
            concat!($operation, " orchestrator"),
            Some(($operation, Queue::Orchestrator)),
            $kind
        );
    };
    ($constant:ident, $name:literal, $operation:literal worker, $kind:expr) => {
        method!($constant, $name, concat!($operation, " worker"), Some(($operation, Queue::Worker)), $kind);
    };
}

method!(FETCH_TURN, "fetch_orchestration_item", "receive" orchestrator, Some("receive"));
method!(ACK_TURN, "ack_orchestration_item", "ack" orchestrator, Some("settle"));
method!(ABANDON_TURN, "abandon_orchestration_item", "abandon" orchestrator, Some("settle"));
method!(RENEW_TURN, "renew_orchestration_item_lock", "renew" orchestrator, None);
method!(SEND_TURN, "enqueue_for_orchestrator", "send" orchestrator, Some("send"));
method!(FETCH_WORK, "fetch_work_item", "receive" worker, Some("receive"));
method!(ACK_WORK, "ack_work_item", "ack" worker, Some("settle"));
method!(ABANDON_WORK, "abandon_work_item", "abandon" worker, Some("settle"));
method!(RENEW_WORK, "renew_work_item_lock", "renew" worker, None);
method!(SEND_WORK, "enqueue_for_worker", "send" worker, Some("send"));
method!(RENEW_SESSIONS, "renew_session_lock");
method!(CLEAN_SESSIONS, "cleanup_orphaned_sessions");
method!(READ, "read");
method!(READ_EXECUTION, "read_with_execution");
method!(APPEND_EXECUTION, "append_with_execution");
method!(CUSTOM_STATUS, "get_custom_status");
method!(KV_VALUE, "get_kv_value");
method!(KV_ALL_VALUES, "get_kv_all_values");
method!(INSTANCE_STATS, "get_instance_stats");
