//! A made-up store for the tests of what the commands print: small, and with every type of event.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::history::Event;
use crate::labels::{Channel, ExecutionStatus, FailureKind, InstanceStatus, MessageState, Queue, WaitReason};
use crate::management::{
    Awaited, Capabilities, Capability, ExecutionInfo, InstanceFilter, InstanceInfo, InstanceTree,
    InstanceWaits, ManagementAPI, ManagementError, OpenWait, Page, PageRequest, QueueEntry, QueuedMessage,
    SearchField, SearchHit, SearchQuery, SearchResults, Timeline, TimelineEntry, TimelineKind,
    TimelineOutcome, TimelineParent, Timestamp,
};

/// 2026-11-23T12:00:00Z
pub(crate) const NOW: Timestamp = Timestamp::from_unix_millis(1_795_435_200_000);

type Result<T, E = ManagementError> = std::result::Result<T, E>;

/// The store, with moods.
#[derive(Default)]
pub(crate) struct Fixture {
    pub(crate) instances: Vec<InstanceInfo>,
    /// Every page ends after so many entries, as by a limit on time.
    pub(crate) slow: Option<usize>,
    /// Every page ends after so many entries, because they are large.
    pub(crate) short: Option<usize>,
    /// Pages lead to themselves.
    pub(crate) stuck: bool,
    /// No answer ever.
    pub(crate) hanging: bool,
    /// Pages that are answered before the store goes away.
    pub(crate) pages: Option<usize>,
    pub(crate) age: Option<Duration>,
    /// Only `get_instance_info`, as the trait has it.
    pub(crate) bare: bool,
    pub(crate) asked: AtomicUsize,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self { instances: instances(), ..Self::default() }
    }

    fn instance(&self, id: &str) -> Result<&InstanceInfo> {
        self.instances
            .iter()
            .find(|one| one.instance_id == id)
            .ok_or_else(|| ManagementError::no_instance(id))
    }

    async fn page<T>(&self, all: Vec<T>, request: &PageRequest) -> Result<Page<T>> {
        if self.bare {
            return Err(ManagementError::unsupported("this"));
        }
        if self.pages.is_some_and(|pages| self.asked.fetch_add(1, Ordering::SeqCst) >= pages) {
            return Err(ManagementError::Unavailable("it went away".to_owned()));
        }
        if self.hanging {
            std::future::pending::<()>().await;
        }
        let from = match request.after.as_deref().map(|key| key.strip_prefix("key ").map(str::parse)) {
            None => 0,
            Some(Some(Ok(from))) => from,
            Some(_) => {
                let why = "not a key of this list".to_owned();
                return Err(ManagementError::InvalidArgument { name: "after", why });
            }
        };
        let limit = self.slow.or(self.short).map_or(request.limit, |limit| request.limit.min(limit));
        let len = all.len();
        let items: Vec<T> = all.into_iter().skip(from).take(limit).collect();
        let end = from + items.len();
        let next = (end < len).then(|| format!("key {}", if self.stuck { from } else { end }));
        Ok(Page { items, partial: self.slow.is_some() && next.is_some() && limit < request.limit, next })
    }
}

#[async_trait::async_trait]
impl ManagementAPI for Fixture {
    fn capabilities(&self) -> Capabilities {
        use Capability::{Executions, History, List, Search, SearchPayloads, Tree};
        Capabilities::new([List, Search, SearchPayloads, Tree, Executions, History])
    }

    async fn list_instances_filtered(
        &self,
        filter: InstanceFilter,
        page: PageRequest,
    ) -> Result<Page<InstanceInfo>> {
        let all = self.instances.iter().filter(|one| filter.matches(one)).cloned().collect();
        self.page(all, &page).await
    }

