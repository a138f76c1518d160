//! A history in memory, followed with every interruption there may be, against one look at all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::follow::Follower;
use super::*;
use crate::labels::{EventType, ExecutionOutcome, FailureKind, InstanceStatus, Outcome};
use crate::source::{
    Alone, Batch, Census, Chunk, Columns, ExecutionKey, InstanceCensus, InstanceCount, Mode, Position,
    Reading, Request, RunningInstance, Source, SourceError, Start, StoreFacts, StoreKind, Take,
};
use crate::telemetry::Telemetry;

const LIMIT: Duration = Duration::from_secs(5);

/// A store of events that are numbered as they come.
#[derive(Debug, Default, Clone)]
struct Store {
    rows: BTreeMap<u64, Alone>,
    newest: u64,
    /// Events of one step.
    step: usize,
    /// Reads that fail from now on.
    failures: usize,
    now_ms: u64,
    /// Rows whose text nobody can read; their columns are right.
    unreadable: BTreeSet<u64>,
}

impl Store {
    #[expect(clippy::needless_pass_by_value, reason = "every caller makes it")]
    fn write(
        &mut self,
        instance: &str,
        execution: u64,
        id: u64,
        source: Option<u64>,
        kind: &str,
        rest: serde_json::Value,
    ) {
        self.newest += 1;
        self.now_ms += 7;
        // Whose it is, nobody may ask the text: the framework's version 0.1.27 left that empty.
        let mut event = json!({
            "event_id": id, "source_event_id": source, "instance_id": "", "execution_id": 0,
            "timestamp_ms": self.now_ms, "duroxide_version": "0.1.32", "type": kind,
        });
        event.as_object_mut().unwrap().extend(rest.as_object().cloned().unwrap_or_default());
        let key = ExecutionKey { instance_id: instance.into(), execution_id: execution };
        let row = Alone { key, event_id: id, event_type: String::new(), text: Some(event.to_string()) };
        self.rows.insert(self.newest, row);
    }

    fn events(&self) -> Vec<(u64, serde_json::Value)> {
        let whole = |row: &Alone| {
            let mut event: serde_json::Value = serde_json::from_str(row.text.as_ref().unwrap()).unwrap();
            event["instance_id"] = json!(row.key.instance_id);
            event["execution_id"] = json!(row.key.execution_id);
            event
        };
        self.rows.iter().map(|(number, row)| (*number, whole(row))).collect()
    }

    fn instances(&self) -> InstanceCensus {
        let mut current: BTreeMap<String, (u64, String, &str)> = BTreeMap::new();
        for (_, event) in self.events() {
            let id = event["instance_id"].as_str().unwrap().to_owned();
            let execution = event["execution_id"].as_u64().unwrap();
            match event["type"].as_str().unwrap() {
                "OrchestrationStarted" => {
                    current.insert(id, (execution, event["name"].as_str().unwrap().to_owned(), "Running"));
                }
                "OrchestrationCompleted" => current.get_mut(&id).unwrap().2 = "Completed",
                "OrchestrationFailed" => current.get_mut(&id).unwrap().2 = "Failed",
                _ => {}
            }
        }
        let counts = current.values().map(|(_, name, status)| InstanceCount {
            orchestration: name.as_str().into(),
            version: "1".into(),
            status: InstanceStatus::from_framework(Some(status)),
            count: 1,
        });
        let running = current.iter().filter(|(_, (_, _, status))| *status == "Running");
        InstanceCensus {
            counts: counts.collect(),
            running: running
                .map(|(id, (execution, name, _))| RunningInstance {
                    key: ExecutionKey { instance_id: id.as_str().into(), execution_id: *execution },
                    orchestration: name.as_str().into(),
                    version: "1".into(),
                    started_ms: None,
                })
                .collect(),
        }
    }

    fn chunk(&self, number: u64, row: &Alone) -> Chunk {
        let text = row.text.clone().filter(|_| !self.unreadable.contains(&number));
        let alone = Chunk::One(Alone { text, ..row.clone() });
        let mut columns = Columns::default();
        let mut joined = true;
        alone.each(|row| joined = columns.push(row));
        if joined { Chunk::Joined(columns) } else { alone }
    }

