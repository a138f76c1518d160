//! What arrived, and whether it is what the rows say.

use std::collections::{BTreeMap, BTreeSet};

use duroxide_exporter::TraceIds;
use serde_json::Value;

use crate::truth::{Begun, Execution};

const ERROR: u64 = 2;
const CONSUMER: u64 = 5;

/// A link: what it leads to, and the ids of that.
type Link = (String, String, String);

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
        assert_root(execution, root);
        let mut begun = BTreeSet::new();
        for thing in &execution.begun {
            let id = hex(&ids.span_id(instance, *number, thing.event));
            let span = self.span(trace, &id);
            assert_is(thing, span);
            self.assert_linked_call(thing, span, ids);
            begun.insert(id);
        }
        for (id, span) in spans {
            assert_eq!(span["flags"], 1);
            let failed = span["attributes"]["duroxide.outcome"] == "failed";
            assert_eq!(span["status"] == ERROR, failed, "{span:#}");
            assert_eq!(span["attributes"]["error.type"].is_string(), failed, "{span:#}");
            if span["id"] == root["id"] {
                continue;
            }
            let parent = self.span(trace, span["parent"].as_str().unwrap());
            assert!(ms(&parent["start"]) <= ms(&span["start"]), "{span:#} in {parent:#}");
            let within = ms(&span["end"]) <= ms(&parent["end"]);
            assert!(
                within || span["attributes"]["duroxide.outcome"] == "cancelled",
                "{span:#} in {parent:#}"
            );
            if begun.contains(id) {
                assert!(!begun.contains(span["parent"].as_str().unwrap()), "{span:#} in {parent:#}");
            } else {
                assert_eq!(span["parent"], root["id"], "{span:#}");
                let first = self.assert_tries(span);
                assert_eq!(*id, hex(&ids.tries_span_id(instance, *number, first)), "{span:#}");
            }
        }
        self.assert_linked(execution, root, ids);
    }

    /// That a span which no event began is what the tries below it are. The event of the first.
    fn assert_tries(&self, call: &Value) -> u64 {
        let tries = self.below(call);
        let attributes =
            |key: &str| tries.iter().map(|one| one["attributes"][key].clone()).collect::<Vec<_>>();
        let attempts: Vec<Value> = (1..=tries.len()).map(Value::from).collect();
        assert!(tries.len() > 1, "nobody asked for {call:#}");
        assert_eq!(attributes("duroxide.attempt"), attempts, "{tries:#?}");
        assert_eq!(call["attributes"]["duroxide.attempts"], tries.len(), "{call:#}");
        assert!(tries.iter().all(|one| one["name"] == call["name"]), "{tries:#?}");
        let [first, last] = [tries[0], tries[tries.len() - 1]];
        assert_eq!((&call["start"], &call["end"]), (&first["start"], &last["end"]), "{call:#}");
        let outcome = "duroxide.outcome";
        assert_eq!(call["attributes"][outcome], last["attributes"][outcome], "{call:#}");
        first["attributes"]["duroxide.event.id"].as_u64().unwrap()
    }

    /// A call leads to the first execution of what it started, and nothing else leads anywhere.
    fn assert_linked_call(&self, thing: &Begun, span: &Value, ids: &TraceIds) {
        let Begun { what, started, .. } = thing;
        let links = linked(span);
        match started {
            Some(started) => assert_eq!(links, [root_of(ids, what, started, 1)], "{span:#}"),
            // A child that never began has no rows.
            None if *what == "child" => assert_eq!(links.len(), 1, "{span:#}"),
            None => assert_eq!(links, Vec::<Link>::new(), "{span:#}"),
        }
    }

    fn assert_linked(&self, execution: &Execution, root: &Value, ids: &TraceIds) {
        let Execution { instance, number, parent, outcome, .. } = execution;
        let mut links = Vec::new();
        if let Some((parent, execution, event)) = parent {
            let (trace, span) = (ids.trace_id(parent, *execution), ids.span_id(parent, *execution, *event));
            links.push(("parent".to_owned(), hex(&trace), hex(&span)));
        }
        if *number > 1 {
            links.push(root_of(ids, "continued_from", instance, number - 1));
        }
        if *outcome == "continued_as_new" {
            links.push(root_of(ids, "continued_as", instance, number + 1));
        }
        assert_eq!(linked(root), links, "{root:#}");
    }
}

fn assert_root(execution: &Execution, root: &Value) {
    let Execution { instance, number, outcome, began_ms, ended_ms, orchestration, moments, .. } = execution;
    assert_eq!((ms(&root["start"]), ms(&root["end"])), (*began_ms, *ended_ms), "{root:#}");
    assert_eq!((&root["name"], &root["parent"]), (&Value::from(&**orchestration), &Value::from("")));
    assert_eq!(root["kind"], CONSUMER);
    assert_eq!(root["attributes"]["duroxide.instance.id"], **instance);
    assert_eq!(root["attributes"]["duroxide.execution.id"], *number);
    assert_eq!(root["attributes"]["duroxide.orchestration.name"], **orchestration);
    assert_eq!(root["attributes"]["duroxide.outcome"], *outcome);
    let events = root["events"].as_array().unwrap().iter();
    let told: Vec<_> = events.map(|event| (event["name"].as_str().unwrap(), ms(&event["time"]))).collect();
    assert_eq!(told, *moments, "{root:#}");
}

fn assert_is(thing: &Begun, span: &Value) {
    let Begun { event, what, span_kind, name, ms: began, ends, .. } = thing;
    let prefix = match *what {
        "event" | "queue_event" => "wait for ",
        "detached" => "start ",
        _ => "",
    };
    assert_eq!(span["name"], format!("{prefix}{name}"));
    assert_eq!(span["kind"], *span_kind, "{span:#}");
    assert_eq!(span["attributes"]["duroxide.kind"], *what, "{span:#}");
    assert_eq!(span["attributes"]["duroxide.event.id"], *event, "{span:#}");
    assert_eq!(ms(&span["start"]), *began, "{span:#}");
    // A message may have been there before its wait, and the clocks of two workers differ.
    let is = |(outcome, at): &(&str, u64)| {
        span["attributes"]["duroxide.outcome"] == *outcome && ms(&span["end"]) == *at.max(began)
    };
    assert!(ends.iter().any(is), "{ends:?}: {span:#}");
}

fn root_of(ids: &TraceIds, relation: &str, instance: &str, number: u64) -> Link {
    (relation.to_owned(), hex(&ids.trace_id(instance, number)), hex(&ids.root_span_id(instance, number)))
}

fn linked(span: &Value) -> Vec<Link> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let links = span["links"].as_array().unwrap().iter();
    links
        .map(|link| (text(&link["attributes"]["duroxide.link"]), text(&link["trace"]), text(&link["id"])))
        .collect()
}

fn ms(nanoseconds: &Value) -> u64 {
    nanoseconds.as_u64().unwrap() / 1_000_000
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