    async fn search_instances(&self, query: SearchQuery) -> Result<SearchResults> {
        let SearchQuery { text, payloads, limit, after } = query;
        let text = text.to_lowercase();
        let hits = self.instances.iter().filter_map(|one| {
            let place = |field, place: &str| place.to_lowercase().contains(&text).then_some(field);
            let status = one.custom_status.as_deref().unwrap_or_default();
            let mut matched: Vec<SearchField> = [
                place(SearchField::InstanceId, &one.instance_id),
                place(SearchField::OrchestrationName, &one.orchestration_name),
                place(SearchField::CustomStatus, status),
            ]
            .into_iter()
            .flatten()
            .collect();
            if payloads && one.instance_id == "every-event" && text == "jane" {
                matched.extend([SearchField::Output, SearchField::History]);
            }
            (!matched.is_empty()).then(|| SearchHit { instance: one.clone(), matched })
        });
        let Page { items, next, partial } = self.page(hits.collect(), &PageRequest { limit, after }).await?;
        Ok(SearchResults { items, next, partial })
    }

    async fn get_instance_info(&self, instance: &str) -> Result<InstanceInfo> {
        self.instance(instance).cloned()
    }

    async fn get_instance_waits(&self, instance: &str) -> Result<InstanceWaits> {
        if self.bare {
            return Err(ManagementError::unsupported("get_instance_waits"));
        }
        let info = self.instance(instance)?;
        let waits = InstanceWaits::none(instance, info.current_execution_id, NOW);
        Ok(match instance {
            "order-42" => InstanceWaits {
                reason: Some(WaitReason::Retrying),
                waits: open_waits(),
                messages: vec![message("ExternalRaised", "Refund\u{1b}[2J", 2)],
                ..waits
            },
            "größe-東京" => InstanceWaits {
                reason: Some(WaitReason::Stuck),
                waits: vec![open(
                    2,
                    3,
                    Awaited::Activity { name: "Messen".to_owned(), tag: None, queued: None },
                )],
                ..waits
            },
            _ => waits,
        })
    }

    async fn get_instance_tree(&self, instance: &str) -> Result<InstanceTree> {
        let tree = ["checkout-7", "order-42", "order-42::sub::5", "order-43"];
        if !tree.contains(&instance) {
            let instances = vec![self.instance(instance)?.clone()];
            return Ok(InstanceTree { root_id: instance.to_owned(), instances, partial: false });
        }
        let instances: Result<_> = tree.iter().map(|id| self.instance(id).cloned()).collect();
        Ok(InstanceTree {
            root_id: "checkout-7".to_owned(),
            instances: instances?,
            partial: self.slow.is_some(),
        })
    }

    async fn list_executions(&self, instance: &str, page: PageRequest) -> Result<Page<ExecutionInfo>> {
        self.instance(instance)?;
        self.page(executions(instance), &page).await
    }

    async fn read_execution(&self, instance: &str, execution: u64, page: PageRequest) -> Result<Page<Event>> {
        self.instance(instance)?;
        if !executions(instance).iter().any(|one| one.execution_id == execution) {
            return Err(ManagementError::no_execution(instance, execution));
        }
        self.page(events(instance, execution), &page).await
    }

    async fn get_execution_metadata(&self, instance: &str, execution: u64) -> Result<ExecutionInfo> {
        let found = executions(instance).into_iter().find(|one| one.execution_id == execution);
        found.ok_or_else(|| ManagementError::no_execution(instance, execution))
    }

    async fn get_execution_timeline(&self, instance: &str, execution: u64) -> Result<Timeline> {
        self.instance(instance)?;
        Ok(timeline(instance, execution))
    }

    async fn data_age(&self) -> Result<Option<Duration>> {
        Ok(self.age)
    }
}

fn ago(seconds: u64) -> Option<Timestamp> {
    Some(NOW.before(Duration::from_secs(seconds)))
}

/// A row that was put there so long ago.
pub(crate) fn entry(queue: Queue, state: MessageState, attempts: u64, seconds: u64) -> QueueEntry {
    let queued_at = ago(seconds);
    QueueEntry { queue, state, attempts, queued_at, visible_at: queued_at, leased_until: None }
}

/// What is open for so long.
pub(crate) fn open(event_id: u64, seconds: u64, awaited: Awaited) -> OpenWait {
    OpenWait { event_id, since: NOW.before(Duration::from_secs(seconds)), awaited }
}

