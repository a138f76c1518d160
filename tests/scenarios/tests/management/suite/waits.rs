//! What instances wait for: the history replayed and the queues looked through the slow way.

use std::collections::BTreeSet;

use duroxide_exporter::{
    Awaited, Capability, Channel, InstanceStatus, InstanceWaits, MessageState, OpenWait, Queue, QueueEntry,
    QueuedMessage, Timestamp, WaitReason,
};
use scenarios::{
    recount::{self, Classified, Rules, State, Table},
    truth::{EventRow, Instance, Truth, instance_status},
};
use serde_json::Value;

use crate::subject::{Reading, Subject, assert_unsupported};

/// How far the clock of a server may be from that of the tests, which run on the same machine.
const SKEW_MS: i64 = 2_000;

pub(crate) async fn what_is_open_is_what_the_rows_say(subject: &Subject) {
    let mut reasons = BTreeSet::new();
    for instance in &subject.truth.instances {
        let before = recount::now_ms();
        let answer = subject.api.get_instance_waits(&instance.id).await;
        if !subject.has(Capability::Waits) {
            assert_unsupported("get_instance_waits", answer);
            continue;
        }
        let said = answer.unwrap_or_else(|error| panic!("{:?}: {error}", instance.id));
        let as_of = said.as_of.unix_millis();
        match subject.reading {
            Reading::Copy => assert_eq!(Some(as_of), subject.truth.newest_ms),
            Reading::Live | Reading::Standby => {
                assert!((before - SKEW_MS..=recount::now_ms() + SKEW_MS).contains(&as_of), "{as_of}");
            }
        }
        assert_eq!(said, waits(&subject.truth, instance, as_of), "{:?}", instance.id);
        reasons.insert(said.reason);
    }
    if subject.has(Capability::Waits) {
        use WaitReason::{Activity, Event, Ready, Stuck, Timer};
        for reason in [None, Some(Activity), Some(Event), Some(Ready), Some(Stuck), Some(Timer)] {
            assert!(reasons.contains(&reason), "nobody has {reason:?}: {reasons:?}");
        }
    }
}

fn moment(ms: i64) -> Timestamp {
    Timestamp::from_unix_millis(ms)
}

/// What is true of an instance at a moment.
pub(crate) fn waits(truth: &Truth, instance: &Instance, now_ms: i64) -> InstanceWaits {
    let current = u64::try_from(instance.current).unwrap();
    let mut wanted = InstanceWaits::none(&instance.id, current, moment(now_ms));
    let status = truth.current(instance).map(|execution| execution.status.as_str());
    if instance_status(status) != InstanceStatus::Running {
        return wanted;
    }
    let rows = truth.events(&instance.id, instance.current);
    let events: Vec<Value> = rows.iter().filter_map(EventRow::json).collect();
    wanted.undecodable_events = u64::try_from(rows.len() - events.len()).unwrap();

    let mut turns = of(truth, Table::Orchestrator, &instance.id, now_ms);
    turns.retain(|row| !leaves_over(truth, row));
    let activities = of(truth, Table::Worker, &instance.id, now_ms);
    let lock = truth.queues.locks.get(&instance.id).map(|lock| lock.until).filter(|until| *until > now_ms);
    wanted.executing_until = lock.map(moment);

    let mut told = BTreeSet::new();
    for event in open(&events) {
        let name = event["name"].as_str().unwrap_or_default().to_owned();
        let event_id = event["event_id"].as_u64().unwrap();
        let mut queued = |rows: &[Classified<'_>], table, kind: &str| {
            let is_its = |row: &&Classified<'_>| {
                let parts = parts(&row.message.work_item);
                parts.is_some_and(|(of, fields)| {
                    of == kind && fields["id"] == event_id && fields["execution_id"] == instance.current
                })
            };
            let row = *rows.iter().find(is_its)?;
            told.insert((table == Table::Worker, row.message.id));
            Some((entry(truth, &row, table), row.message.tag.clone()))
        };
        let awaited = match event["type"].as_str().unwrap() {
            "ActivityScheduled" => {
                let queued = queued(&activities, Table::Worker, "ActivityExecute");
                let tag = queued.as_ref().and_then(|(_, tag)| tag.clone());
                Awaited::Activity { name, tag, queued: queued.map(|(entry, _)| entry) }
            }
            "TimerCreated" => Awaited::Timer {
                due_at: moment(event["fire_at_ms"].as_i64().unwrap()),
                queued: queued(&turns, Table::Orchestrator, "TimerFired").map(|(entry, _)| entry),
            },
            "SubOrchestrationScheduled" => {
                let suffix = event["instance"].as_str().unwrap();
                let instance_id = match suffix.starts_with("sub::") {
                    true => format!("{}::{suffix}", instance.id),
                    false => suffix.to_owned(),
                };
                let status = truth.instance(&instance_id).map(|child| truth.info(child).status);
                let alive = lives(truth, &instance_id, now_ms);
                Awaited::Child { name, instance_id, status, alive }
            }
            "ExternalSubscribed" => {
                let missed = missed(&events, &name);
                Awaited::Event { channel: Channel::Event, name, missed }
            }
            _ => Awaited::Event { channel: Channel::Queue, name, missed: 0 },
        };
        let since = moment(event["timestamp_ms"].as_i64().unwrap());
        wanted.waits.push(OpenWait { event_id, since, awaited });
    }
    for (rows, table) in [(&turns, Table::Orchestrator), (&activities, Table::Worker)] {
        let rest = rows.iter().filter(|row| !told.contains(&(table == Table::Worker, row.message.id)));
        wanted.messages.extend(rest.map(|row| message(truth, row, table)));
    }
    wanted.reason = Some(reason(&wanted, &turns, &activities));
    wanted
}

