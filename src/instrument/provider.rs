//! The `Provider` trait, method by method.
//!
//! Written without `async_trait`: a call that nobody watches is the inner provider's own future, not one more around it.

use std::collections::HashMap;
use std::time::Duration;

use duroxide::providers::{
    DispatcherCapabilityFilter, ExecutionMetadata, OrchestrationItem, Provider, ProviderAdmin, ProviderError,
    ScheduledActivityIdentifier, SessionFetchConfig, TagFilter, WorkItem,
};
use duroxide::{Event, SystemStats};

use super::about::CallInfo;
use super::call::{Answer, Call, Receive};
use super::decorator::Instrumented;
use super::leases::{Lease, Leases};
use super::method;
use super::spans;

/// A method as `async_trait` declares it: a lifetime for each reference among its arguments.
macro_rules! declared {
    ($self:ident, $name:ident<$($life:lifetime),*>($($argument:ident: $type:ty),* $(,)?) -> $answer:ty $body:block) => {
        fn $name<'life0, $($life,)* 'async_trait>(
            &'life0 $self,
            $($argument: $type),*
        ) -> Answer<'async_trait, $answer>
        where
            'life0: 'async_trait,
            $($life: 'async_trait,)*
            Self: 'async_trait,
        $body
    };
}

/// A method apart from the two queues: handed on in a span that says which instance it is about.
macro_rules! plain {
    ($self:ident, $method:ident, $about:expr, $name:ident<$($life:lifetime),*>($($argument:ident: $type:ty),*) -> $answer:ty) => {
        declared!($self, $name<$($life),*>($($argument: $type),*) -> $answer {
            if !$self.watches(method::$method, spans::other) {
                return $self.inner.$name($($argument),*);
            }
            Box::pin(async move {
                let call = Call::begin($self, method::$method, spans::other, $about);
                call.run($self.inner.$name($($argument),*)).await
            })
        });
    };
}

impl Provider for Instrumented {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn version(&self) -> &str {
        self.inner.version()
    }

    /// The inner provider's own: calls on it are not seen.
    fn as_management_capability(&self) -> Option<&dyn ProviderAdmin> {
        self.inner.as_management_capability()
    }

    declared!(self, fetch_orchestration_item<'life1>(
        lock_timeout: Duration,
        poll_timeout: Duration,
        filter: Option<&'life1 DispatcherCapabilityFilter>,
    ) -> Option<(OrchestrationItem, String, u32)> {
        if !self.watches(method::FETCH_TURN, spans::receive) {
            return self.inner.fetch_orchestration_item(lock_timeout, poll_timeout, filter);
        }
        Box::pin(async move {
            let receive = Receive::begin(self, method::FETCH_TURN, spans::receive);
            let answer = self.inner.fetch_orchestration_item(lock_timeout, poll_timeout, filter).await;
            let received = receive.end(&answer, |(item, _, attempt)| CallInfo::turn(item, *attempt));
            if let (Some(about), Ok(Some((_, token, _)))) = (received, &answer) {
                self.turns.insert(token, Lease::of(&about));
            }
            answer
        })
    });

    declared!(self, ack_orchestration_item<'life1>(
        lock_token: &'life1 str,
        execution_id: u64,
        history_delta: Vec<Event>,
        worker_items: Vec<WorkItem>,
        orchestrator_items: Vec<WorkItem>,
        metadata: ExecutionMetadata,
        cancelled_activities: Vec<ScheduledActivityIdentifier>,
    ) -> () {
        if !self.watches(method::ACK_TURN, spans::settle) {
            return self.inner.ack_orchestration_item(
                lock_token, execution_id, history_delta, worker_items, orchestrator_items, metadata,
                cancelled_activities,
            );
        }
        Box::pin(async move {
            let lease = self.turns.get(lock_token);
            let known = known(lease.as_deref());
            #[cfg(feature = "otel")]
            let known = CallInfo { target: known.target.filter(|_| known.execution == Some(execution_id)), ..known };
            let about = CallInfo {
                instance: known.instance.or_else(|| history_delta.first().map(|event| &*event.instance_id)),
                execution: Some(execution_id),
                orchestration: known.orchestration.or(metadata.orchestration_name.as_deref()),
                turn: Some([
                    history_delta.len(),
                    worker_items.len(),
                    orchestrator_items.len(),
                    cancelled_activities.len(),
                ]),
                ..known
            };
            let call = Call::begin(self, method::ACK_TURN, spans::settle, about);
            let answer = call
                .run(self.inner.ack_orchestration_item(
                    lock_token, execution_id, history_delta, worker_items, orchestrator_items, metadata,
                    cancelled_activities,
                ))
                .await;
            settled(&self.turns, lock_token, &answer);
            answer
        })
    });

    declared!(self, abandon_orchestration_item<'life1>(
        lock_token: &'life1 str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> () {
        if !self.watches(method::ABANDON_TURN, spans::settle) {
            return self.inner.abandon_orchestration_item(lock_token, delay, ignore_attempt);
        }
        Box::pin(async move {
            let lease = self.turns.get(lock_token);
            let about = known(lease.as_deref());
            let call = Call::begin(self, method::ABANDON_TURN, spans::settle, about);
            let answer = call.run(self.inner.abandon_orchestration_item(lock_token, delay, ignore_attempt)).await;
            settled(&self.turns, lock_token, &answer);
            answer
        })
    });

    declared!(self, renew_orchestration_item_lock<'life1>(token: &'life1 str, extend_for: Duration) -> () {
        if !self.watches(method::RENEW_TURN, spans::other) {
            return self.inner.renew_orchestration_item_lock(token, extend_for);
        }
        Box::pin(async move {
            let lease = self.turns.get(token);
            let about = known(lease.as_deref());
            let call = Call::begin(self, method::RENEW_TURN, spans::other, about);
            let answer = call.run(self.inner.renew_orchestration_item_lock(token, extend_for)).await;
            renewed(&self.turns, token, &answer);
            answer
        })
    });

    declared!(self, enqueue_for_orchestrator<>(item: WorkItem, delay: Option<Duration>) -> () {
        if !self.watches(method::SEND_TURN, spans::send) {
            return self.inner.enqueue_for_orchestrator(item, delay);
        }
        Box::pin(async move {
            let call = Call::begin(self, method::SEND_TURN, spans::send, CallInfo::item(&item));
            call.run(self.inner.enqueue_for_orchestrator(item, delay)).await
        })
    });

    declared!(self, fetch_work_item<'life1, 'life2>(
        lock_timeout: Duration,
        poll_timeout: Duration,
        session: Option<&'life1 SessionFetchConfig>,
        tag_filter: &'life2 TagFilter,
    ) -> Option<(WorkItem, String, u32)> {
        if !self.watches(method::FETCH_WORK, spans::receive) {
            return self.inner.fetch_work_item(lock_timeout, poll_timeout, session, tag_filter);
        }
        Box::pin(async move {
            let receive = Receive::begin(self, method::FETCH_WORK, spans::receive);
            let answer = self.inner.fetch_work_item(lock_timeout, poll_timeout, session, tag_filter).await;
            let received = receive.end(&answer, |(item, _, attempt)| CallInfo::work(item, *attempt));
            if let (Some(about), Ok(Some((_, token, _)))) = (received, &answer) {
                self.work.insert(token, Lease::of(&about));
            }
            answer
        })
    });

    declared!(self, ack_work_item<'life1>(token: &'life1 str, completion: Option<WorkItem>) -> () {
        if !self.watches(method::ACK_WORK, spans::settle) {
            return self.inner.ack_work_item(token, completion);
        }
        Box::pin(async move {
            let lease = self.work.get(token);
            let sent = completion.as_ref().map_or(CallInfo::NOTHING, CallInfo::item);
            let about = lease.as_deref().map_or(sent, Lease::about);
            let call = Call::begin(self, method::ACK_WORK, spans::settle, CallInfo { item: sent.item, ..about });
            let answer = call.run(self.inner.ack_work_item(token, completion)).await;
            settled(&self.work, token, &answer);
            answer
        })
    });

    declared!(self, abandon_work_item<'life1>(
        token: &'life1 str,
        delay: Option<Duration>,
        ignore_attempt: bool,
    ) -> () {
        if !self.watches(method::ABANDON_WORK, spans::settle) {
            return self.inner.abandon_work_item(token, delay, ignore_attempt);
        }
        Box::pin(async move {
            let lease = self.work.get(token);
            let about = known(lease.as_deref());
            let call = Call::begin(self, method::ABANDON_WORK, spans::settle, about);
            let answer = call.run(self.inner.abandon_work_item(token, delay, ignore_attempt)).await;
            settled(&self.work, token, &answer);
            answer
        })
    });

    declared!(self, renew_work_item_lock<'life1>(token: &'life1 str, extend_for: Duration) -> () {
        if !self.watches(method::RENEW_WORK, spans::other) {
            return self.inner.renew_work_item_lock(token, extend_for);
        }
        Box::pin(async move {
            let lease = self.work.get(token);
            let about = known(lease.as_deref());
            let call = Call::begin(self, method::RENEW_WORK, spans::other, about);
            let answer = call.run(self.inner.renew_work_item_lock(token, extend_for)).await;
            renewed(&self.work, token, &answer);
            answer
        })
    });

    declared!(self, enqueue_for_worker<>(item: WorkItem) -> () {
        if !self.watches(method::SEND_WORK, spans::send) {
            return self.inner.enqueue_for_worker(item);
        }
        Box::pin(async move {
            let call = Call::begin(self, method::SEND_WORK, spans::send, CallInfo::item(&item));
            call.run(self.inner.enqueue_for_worker(item)).await
        })
    });

    plain!(self, RENEW_SESSIONS, CallInfo::NOTHING, renew_session_lock<'life1, 'life2>(
        owner_ids: &'life1 [&'life2 str], extend_for: Duration, idle_timeout: Duration
    ) -> usize);

    plain!(self, CLEAN_SESSIONS, CallInfo::NOTHING, cleanup_orphaned_sessions<>(idle_timeout: Duration) -> usize);

    plain!(self, READ, CallInfo::instance(instance), read<'life1>(instance: &'life1 str) -> Vec<Event>);

    plain!(self, READ_EXECUTION, CallInfo::execution(instance, execution_id), read_with_execution<'life1>(
        instance: &'life1 str, execution_id: u64
    ) -> Vec<Event>);

    plain!(self, APPEND_EXECUTION, CallInfo::execution(instance, execution_id), append_with_execution<'life1>(
        instance: &'life1 str, execution_id: u64, new_events: Vec<Event>
    ) -> ());

    plain!(self, CUSTOM_STATUS, CallInfo::instance(instance), get_custom_status<'life1>(
        instance: &'life1 str, last_seen_version: u64
    ) -> Option<(Option<String>, u64)>);

    plain!(self, KV_VALUE, CallInfo::instance(instance), get_kv_value<'life1, 'life2>(
        instance: &'life1 str, key: &'life2 str
    ) -> Option<String>);

    plain!(self, KV_ALL_VALUES, CallInfo::instance(instance), get_kv_all_values<'life1>(
        instance: &'life1 str
    ) -> HashMap<String, String>);

    plain!(self, INSTANCE_STATS, CallInfo::instance(instance), get_instance_stats<'life1>(
        instance: &'life1 str
    ) -> Option<SystemStats>);
}

fn known(lease: Option<&Lease>) -> CallInfo<'_> {
    lease.map_or(CallInfo::NOTHING, Lease::about)
}

/// A lease that was given back is over, and so is one that cannot be: the runtime tries again only what may help.
fn settled(leases: &Leases, token: &str, answer: &Result<(), ProviderError>) {
    if answer.as_ref().err().is_none_or(|error| !error.retryable) {
        leases.remove(token);
    }
}

/// The same, of a lease that was to go on.
fn renewed(leases: &Leases, token: &str, answer: &Result<(), ProviderError>) {
    match answer {
        Ok(()) => leases.renew(token),
        Err(error) if error.retryable => {}
        Err(_) => leases.remove(token),
    }
}