pub(crate) fn message(kind: &str, name: &str, seconds: u64) -> QueuedMessage {
    QueuedMessage {
        kind: kind.to_owned(),
        name: Some(name.to_owned()),
        event_id: None,
        execution_id: None,
        entry: entry(Queue::Orchestrator, MessageState::Blocked, 0, seconds),
    }
}

/// So many seconds from now.
pub(crate) fn ahead(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(NOW.unix_millis() + seconds * 1000)
}

/// One of each kind.
fn open_waits() -> Vec<OpenWait> {
    let retrying =
        QueueEntry { visible_at: Some(ahead(12)), ..entry(Queue::Worker, MessageState::Delayed, 3, 190) };
    let due_at = ahead(3_410);
    let timer = QueueEntry { visible_at: Some(due_at), ..entry(Queue::Timer, MessageState::Delayed, 0, 190) };
    let name = |name: &str| name.to_owned();
    vec![
        open(
            5,
            190,
            Awaited::Activity { name: name("ChargePayment"), tag: Some(name("gpu")), queued: Some(retrying) },
        ),
        open(6, 190, Awaited::Timer { due_at, queued: Some(timer) }),
        open(7, 190, Awaited::Event { channel: Channel::Event, name: name("Approval"), missed: 2 }),
        open(8, 189, Awaited::Event { channel: Channel::Queue, name: name("inbox"), missed: 0 }),
        open(
            9,
            189,
            Awaited::Child {
                name: name("ChargeCard"),
                instance_id: name("order-42::sub::9"),
                status: Some(InstanceStatus::Running),
                alive: true,
            },
        ),
    ]
}

/// Newest first.
fn instances() -> Vec<InstanceInfo> {
    use InstanceStatus::{Completed, Failed, Running, Unknown};
    let text = |text: &str| Some(text.to_owned());
    vec![
        InstanceInfo {
            created_at: ago(20),
            updated_at: ago(3),
            ..InstanceInfo::new("größe-東京", "Größe", "1.0.0", 1, Running)
        },
        InstanceInfo {
            created_at: ago(3_600),
            updated_at: ago(3_590),
            parent_instance_id: text("order-42"),
            ..InstanceInfo::new("order-42::sub::5", "ChargeCard", "1.0.0", 1, Failed)
        },
        InstanceInfo {
            created_at: ago(3_620),
            updated_at: ago(90),
            parent_instance_id: text("checkout-7"),
            ..InstanceInfo::new("order-43", "ProcessOrder", "1.2.0", 1, Completed)
        },
        InstanceInfo {
            created_at: ago(3_630),
            updated_at: ago(12),
            parent_instance_id: text("checkout-7"),
            custom_status: text("waiting for approval\u{1b}[2J\u{202e}"),
            ..InstanceInfo::new("order-42", "ProcessOrder", "1.2.0", 2, Running)
        },
        InstanceInfo {
            created_at: ago(3_700),
            updated_at: ago(90),
            custom_status: text("2 of 2 orders placed"),
            ..InstanceInfo::new("checkout-7", "Checkout", "1.0.0", 1, Completed)
        },
        InstanceInfo {
            created_at: ago(90_000),
            updated_at: ago(86_400),
            ..InstanceInfo::new("every-event", "Everything", "0.9.0", 1, Failed)
        },
        InstanceInfo::new("-dash", "Cleanup", "unknown", 1, Unknown),
    ]
}