/// The first that holds, in the words of the design.
fn reason(wanted: &InstanceWaits, turns: &[Classified<'_>], activities: &[Classified<'_>]) -> WaitReason {
    let put_off = |row: &Classified<'_>| row.state == State::Delayed;
    let tried = |row: &Classified<'_>| put_off(row) && row.message.attempts > 0;
    let any = |is: fn(&Awaited) -> bool| wanted.waits.iter().any(|wait| is(&wait.awaited));
    if wanted.executing_until.is_some() {
        WaitReason::Executing
    } else if turns.iter().any(|row| !put_off(row)) {
        WaitReason::Ready
    } else if turns.iter().chain(activities).any(tried) {
        WaitReason::Retrying
    } else if !activities.is_empty() {
        WaitReason::Activity
    } else if any(|awaited| matches!(awaited, Awaited::Child { alive: true, .. })) {
        WaitReason::Child
    } else if any(|awaited| matches!(awaited, Awaited::Event { .. })) {
        WaitReason::Event
    } else if !turns.is_empty() {
        WaitReason::Timer
    } else {
        WaitReason::Stuck
    }
}

/// The events that began what has not ended, by the simplest rules that are right for these histories.
fn open(events: &[Value]) -> Vec<&Value> {
    let mut open: Vec<&Value> = Vec::new();
    for event in events {
        let subscription = match event["type"].as_str().unwrap() {
            "ActivityScheduled" if event["name"].as_str().unwrap().starts_with("__duroxide_syscall:") => "",
            "ActivityScheduled"
            | "TimerCreated"
            | "SubOrchestrationScheduled"
            | "ExternalSubscribed"
            | "ExternalSubscribedPersistent" => {
                open.push(event);
                ""
            }
            "ExternalEvent" => "ExternalSubscribed",
            "ExternalEventPersistent" => "ExternalSubscribedPersistent",
            _ => {
                open.retain(|begun| begun["event_id"] != event["source_event_id"]);
                ""
            }
        };
        let oldest =
            open.iter().position(|begun| begun["type"] == subscription && begun["name"] == event["name"]);
        if let Some(oldest) = oldest {
            open.remove(oldest);
        }
    }
    open
}

/// How many events of a name came while nothing waited for one.
fn missed(events: &[Value], name: &str) -> u64 {
    let missed = |(position, event): &(usize, &Value)| {
        let mut waiting = open(&events[..*position]).into_iter();
        event["type"] == "ExternalEvent"
            && event["name"] == name
            && !waiting.any(|begun| begun["type"] == "ExternalSubscribed" && begun["name"] == name)
    };
    u64::try_from(events.iter().enumerate().filter(missed).count()).unwrap()
}