    fn after(&self, row: u64) -> Batch {
        let rows: Vec<_> = self.rows.range(row + 1..).take(self.step).collect();
        let last = rows.last().map_or(row, |(row, _)| **row);
        let chunks = rows.iter().map(|(number, row)| self.chunk(**number, row)).collect();
        Batch {
            chunks,
            began: Position(json!(row)),
            position: Position(json!(last)),
            backlog: self.rows.range(last + 1..).count() as u64,
            missed: last - row - rows.len() as u64,
            rewritten: 0,
            rewound: false,
            lost: None,
        }
    }
}

#[async_trait::async_trait]
impl Source for Store {
    async fn read(&mut self, request: Request<'_>, _limit: Duration) -> Result<Reading, SourceError> {
        if self.failures > 0 {
            self.failures -= 1;
            return Err(SourceError::new(crate::labels::FailureReason::Other, "broken"));
        }
        let history = request.history.map(|start| match start {
            Start::Now { .. } => Batch {
                chunks: Vec::new(),
                backlog: 0,
                missed: 0,
                rewritten: 0,
                ..Store { step: 0, ..self.clone() }.after(self.newest)
            },
            Start::Beginning => self.after(0),
            Start::After(position) => self.after(position.0.as_u64().unwrap()),
        });
        let instances = self.instances();
        let census = request.census.then(|| Census {
            now_ms: i64::try_from(self.now_ms).unwrap(),
            store: StoreFacts {
                kind: const { &StoreKind::of("memory") },
                schema: String::new(),
                mode: Mode::Live,
                last_replay_age_ms: None,
                replication: None,
                clock_skew_ms: Vec::new(),
                sizes: Vec::new(),
                notes: Vec::new(),
            },
            identity: Some("memory".to_owned()),
            queues: None,
            waiting: Some(Default::default()),
            total_instances: Some(instances.counts.len() as u64),
            instances: request.recount.then_some(instances),
        });
        Ok(Reading { census, history })
    }

    async fn recall(
        &mut self,
        executions: &[ExecutionKey],
        position: &Position,
        _limit: Duration,
        take: &mut Take<'_>,
    ) -> Result<(), SourceError> {
        for key in executions {
            let rows = self.rows.range(..=position.0.as_u64().unwrap()).filter(|(_, row)| row.key == *key);
            rows.for_each(|(number, row)| take(&self.chunk(*number, row)));
        }
        Ok(())
    }
}

/// What may happen.
#[derive(Debug, Clone)]
enum Act {
    /// The next thing in the life of an instance.
    Live {
        instance: u8,
        choice: u8,
    },
    Poll,
    Step,
    Fail,
    Restart,
    /// A recount that nothing calls for.
    Recount,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => (0_u8..5, any::<u8>()).prop_map(|(instance, choice)| Act::Live { instance, choice }),
        2 => Just(Act::Poll),
        1 => Just(Act::Step),
        1 => Just(Act::Fail),
        1 => Just(Act::Restart),
        1 => Just(Act::Recount),
    ]
}

/// An instance as the runtime has it.
#[derive(Debug, Default)]
struct Life {
    execution: u64,
    next: u64,
    open: Vec<(u64, &'static str)>,
    ended: bool,
}

impl Life {
    fn live(&mut self, store: &mut Store, id: &str, choice: u8) {
        if self.ended {
            return;
        }
        if self.execution == 0 {
            self.start(store, id);
            return;
        }
        let event_id = self.next;
        self.next += 1;
        let mut write = |source, kind, rest| store.write(id, self.execution, event_id, source, kind, rest);
        match choice % 8 {
            0 | 1 => {
                write(
                    None,
                    "ActivityScheduled",
                    json!({"name": format!("act-{}", choice % 3), "input": "x"}),
                );
                self.open.push((event_id, "Activity"));
            }
            2 => {
                write(
                    None,
                    "SubOrchestrationScheduled",
                    json!({"name": "kid", "instance": "sub::2", "input": ""}),
                );
                self.open.push((event_id, "SubOrchestration"));
            }
            3 => {
                write(None, "TimerCreated", json!({"fire_at_ms": 1}));
                self.open.push((event_id, "Timer"));
            }
            4 | 5 if !self.open.is_empty() => {
                let (source, what) = self.open.remove(usize::from(choice) % self.open.len());
                let (kind, rest) = match (what, choice % 3) {
                    ("Timer", _) => ("TimerFired", json!({"fire_at_ms": 1})),
                    ("Activity", 0) => ("ActivityFailed", json!({"details": {"Poison": {}}})),
                    ("Activity", 1) => ("ActivityCancelRequested", json!({"reason": "dropped_future"})),
                    ("Activity", _) => ("ActivityCompleted", json!({"result": ""})),
                    (_, 0) => ("SubOrchestrationFailed", json!({"details": {}})),
                    _ => ("SubOrchestrationCompleted", json!({"result": ""})),
                };
                write(Some(source), kind, rest);
            }
            6 => write(None, "ExternalEvent", json!({"name": "n", "data": "d"})),
            7 if choice > 128 => {
                let kind = ["OrchestrationCompleted", "OrchestrationFailed", "OrchestrationContinuedAsNew"]
                    [usize::from(choice % 3)];
                write(None, kind, json!({"output": "", "details": {"Application": {"kind": "Panicked"}}}));
                // The framework clears up behind the end.
                for (source, what) in std::mem::take(&mut self.open) {
                    if what == "Activity" {
                        let reason = json!({"reason": "orchestration_terminal_completed"});
                        store.write(
                            id,
                            self.execution,
                            self.next,
                            Some(source),
                            "ActivityCancelRequested",
                            reason,
                        );
                        self.next += 1;
                    }
                }
                match kind {
                    "OrchestrationContinuedAsNew" => self.start(store, id),
                    _ => self.ended = true,
                }
            }
            _ => write(None, "FromTheFuture", json!({"name": ["odd"]})),
        }
    }