fn executions(instance: &str) -> Vec<ExecutionInfo> {
    use ExecutionStatus::{Completed, ContinuedAsNew, Failed, Running};
    let failed = |failure_kind, output: &str| ExecutionInfo {
        output: Some(output.to_owned()),
        output_bytes: u64::try_from(output.len()).ok(),
        failure_kind: Some(failure_kind),
        ..ExecutionInfo::new(1, Failed)
    };
    match instance {
        "order-42" => vec![
            ExecutionInfo { started_at: ago(600), event_count: 9, ..ExecutionInfo::new(2, Running) },
            ExecutionInfo {
                output: Some("{\"customer\":\"Jane\"}".to_owned()),
                output_bytes: Some(19),
                started_at: ago(3_630),
                completed_at: ago(601),
                event_count: 1_204,
                ..ExecutionInfo::new(1, ContinuedAsNew)
            },
        ],
        "every-event" => vec![ExecutionInfo {
            started_at: ago(90_000),
            completed_at: ago(86_400),
            event_count: 30,
            ..failed(FailureKind::Cancelled, "canceled: Jane asked\n  for it\u{1b}[2J")
        }],
        "order-42::sub::5" => vec![ExecutionInfo {
            started_at: ago(3_600),
            completed_at: ago(3_590),
            event_count: 4,
            ..failed(FailureKind::Application, "card declined")
        }],
        "-dash" => Vec::new(),
        _ => vec![ExecutionInfo {
            output: Some("done".to_owned()),
            output_bytes: Some(4),
            started_at: ago(3_700),
            completed_at: ago(90),
            event_count: 12,
            ..ExecutionInfo::new(1, Completed)
        }],
    }
}

/// Every type of event there is, one the future brings, and one that is damaged.
fn events(instance: &str, execution: u64) -> Vec<Event> {
    let jane = "Jane Doe, 1 High Street";
    let failure = json!({"Application": {"kind": "ActivityFailed", "message": jane, "retryable": false}});
    let poison = json!({"Poison": {"attempt_count": 11, "max_attempts": 10, "message": jane, "message_type":
        {"Activity": {"instance": instance, "execution_id": 1, "activity_name": "Ship", "activity_id": 3}}}});
    let cancelled = json!({"Application": {"kind": {"Cancelled": {"reason": "Jane asked"}}, "message": "", "retryable": false}});
    let start = 1_795_345_200_000_u64;
    let rows: Vec<(u64, &str, Option<u64>, Value)> = vec![
        (
            0,
            "OrchestrationStarted",
            None,
            json!({"name": "Everything", "version": "0.9.0", "input": jane, "parent_instance": "checkout-7",
                "parent_id": 4, "parent_execution_id": 1, "carry_forward_events": [["inbox", jane]],
                "initial_custom_status": "starting"}),
        ),
        (12, "ActivityScheduled", None, json!({"name": "Charge", "input": jane, "session_id": "till-1"})),
        (12, "ActivityScheduled", None, json!({"name": "Ship", "input": jane, "tag": "gpu"})),
        (12, "TimerCreated", None, json!({"fire_at_ms": start + 30_012})),
        (
            12,
            "SubOrchestrationScheduled",
            None,
            json!({"name": "ChargeCard", "instance": "sub::5", "input": jane}),
        ),
        (12, "SubOrchestrationScheduled", None, json!({"name": "Pack", "instance": "pack-1", "input": jane})),
        (13, "ExternalSubscribed", None, json!({"name": "Approval"})),
        (13, "ExternalSubscribedPersistent", None, json!({"name": "inbox"})),
        (13, "OrchestrationChained", None, json!({"name": "Audit", "instance": "audit-1", "input": jane})),
        (14, "CustomStatusUpdated", None, json!({"status": "charging"})),
        (14, "KeyValueSet", None, json!({"key": "cart", "value": jane, "last_updated_at_ms": start})),
        (14, "KeyValueCleared", None, json!({"key": "cart"})),
        (14, "KeyValuesCleared", None, json!({})),
        (1_250, "ActivityCompleted", Some(2), json!({"result": jane})),
        (1_250, "ActivityFailed", Some(3), json!({"details": poison})),
        (2_000, "ActivityCancelRequested", Some(3), json!({"reason": "dropped_future"})),
        (2_000, "SubOrchestrationCompleted", Some(5), json!({"result": jane})),
        (2_001, "SubOrchestrationFailed", Some(6), json!({"details": failure})),
        (
            2_001,
            "SubOrchestrationCancelRequested",
            Some(6),
            json!({"reason": "orchestration_terminal_failed"}),
        ),
        (30_019, "TimerFired", Some(4), json!({"fire_at_ms": start + 30_012})),
        (61_000, "ExternalEvent", None, json!({"name": "Approval", "data": jane})),
        (61_000, "ExternalSubscribedCancelled", Some(7), json!({"reason": "dropped_future"})),
        (61_001, "ExternalEventPersistent", None, json!({"name": "inbox", "data": jane})),
        (
            61_001,
            "ExternalSubscribedPersistentCancelled",
            Some(8),
            json!({"reason": "orchestration_terminal"}),
        ),
        (61_002, "CustomStatusUpdated", None, json!({"status": null})),
        (61_003, "SystemCall", None, json!({"op": "guid", "value": "b1946ac9"})),
        (61_004, "FromTheFuture", None, json!({"name": jane, "size": 3})),
        (61_005, "OrchestrationContinuedAsNew", None, json!({"input": jane})),
        (61_006, "OrchestrationCompleted", None, json!({"output": jane})),
        (3_600_000, "OrchestrationCancelRequested", None, json!({"reason": "Jane asked"})),
        (3_600_001, "OrchestrationFailed", None, json!({"details": cancelled})),
    ];
    let mut events: Vec<Event> = rows
        .into_iter()
        .zip(1..)
        .map(|((offset, event_type, source_event_id, fields), event_id)| Event {
            event_id,
            source_event_id,
            instance_id: instance.to_owned(),
            execution_id: execution,
            timestamp_ms: start + offset,
            duroxide_version: "0.1.32".to_owned(),
            event_type: event_type.to_owned(),
            undecodable: None,
            fields: fields.as_object().cloned().unwrap_or_default(),
        })
        .collect();
    let damaged = events.last().cloned().map(|last| Event {
        event_id: 99_999,
        event_type: "ActivityCompleted".to_owned(),
        undecodable: Some("not a history event: text ends too early at line 1, column 9".to_owned()),
        fields: serde_json::Map::new(),
        ..last
    });
    events.extend(damaged);
    events
}