/// A work item's kind and what it says.
fn parts(json: &str) -> Option<(String, Value)> {
    let Value::Object(item) = serde_json::from_str(json).ok()? else { return None };
    item.into_iter().next().filter(|(_, fields)| fields.is_object())
}

/// The rows of an instance, in the order in which they are handed out.
fn of<'a>(truth: &'a Truth, table: Table, id: &str, now_ms: i64) -> Vec<Classified<'a>> {
    let is_its = |row: &Classified<'_>| match table {
        Table::Orchestrator => row.message.instance == id,
        Table::Worker => parts(&row.message.work_item).is_some_and(|(_, fields)| fields["instance"] == id),
    };
    let mut rows = truth.queues.classified(table, now_ms);
    rows.retain(is_its);
    let visible = |row: &Classified<'_>| row.message.visible_at.filter(|_| table == Table::Orchestrator);
    rows.sort_by_key(|row| (visible(row), row.message.id));
    rows
}

/// Whether it is a timer of an execution that has ended.
fn leaves_over(truth: &Truth, row: &Classified<'_>) -> bool {
    let Some((kind, fields)) = parts(&row.message.work_item).filter(|(kind, _)| kind == "TimerFired") else {
        return false;
    };
    let Some(instance) = truth.instance(&row.message.instance) else { return false };
    let running = truth.current(instance).is_some_and(|execution| {
        !["Completed", "Failed", "ContinuedAsNew"].contains(&execution.status.as_str())
    });
    kind == "TimerFired" && (!running || fields["execution_id"] != instance.current)
}

/// Whether a child runs or is about to start.
fn lives(truth: &Truth, id: &str, now_ms: i64) -> bool {
    let runs = truth.instance(id).is_some_and(|child| truth.info(child).status == InstanceStatus::Running);
    let locked = truth.queues.locks.get(id).is_some_and(|lock| lock.until > now_ms);
    let wakes = |row: &Classified<'_>| {
        let sleeps = row.state == State::Delayed && row.message.attempts == 0;
        let timer = row.message.work_item.starts_with("{\"TimerFired\"");
        !(leaves_over(truth, row) || timer && sleeps)
    };
    runs || locked || of(truth, Table::Orchestrator, id, now_ms).iter().any(wakes)
}

fn entry(truth: &Truth, row: &Classified<'_>, table: Table) -> QueueEntry {
    let message = row.message;
    let timer = message.work_item.starts_with("{\"TimerFired\"");
    let state = MessageState::ALL.iter().find(|state| state.as_str() == row.state.name()).unwrap();
    // A renewal reaches the lock first.
    let lock = truth.queues.locks.get(&message.instance);
    let lock =
        lock.filter(|lock| message.lock_token.as_ref() == Some(&lock.token) && table == Table::Orchestrator);
    let leased = matches!(row.state, State::InFlight | State::LeaseExpired);
    let end =
        row.lease_end.max(lock.map(|lock| lock.until).filter(|_| truth.queues.rules == Rules::Postgres));
    QueueEntry {
        queue: match table {
            Table::Worker => Queue::Worker,
            Table::Orchestrator if timer => Queue::Timer,
            Table::Orchestrator => Queue::Orchestrator,
        },
        state: *state,
        attempts: u64::try_from(message.attempts).unwrap(),
        queued_at: message.created_at.map(moment),
        visible_at: message.visible_at.map(moment),
        leased_until: end.filter(|_| leased).map(moment),
    }
}

fn message(truth: &Truth, row: &Classified<'_>, table: Table) -> QueuedMessage {
    let entry = entry(truth, row, table);
    let Some((kind, fields)) = parts(&row.message.work_item) else {
        let (kind, name) = ("undecodable".to_owned(), None);
        return QueuedMessage { kind, name, event_id: None, execution_id: None, entry };
    };
    let text = |field: &str| fields[field].as_str().map(ToOwned::to_owned);
    let starts = fields["orchestration"].is_string();
    let number = |field: &str, of_parent: &str| {
        fields[field].as_u64().or_else(|| fields[of_parent].as_u64().filter(|_| !starts))
    };
    QueuedMessage {
        kind,
        name: text("name").or_else(|| text("orchestration")),
        event_id: number("id", "parent_id"),
        execution_id: number("execution_id", "parent_execution_id"),
        entry,
    }
}
