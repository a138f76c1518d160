use std::collections::{BTreeMap, BTreeSet};

use duroxide_exporter::TraceIds;
use scenarios::recount::Rows;
use serde_json::Value;

/// Events that begin what has a span, and the outcome of executions by the events that end them.
const BEGIN: [&str; 6] = [
    "ActivityScheduled",
    "TimerCreated",
    "ExternalSubscribed",
    "ExternalSubscribedPersistent",
    "SubOrchestrationScheduled",
    "OrchestrationChained",
];
const END: [(&str, &str); 3] = [
    ("OrchestrationCompleted", "completed"),
    ("OrchestrationFailed", "failed"),
    ("OrchestrationContinuedAsNew", "continued_as_new"),
];

/// An execution that has ended, by its rows.
#[derive(Debug)]
pub(crate) struct Execution {
    instance: String,
    number: u64,
    outcome: &'static str,
    began_ms: u64,
    ended_ms: u64,
    orchestration: String,
    /// Instance, execution and event of the call that it is.
    parent: Option<(String, u64, u64)>,
    /// Event and name of what has a span.
    begun: Vec<(u64, String)>,
}

/// Every execution that has ended.
pub(crate) fn ended(rows: &Rows) -> Vec<Execution> {
    let mut executions: BTreeMap<(&str, i64), Vec<Value>> = BTreeMap::new();
    for row in &rows.history {
        let event = serde_json::from_str(&row.data).expect("an event");
        executions.entry((&row.instance, row.execution)).or_default().push(event);
    }
    executions
        .into_iter()
        .filter_map(|((instance, number), events)| execution(instance, number, &events))
        .collect()
}

fn execution(instance: &str, number: i64, events: &[Value]) -> Option<Execution> {
    let kind = |event: &Value| event["type"].as_str().unwrap().to_owned();
    let ms = |event: &Value| event["timestamp_ms"].as_u64().unwrap();
    let (end, outcome) = events
        .iter()
        .find_map(|event| Some((event, END.iter().find(|(name, _)| *name == kind(event))?.1)))?;
    let start = &events[0];
    assert_eq!(kind(start), "OrchestrationStarted");
    let begins = |event: &&Value| BEGIN.contains(&kind(event).as_str());
    let name = |event: &Value| event["name"].as_str().unwrap_or("timer").to_owned();
    let begun = events.iter().filter(begins).map(|event| (event["event_id"].as_u64().unwrap(), name(event)));
    Some(Execution {
        instance: instance.to_owned(),
        number: number.try_into().unwrap(),
        outcome,
        began_ms: ms(start),
        ended_ms: ms(end),
        orchestration: name(start),
        parent: start["parent_instance"].as_str().map(|parent| {
            let number = |field: &str| start[field].as_u64().unwrap();
            (parent.to_owned(), number("parent_execution_id"), number("parent_id"))
        }),
        begun: begun.filter(|(_, name)| !name.starts_with("__duroxide_syscall:")).collect(),
    })
}

/// What arrived, each span once.
#[derive(Debug, Default)]
pub(crate) struct Received {
    traces: BTreeMap<String, BTreeMap<String, Value>>,
}

impl Received {
    /// From the lines of receivers. A span that comes again is the same.
    pub(crate) fn of(lines: &[Value]) -> Self {
        let mut received = Self::default();
        for span in lines
            .iter()
            .filter(|line| line["answer"] == "ok")
            .flat_map(|line| line["spans"].as_array().unwrap())
        {
            let [trace, id] = ["trace", "id"].map(|key| span[key].as_str().unwrap().to_owned());
            if let Some(before) = received.traces.entry(trace).or_default().insert(id, span.clone()) {
                assert_eq!(&before, span, "the same ids, another span");
            }
        }
        received
    }

    /// How many of them have their root.
    pub(crate) fn traces(&self) -> usize {
        self.traces.values().filter(|spans| spans.values().any(|span| span["parent"] == "")).count()
    }

    /// The only span with this name.
    pub(crate) fn named(&self, name: &str) -> &Value {
        let spans: Vec<&Value> =
            self.traces.values().flat_map(BTreeMap::values).filter(|span| span["name"] == name).collect();
        assert_eq!(spans.len(), 1, "{name}: {spans:#?}");
        spans[0]
    }

    /// Below one span, by start.
    pub(crate) fn below(&self, parent: &Value) -> Vec<&Value> {
        let spans = &self.traces[parent["trace"].as_str().unwrap()];
        let mut below: Vec<&Value> = spans.values().filter(|span| span["parent"] == parent["id"]).collect();
        below.sort_by_key(|span| span["start"].as_u64());
        below
    }