    fn start(&mut self, store: &mut Store, id: &str) {
        self.execution += 1;
        self.next = 2;
        let name = format!("orch-{}", id.len() % 2);
        store.write(
            id,
            self.execution,
            1,
            None,
            "OrchestrationStarted",
            json!({"name": name, "version": "1", "input": ""}),
        );
    }
}

/// What all events from a row on add up to, by looking at all of them at once.
#[derive(Debug, Default, PartialEq)]
struct Truth(BTreeMap<String, u64>);

impl Truth {
    fn of(events: &[(u64, serde_json::Value)], from: u64) -> Self {
        let mut truth = Self::default();
        let mut add = |what: String, n: u64| *truth.0.entry(what).or_default() += n;
        for (row, event) in events.iter().filter(|(row, _)| *row > from) {
            let kind = event["type"].as_str().unwrap();
            add(format!("type {:?}", EventType::from_framework(kind)), 1);
            let same = |other: &serde_json::Value| {
                other["instance_id"] == event["instance_id"] && other["execution_id"] == event["execution_id"]
            };
            let own: Vec<_> = events
                .iter()
                .filter(|(at, other)| at <= row && same(other))
                .map(|(_, other)| other)
                .collect();
            let time = |event: &serde_json::Value| event["timestamp_ms"].as_u64().unwrap();
            let began = own.iter().find(|other| other["event_id"] == event["source_event_id"]);
            let first_end =
                own.iter().filter(|other| other["source_event_id"] == event["source_event_id"]).count() == 1;
            match (kind, began) {
                ("OrchestrationStarted", _) => add(format!("started {}", event["name"]), 1),
                ("OrchestrationCompleted" | "OrchestrationFailed" | "OrchestrationContinuedAsNew", _) => {
                    add(format!("{kind} {} ms", own[0]["name"]), time(event) - time(own[0]));
                    add(format!("{kind} {}", own[0]["name"]), 1);
                    add(format!("{kind} {} events", own[0]["name"]), own.len() as u64);
                }
                ("ActivityScheduled", _) => add(format!("scheduled {}", event["name"]), 1),
                ("SubOrchestrationScheduled", _) => add("child scheduled".to_owned(), 1),
                (kind, Some(began)) if first_end => {
                    add(format!("{kind} {}", began["name"]), 1);
                    add(format!("{kind} {} ms", began["name"]), time(event) - time(began).min(time(event)));
                }
                _ => {}
            }
        }
        truth.0.retain(|_, n| *n > 0);
        truth
    }

