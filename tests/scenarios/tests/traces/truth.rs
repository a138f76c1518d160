//! What the rows of the history say should arrive.

use std::collections::BTreeMap;

use scenarios::recount::Rows;
use serde_json::Value;

/// Events that begin what has a span: what it is, and the kind its span has.
const BEGIN: [(&str, &str, u64); 6] = [
    ("ActivityScheduled", "activity", INTERNAL),
    ("TimerCreated", "timer", INTERNAL),
    ("ExternalSubscribed", "event", INTERNAL),
    ("ExternalSubscribedPersistent", "queue_event", INTERNAL),
    ("SubOrchestrationScheduled", "child", 3),
    ("OrchestrationChained", "detached", 4),
];
const INTERNAL: u64 = 1;

/// Events that name what they end, and how that ends.
const ANSWER: [(&str, &str); 7] = [
    ("ActivityCompleted", "completed"),
    ("ActivityFailed", "failed"),
    ("ActivityCancelRequested", "cancelled"),
    ("TimerFired", "completed"),
    ("SubOrchestrationCompleted", "completed"),
    ("SubOrchestrationFailed", "failed"),
    ("SubOrchestrationCancelRequested", "cancelled"),
];

/// Events of the root's span.
const MOMENTS: [(&str, &str); 6] = [
    ("OrchestrationCancelRequested", "cancel_requested"),
    ("CustomStatusUpdated", "custom_status"),
    ("KeyValueSet", "key_value"),
    ("KeyValueCleared", "key_value"),
    ("KeyValuesCleared", "key_value"),
    ("OrchestrationContinuedAsNew", "continue_as_new"),
];

/// Events that end executions, and how those end.
const END: [(&str, &str); 3] = [
    ("OrchestrationCompleted", "completed"),
    ("OrchestrationFailed", "failed"),
    ("OrchestrationContinuedAsNew", "continued_as_new"),
];

/// How executions end.
pub(crate) const OUTCOMES: [&str; 3] = [END[0].1, END[1].1, END[2].1];

/// An execution that has ended, by its rows.
#[derive(Debug)]
pub(crate) struct Execution {
    pub(crate) instance: String,
    pub(crate) number: u64,
    pub(crate) outcome: &'static str,
    pub(crate) began_ms: u64,
    pub(crate) ended_ms: u64,
    pub(crate) orchestration: String,
    /// The call that it is.
    pub(crate) parent: Option<Call>,
    pub(crate) begun: Vec<Begun>,
    /// What is told as an event of the root, and when it was.
    pub(crate) moments: Vec<(&'static str, u64)>,
}

/// Instance, execution and event of what began a child.
pub(crate) type Call = (String, u64, u64);

/// What has a span.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) event: u64,
    pub(crate) what: &'static str,
    pub(crate) span_kind: u64,
    pub(crate) name: String,
    pub(crate) ms: u64,
    /// How it ended, and when that may have been.
    pub(crate) ends: Vec<(&'static str, u64)>,
    /// The instance it started, where rows tell.
    pub(crate) started: Option<String>,
}

/// Every execution that has ended.
pub(crate) fn ended(rows: &Rows) -> Vec<Execution> {
    let mut executions: BTreeMap<(&str, i64), Vec<Value>> = BTreeMap::new();
    for row in &rows.history {
        let event: Value = serde_json::from_str(&row.data).expect("JSON");
        // A test may have written damage.
        if event["type"].is_string() {
            executions.entry((&row.instance, row.execution)).or_default().push(event);
        }
    }
    let mut children = BTreeMap::new();
    for ((instance, _), events) in executions.iter().filter(|((_, number), _)| *number == 1) {
        children.extend(parent(&events[0]).map(|call| (call, (*instance).to_owned())));
    }
    executions
        .into_iter()
        .filter_map(|((instance, number), events)| execution(instance, number, &events, &children))
        .collect()
}

/// How many ended in which way.
pub(crate) fn outcomes(executions: &[Execution]) -> BTreeMap<&'static str, f64> {
    let mut outcomes = BTreeMap::new();
    for execution in executions {
        *outcomes.entry(execution.outcome).or_default() += 1.0;
    }
    outcomes
}

fn execution(
    instance: &str,
    number: i64,
    events: &[Value],
    children: &BTreeMap<Call, String>,
) -> Option<Execution> {
    let (end, outcome) = events.iter().find_map(|event| Some((event, of(&END, event)?)))?;
    let start = &events[0];
    assert_eq!(kind(start), "OrchestrationStarted");
    let number = number.try_into().unwrap();
    let begun = events.iter().filter_map(|event| {
        let (_, what, span_kind) = BEGIN.into_iter().find(|(name, ..)| *name == kind(event))?;
        let id = event["event_id"].as_u64().unwrap();
        let started = match what {
            "child" => children.get(&(instance.to_owned(), number, id)).cloned(),
            "detached" => event["instance"].as_str().map(str::to_owned),
            _ => None,
        };
        let ends = ends(what, event, events, ms(end));
        Some(Begun { event: id, what, span_kind, name: name(event), ms: ms(event), ends, started })
    });
    Some(Execution {
        instance: instance.to_owned(),
        number,
        outcome,
        began_ms: ms(start),
        ended_ms: ms(end),
        orchestration: name(start),
        parent: parent(start),
        begun: begun.filter(|begun| !begun.name.starts_with("__duroxide_syscall:")).collect(),
        moments: events.iter().filter_map(|event| Some((of(&MOMENTS, event)?, ms(event)))).collect(),
    })
}

/// The ends that something may have had: one, but for waits, whose events do not say whom they answer.
fn ends(what: &str, begun: &Value, events: &[Value], end_ms: u64) -> Vec<(&'static str, u64)> {
    let with_execution = ("cancelled", end_ms);
    let about_it = |event: &&Value| event["source_event_id"] == begun["event_id"];
    match what {
        "detached" => vec![("completed", ms(begun))],
        "event" | "queue_event" => {
            let arrival = if what == "event" { "ExternalEvent" } else { "ExternalEventPersistent" };
            let arrived =
                events.iter().filter(|event| kind(event) == arrival && event["name"] == begun["name"]);
            let given_up = events.iter().filter(about_it).map(|event| ("cancelled", ms(event)));
            arrived.map(|event| ("completed", ms(event))).chain(given_up).chain([with_execution]).collect()
        }
        _ => {
            let mut answers = events.iter().filter(about_it);
            vec![answers.find_map(|event| Some((of(&ANSWER, event)?, ms(event)))).unwrap_or(with_execution)]
        }
    }
}

fn of(table: &[(&str, &'static str)], event: &Value) -> Option<&'static str> {
    table.iter().find(|(name, _)| *name == kind(event)).map(|(_, what)| *what)
}

fn kind(event: &Value) -> &str {
    event["type"].as_str().unwrap()
}

fn ms(event: &Value) -> u64 {
    event["timestamp_ms"].as_u64().unwrap()
}

fn name(event: &Value) -> String {
    event["name"].as_str().unwrap_or("timer").to_owned()
}

fn parent(start: &Value) -> Option<Call> {
    let number = |field: &str| start[field].as_u64().unwrap();
    let parent = start["parent_instance"].as_str()?;
    Some((parent.to_owned(), number("parent_execution_id"), number("parent_id")))
}