    fn span(&self, trace: &str, id: &str) -> &Value {
        let spans = self.traces.get(trace).unwrap_or_else(|| panic!("trace {trace} did not arrive"));
        spans.get(id).unwrap_or_else(|| panic!("span {id} of trace {trace} did not arrive: {spans:#?}"))
    }

    /// That exactly these executions arrived, whole and right. How many spans that were.
    pub(crate) fn assert_is(&self, executions: &[Execution]) -> usize {
        let ids = TraceIds::new("");
        let mut wanted = BTreeSet::new();
        for execution in executions {
            let trace = hex(&ids.trace_id(&execution.instance, execution.number));
            self.assert_has(execution, &trace, &ids);
            wanted.insert(trace);
        }
        let there: BTreeSet<String> = self.traces.keys().cloned().collect();
        assert_eq!(
            there.difference(&wanted).collect::<Vec<_>>(),
            Vec::<&String>::new(),
            "nothing else arrived"
        );
        self.traces.values().map(BTreeMap::len).sum()
    }

    fn assert_has(&self, execution: &Execution, trace: &str, ids: &TraceIds) {
        let Execution { instance, number, .. } = execution;
        let spans = self.traces.get(trace).unwrap_or_else(|| panic!("{instance} {number} did not arrive"));
        let root = self.span(trace, &hex(&ids.root_span_id(instance, *number)));
        let ms = |value: &Value| value.as_u64().unwrap() / 1_000_000;
        assert_eq!(
            (ms(&root["start"]), ms(&root["end"])),
            (execution.began_ms, execution.ended_ms),
            "{root:#}"
        );
        assert_eq!(root["name"], execution.orchestration);
        assert_eq!(root["parent"], "");
        assert_eq!(root["attributes"]["duroxide.instance.id"], *instance);
        assert_eq!(root["attributes"]["duroxide.execution.id"], *number);
        assert_eq!(root["attributes"]["duroxide.outcome"], execution.outcome);
        let failed = execution.outcome == "failed";
        assert_eq!(root["status"] == 2, failed, "{root:#}");
        assert_eq!(root["attributes"]["error.type"].is_string(), failed, "{root:#}");

        let mut begun = BTreeSet::new();
        for (event, name) in &execution.begun {
            let id = hex(&ids.span_id(instance, *number, *event));
            let span = self.span(trace, &id);
            assert!(span["name"].as_str().unwrap().ends_with(name), "{name}: {span:#}");
            begun.insert(id);
        }
        for (id, span) in spans {
            let is_root = span["id"] == root["id"];
            if !is_root && !begun.contains(id) {
                assert!(
                    span["attributes"]["duroxide.attempts"].as_u64().unwrap() > 1,
                    "nobody asked for {span:#}"
                );
            }
            assert_eq!(span["flags"], 1);
            assert!(ms(&span["start"]) <= ms(&span["end"]), "{span:#}");
            if is_root {
                continue;
            }
            let parent = self.span(trace, span["parent"].as_str().unwrap());
            assert!(ms(&parent["start"]) <= ms(&span["start"]), "{span:#} in {parent:#}");
            let within = ms(&span["end"]) <= ms(&parent["end"]);
            assert!(
                within || span["attributes"]["duroxide.outcome"] == "cancelled",
                "{span:#} in {parent:#}"
            );
        }
        self.assert_linked(execution, root, ids);
    }

    fn assert_linked(&self, execution: &Execution, root: &Value, ids: &TraceIds) {
        let Execution { instance, number, parent, outcome, .. } = execution;
        let root_of = |instance: &str, number| {
            (hex(&ids.trace_id(instance, number)), hex(&ids.root_span_id(instance, number)))
        };
        let mut links = Vec::new();
        if let Some((parent, execution, event)) = parent {
            let call =
                (hex(&ids.trace_id(parent, *execution)), hex(&ids.span_id(parent, *execution, *event)));
            // The parent may still run. If not, its call knows the child's first execution.
            if let Some(call) = self.traces.get(&call.0).map(|spans| &spans[&call.1]) {
                assert_eq!(linked(call), [root_of(instance, 1)], "{call:#}");
            }
            links.push(call);
        }
        if *number > 1 {
            links.push(root_of(instance, number - 1));
        }
        if *outcome == "continued_as_new" {
            links.push(root_of(instance, number + 1));
        }
        assert_eq!(linked(root), links, "{root:#}");
    }
}

fn linked(span: &Value) -> Vec<(String, String)> {
    let links = span["links"].as_array().unwrap().iter();
    links
        .map(|link| (link["trace"].as_str().unwrap().to_owned(), link["id"].as_str().unwrap().to_owned()))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