    fn told(totals: &Totals) -> Self {
        let mut told = Self::default();
        let mut add = |what: String, n: u64| *told.0.entry(what).or_default() += n;
        for kind in EventType::ALL {
            add(format!("type {kind:?}"), totals.events.get(kind));
        }
        for ((name, _), executions) in totals.executions.iter() {
            add(format!("started {name:?}"), executions.started);
            add(format!("OrchestrationCompleted {name:?}"), executions.completed);
            add(format!("OrchestrationFailed {name:?}"), executions.failed.get(&FailureKind::Panicked));
            add(format!("OrchestrationContinuedAsNew {name:?}"), executions.continued_as_new);
        }
        for (name, orchestration) in totals.orchestrations.iter() {
            for (outcome, ended) in ExecutionOutcome::ALL.iter().zip(&orchestration.by_outcome) {
                add(format!("Orchestration{outcome:?} {name:?} ms"), ended.duration.sum());
                add(format!("Orchestration{outcome:?} {name:?} events"), ended.events.sum());
            }
        }
        let ending = |outcome: &Outcome| match outcome {
            Outcome::Completed => "Completed",
            Outcome::Failed => "Failed",
            Outcome::Cancelled => "CancelRequested",
        };
        for (name, activity) in totals.activities.iter() {
            add(format!("scheduled {name:?}"), activity.scheduled);
            for (outcome, roundtrip) in Outcome::ALL.iter().zip(&activity.roundtrip) {
                add(format!("Activity{} {name:?}", ending(outcome)), roundtrip.count());
                add(format!("Activity{} {name:?} ms", ending(outcome)), roundtrip.sum());
            }
        }
        for (name, child) in totals.children.iter() {
            add("child scheduled".to_owned(), child.scheduled);
            for (outcome, n) in Outcome::ALL.iter().zip(child.finished) {
                add(format!("SubOrchestration{} {name:?}", ending(outcome)), n);
            }
        }
        told.0.retain(|_, n| *n > 0);
        told
    }
}

/// What the truth says that the totals do not: they know no times of children and of timers.
fn comparable(mut truth: Truth) -> Truth {
    truth.0.retain(|what, _| {
        let untold =
            (what.starts_with("SubOrchestration") && what.ends_with(" ms")) || what.starts_with("TimerFired");
        !untold
    });
    truth
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

proptest! {
    #[test]
    fn however_it_is_followed_everything_counts_once(
        before in prop::collection::vec((0_u8..5, any::<u8>()), 0..40),
        acts in prop::collection::vec(act(), 0..80),
        step in 1_usize..6,
        backfill in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let telemetry = Telemetry::new(crate::observe::DURATION_MS);
        let open = || Follower::new("s", 3, backfill, Some(crate::state::StateFile::open(folder.path(), "s").unwrap()));
        let mut store = Store { step, now_ms: 1_000_000, ..Store::default() };
        let mut lives: Vec<Life> = (0..5).map(|_| Life::default()).collect();
        let mut live = |store: &mut Store, instance: u8, choice: u8| {
            let id = "i".repeat(1 + usize::from(instance));
            lives[usize::from(instance)].live(store, &id, choice);
        };
        for (instance, choice) in before {
            live(&mut store, instance, choice);
        }
        let mut from = if backfill { Some(0) } else { None };
        block_on(async {
            let mut follower = Some(open());
            for act in acts {
                let followed = follower.as_mut().unwrap();
                match act {
                    Act::Live { instance, choice } => live(&mut store, instance, choice),
                    Act::Poll => {
                        if followed.observe("s", &mut store, LIMIT).await.is_ok() {
                            from.get_or_insert(store.newest);
                            followed.save("s", &telemetry).await;
                        }
                    }
                    Act::Step => {
                        // Nothing is followed before the first poll.
                        if from.is_some() && followed.step("s", &mut store, LIMIT).await.is_ok() {
                            followed.save("s", &telemetry).await;
                        }
                    }
                    Act::Fail => store.failures += 1,
                    Act::Restart => {
                        // The lock first.
                        drop(follower.take());
                        follower = Some(open());
                    }
                    Act::Recount => followed.recount_now(),
                }
            }
            store.failures = 0;
            let mut follower = follower.unwrap();
            let (mut census, mut view) = follower.observe("s", &mut store, LIMIT).await.unwrap();
            while follower.is_behind() {
                follower.step("s", &mut store, LIMIT).await.unwrap();
                (census, view) = follower.observe("s", &mut store, LIMIT).await.unwrap();
            }
            let view = view.unwrap();
            let events = store.events();
            let from = from.unwrap_or(store.newest);
            prop_assert_eq!(comparable(Truth::told(&view.totals)), comparable(Truth::of(&events, from)));
            prop_assert_eq!((view.totals.missed, view.totals.mismatches, view.backlog), (0, 0, 0));
            let mut told: BTreeMap<_, u64> = BTreeMap::new();
            for row in &census.instances.unwrap().counts {
                *told.entry((row.orchestration.clone(), row.status)).or_default() += row.count;
            }
            let mut counted: BTreeMap<_, u64> = BTreeMap::new();
            for row in store.instances().counts {
                *counted.entry((row.orchestration, row.status)).or_default() += row.count;
            }
            prop_assert_eq!(told, counted);
            let running: u64 = view.survey.unwrap().runtime_versions.values().sum();
            prop_assert_eq!(running, store.instances().running.len() as u64);
            Ok(())
        })?;
    }
}

#[test]
fn what_was_deleted_is_noticed_and_is_no_mismatch() {
    block_on(async {
        let mut store = Store { step: 100, ..Store::default() };
        let mut lives: Vec<Life> = (0..5).map(|_| Life::default()).collect();
        for (n, life) in lives.iter_mut().enumerate() {
            let id = "i".repeat(n + 1);
            life.live(&mut store, &id, 0);
            life.live(&mut store, &id, 0);
        }
        let mut follower = Follower::new("s", 10, false, None);
        follower.observe("s", &mut store, LIMIT).await.unwrap();
        while follower.is_behind() {
            follower.step("s", &mut store, LIMIT).await.unwrap();
        }
        // One that ran, and one that began in the meantime, unseen.
        store.rows.retain(|_, row| &*row.key.instance_id != "iii");
        store.write("unseen", 1, 1, None, "OrchestrationStarted", json!({"name": "o", "version": "1"}));
        store.rows.remove(&store.newest.clone());
        store.write("seen", 1, 1, None, "OrchestrationStarted", json!({"name": "o", "version": "1"}));
        let (census, view) = follower.observe("s", &mut store, LIMIT).await.unwrap();
        let totals = view.unwrap().totals;
        assert_eq!(census.instances.unwrap().counts.iter().map(|row| row.count).sum::<u64>(), 5);
        assert_eq!((totals.missed, totals.mismatches), (1, 0));

        // Somebody's edit is a mismatch.
        let edited = store.rows.get_mut(&1).unwrap().text.as_mut().unwrap();
        *edited = edited.replace("orch-1", "edited");
        follower.recount_now();
        let (_, view) = follower.observe("s", &mut store, LIMIT).await.unwrap();
        assert_eq!(view.unwrap().totals.mismatches, 1);
    });
}

#[test]
fn what_cannot_be_read_runs_and_ends_all_the_same() {
    block_on(async {
        let mut store = Store { step: 100, ..Store::default() };
        let started = json!({"name": "o", "version": "1"});
        for id in ["damaged", "whole"] {
            store.write(id, 1, 1, None, "OrchestrationStarted", started.clone());
            store.write(id, 1, 2, None, "ExternalSubscribed", json!({"name": "go"}));
        }
        let mut follower = Follower::new("s", 10, true, None);
        // The framework's tables say that it runs, whatever its first event says.
        store.unreadable = BTreeSet::from([1]);
        let mut view = None;
        for _ in 0..3 {
            view = follower.observe("s", &mut store, LIMIT).await.unwrap().1;
            while follower.is_behind() {
                follower.step("s", &mut store, LIMIT).await.unwrap();
            }
        }
        let view = view.unwrap();
        let waits = view.survey.unwrap().orchestrations;
        assert_eq!(waits.values().flat_map(|waits| waits.reasons).sum::<u64>(), 2, "{waits:?}");
        assert_eq!(view.totals.events.get(&EventType::Undecodable), 1);

        // One ends by an event that is too large: its column tells.
        store.write("whole", 1, 3, None, "OrchestrationFailed", json!({}));
        store.rows.get_mut(&store.newest.clone()).unwrap().event_type = "OrchestrationFailed".to_owned();
        store.unreadable.insert(store.newest);
        let totals = follower.observe("s", &mut store, LIMIT).await.unwrap().1.unwrap().totals;
        let failed: u64 =
            totals.executions.iter().map(|(_, totals)| totals.failed.get(&FailureKind::Unknown)).sum();
        assert_eq!(failed, 1);
        assert_eq!(totals.events.get(&EventType::Undecodable), 2);
    });
}