fn timeline(instance: &str, execution_id: u64) -> Timeline {
    use TimelineOutcome::{Cancelled, Completed, Failed, Open};
    let start = NOW.before(Duration::from_secs(600));
    let at = |ms: i64| Timestamp::from_unix_millis(start.unix_millis() + ms);
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let entry = |event_id, kind, name: &str, from, to: Option<i64>, outcome| TimelineEntry {
        kind,
        name: text(name),
        instance_id: None,
        tag: None,
        event_id,
        ended_by: to.map(|_| event_id + 10),
        started_at: at(from),
        ended_at: to.map(at),
        due_at: None,
        outcome,
        failure_kind: None,
        attempt: 1,
        retry_of: None,
    };
    let failed = Some(FailureKind::Application);
    Timeline {
        instance_id: instance.to_owned(),
        execution_id,
        orchestration_name: text("ProcessOrder"),
        orchestration_version: text("1.2.0"),
        parent: Some(TimelineParent {
            instance_id: "checkout-7".to_owned(),
            execution_id: Some(1),
            event_id: Some(4),
        }),
        started_at: Some(start),
        ended_at: None,
        status: ExecutionStatus::Running,
        failure_kind: None,
        entries: vec![
            TimelineEntry {
                tag: text("gpu"),
                failure_kind: failed,
                ..entry(2, TimelineKind::Activity, "Charge", 12, Some(90_500), Failed)
            },
            entry(3, TimelineKind::Timer, "", 90_500, Some(120_507), Completed),
            TimelineEntry {
                attempt: 2,
                retry_of: Some(2),
                ..entry(4, TimelineKind::Activity, "Charge", 120_507, Some(300_000), Completed)
            },
            TimelineEntry {
                instance_id: text("order-42::sub::5"),
                failure_kind: failed,
                ..entry(5, TimelineKind::Child, "ChargeCard", 300_000, Some(310_000), Failed)
            },
            entry(6, TimelineKind::CustomStatus, "", 310_000, Some(310_000), Completed),
            entry(7, TimelineKind::Event, "Approval", 310_001, None, Open),
            TimelineEntry {
                due_at: Some(at(3_600_000)),
                ..entry(8, TimelineKind::Timer, "", 310_001, None, Open)
            },
            entry(9, TimelineKind::QueueEvent, "inbox", 310_001, Some(310_001), Cancelled),
        ],
        unknown_events: 1,
        undecodable_events: 0,
    }
}
