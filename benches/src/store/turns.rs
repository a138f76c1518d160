//! Histories as the framework writes them, turn by turn, as SQL that fills a store within minutes.
//!
//! An orchestration takes activity after activity, and every third time sleeps instead. Each turn has two events: what it
//! waited for has ended, and the next begins; the first has the start and the last the end. Instances are numbered from 1
//! and take their turns together, as under a runtime that works on many of them: rows are in the order of their commits.

use std::time::{SystemTime, UNIX_EPOCH};

/// What is in a store.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) instances: u64,
    /// Of each instance; even, and 4 or more.
    pub(crate) events: u64,
    /// One instance in so many has not ended: it sleeps, or waits for an activity that is in the queue.
    pub(crate) running_every: u64,
    /// Orchestrations, each in three versions, and half as many activities again.
    pub(crate) names: u64,
}

impl Shape {
    /// Ten events each, 40 orchestrations.
    pub(crate) fn new(instances: u64, running: u64) -> Self {
        Self { instances, events: 10, running_every: (instances / running.max(1)).max(1), names: 40 }
    }

    pub(crate) fn all_events(&self) -> u64 {
        self.instances * self.events
    }

    pub(crate) fn running(&self) -> u64 {
        self.instances / self.running_every
    }

    fn turns(&self) -> u64 {
        self.events / 2
    }
}

/// Instances that work is done on at the same time.
const TOGETHER: u64 = 1_000;

/// Between one turn and the next of any instance.
const STEP_MS: u64 = 2;

/// A turn of each of some instances.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    pub(super) shape: Shape,
    pub(super) first: u64,
    pub(super) last: u64,
    /// From 1.
    pub(super) turn: u64,
    /// When the first of them takes it.
    at_ms: u64,
    /// Until the next turn of an instance.
    gap_ms: u64,
    /// Whether all of them go on to their end.
    all_end: bool,
}

/// How a database writes what the statements are made of. `n` is the number of an instance.
pub(super) struct Dialect {
    pub(super) id: &'static str,
    /// A text as applications pass it, of some dozen bytes.
    pub(super) payload: &'static str,
    /// A table of `n` from one number to another.
    pub(super) numbers: fn(u64, u64) -> String,
    /// A moment from milliseconds in a column `ms`.
    pub(super) moment: &'static str,
}

/// All turns of a new store, in the order of their commits; the last was an hour ago.
pub(super) fn of_a_store(shape: Shape) -> impl Iterator<Item = Turn> {
    let ended_ms = now_ms().saturating_sub(3_600_000);
    let steps = shape.instances.next_multiple_of(TOGETHER) * shape.turns();
    let began_ms = ended_ms.saturating_sub(steps * STEP_MS);
    (0..shape.instances.div_ceil(TOGETHER)).flat_map(move |window| {
        let first = window * TOGETHER + 1;
        let last = shape.instances.min(first + TOGETHER - 1);
        (1..=shape.turns()).map(move |turn| {
            let before = (window * shape.turns() + turn - 1) * TOGETHER;
            let at_ms = began_ms + before * STEP_MS;
            Turn { shape, first, last, turn, at_ms, gap_ms: TOGETHER * STEP_MS, all_end: false }
        })
    })
}

/// Instances that come to a store which is there, live and end.
#[derive(Debug)]
pub(super) struct Live {
    shape: Shape,
    first: u64,
    turn: u64,
}

impl Live {
    /// Instances of [`Self::turns`], with two events each, and transactions that write them.
    const TOGETHER: u64 = 50;
    const TRANSACTIONS: u64 = 5;

    pub(super) fn new(shape: Shape) -> Self {
        Self { shape, first: shape.instances + 1, turn: 0 }
    }

    /// The next turn of all of them, by transaction. After their last, others come.
    pub(super) fn turns(&mut self) -> Vec<Turn> {
        self.turn += 1;
        if self.turn > self.shape.turns() {
            (self.turn, self.first) = (1, self.first + Self::TOGETHER);
        }
        let each = Self::TOGETHER / Self::TRANSACTIONS;
        let transactions = (0..Self::TRANSACTIONS).map(|transaction| {
            let first = self.first + transaction * each;
            Turn {
                shape: self.shape,
                first,
                last: first + each - 1,
                turn: self.turn,
                at_ms: now_ms(),
                gap_ms: 100,
                all_end: true,
            }
        });
        transactions.collect()
    }
}

impl Turn {
    pub(super) fn is_last(&self) -> bool {
        self.turn == self.shape.turns()
    }

    /// SQL: whether instance `n` stays without an end, and if so, whether it sleeps.
    pub(super) fn runs_on(&self) -> String {
        if self.all_end { "0 = 1".to_owned() } else { format!("n % {} = 0", self.shape.running_every) }
    }

    pub(super) fn sleeps(&self) -> String {
        format!("n / {} % 2 = 0", self.shape.running_every)
    }

    /// SQL: the status of the execution of instance `n`, once it has taken all its turns.
    pub(super) fn status(&self) -> String {
        format!(
            "CASE WHEN {} THEN 'Running' WHEN n % 7 = 0 THEN 'Failed' ELSE 'Completed' END",
            self.runs_on()
        )
    }

    pub(super) fn orchestration(&self) -> String {
        format!("'Orchestration' || (n % {})", self.shape.names)
    }

    /// A table of the instances: `n`, `id`, `ms`.
    pub(super) fn instances(&self, dialect: &Dialect) -> String {
        let Self { first, last, at_ms, .. } = self;
        let numbers = (dialect.numbers)(*first, *last);
        format!(
            "(SELECT n, {} AS id, {at_ms} + (n - {first}) * {STEP_MS} AS ms FROM {numbers}) AS i",
            dialect.id
        )
    }

    /// What the turn writes into the history.
    pub(super) fn history(&self, dialect: &Dialect) -> String {
        let Self { turn, .. } = self;
        let (first, second) = (2 * turn - 1, 2 * turn);
        let began = match turn {
            1 => Event::new("null", "'OrchestrationStarted'", self.started(dialect)),
            _ => self.ended(turn - 1, dialect),
        };
        let then = if self.is_last() { self.end(dialect) } else { self.begun(*turn, dialect) };
        let pick = |one: &str, other: &str| format!("CASE WHEN b = 0 THEN {one} ELSE {other} END");
        format!(
            "INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data, created_at) \
             SELECT id, 1, e, type, \
               '{{\"event_id\":' || e || ',\"source_event_id\":' || source || ',\"instance_id\":\"' || id || \
               '\",\"execution_id\":1,\"timestamp_ms\":' || ms || ',\"duroxide_version\":\"0.1.32\",\"type\":\"' || type || \
               '\",' || fields || '}}', {moment} \
             FROM (SELECT id, ms, {event} AS e, {source} AS source, {kind} AS type, {fields} AS fields \
                   FROM {instances} CROSS JOIN (SELECT 0 AS b UNION ALL SELECT 1) AS two) AS turns",
            moment = dialect.moment,
            event = pick(&first.to_string(), &second.to_string()),
            source = pick(&format!("'{}'", began.source), "'null'"),
            kind = pick(&began.kind, &then.kind),
            fields = pick(&began.fields, &then.fields),
            instances = self.instances(dialect),
        )
    }

    /// What a turn begins, by its number.
    fn begun(&self, turn: u64, dialect: &Dialect) -> Event {
        if sleeps_after(turn) { self.timer() } else { self.activity(turn, dialect) }
    }

    fn started(&self, dialect: &Dialect) -> String {
        format!(
            "'\"name\":\"' || {} || '\",\"version\":\"1.0.' || (n % 3) || '\",\"input\":\"' || {} || \
             '\",\"parent_instance\":null,\"parent_id\":null'",
            self.orchestration(),
            dialect.payload
        )
    }

    fn timer(&self) -> Event {
        Event::new("null", "'TimerCreated'", format!("'\"fire_at_ms\":' || (ms + {})", self.gap_ms - 20))
    }

    fn activity(&self, turn: u64, dialect: &Dialect) -> Event {
        let fields = format!(
            "'\"name\":\"' || {} || '\",\"input\":\"' || {} || '\"'",
            self.activity_name(turn),
            dialect.payload
        );
        Event::new("null", "'ActivityScheduled'", fields)
    }

    pub(super) fn activity_name(&self, turn: u64) -> String {
        format!("'Activity' || ((n * 7 + {turn}) % {})", self.shape.names * 3 / 2)
    }

    /// The end of what a turn began.
    fn ended(&self, turn: u64, dialect: &Dialect) -> Event {
        let source = (2 * turn).to_string();
        if sleeps_after(turn) {
            return Event::new(&source, "'TimerFired'", "'\"fire_at_ms\":' || (ms - 20)".to_owned());
        }
        let fields = format!(
            "CASE WHEN n % 25 = 0 THEN '\"details\":{{\"Application\":{{\"kind\":\"ActivityFailed\",\"message\":\"no stock for ' \
             || {payload} || '\",\"retryable\":false}}}}' ELSE '\"result\":\"' || {payload} || '\"' END",
            payload = dialect.payload
        );
        let kind = "CASE WHEN n % 25 = 0 THEN 'ActivityFailed' ELSE 'ActivityCompleted' END";
        Event::new(&source, kind, fields)
    }

    /// The end of an execution, or what it waits for instead.
    fn end(&self, dialect: &Dialect) -> Event {
        let (timer, activity) = (self.timer(), self.activity(self.turn, dialect));
        let (runs_on, sleeps) = (self.runs_on(), self.sleeps());
        let kind = format!(
            "CASE WHEN {runs_on} THEN CASE WHEN {sleeps} THEN {} ELSE {} END \
             WHEN n % 7 = 0 THEN 'OrchestrationFailed' ELSE 'OrchestrationCompleted' END",
            timer.kind, activity.kind
        );
        let fields = format!(
            "CASE WHEN {runs_on} THEN CASE WHEN {sleeps} THEN {} ELSE {} END \
             WHEN n % 7 = 0 THEN '\"details\":{{\"Application\":{{\"kind\":\"OrchestrationFailed\",\"message\":\"no stock for ' \
               || {payload} || '\",\"retryable\":false}}}}' ELSE '\"output\":\"' || {payload} || '\"' END",
            timer.fields,
            activity.fields,
            payload = dialect.payload
        );
        Event::new("null", &kind, fields)
    }
}

pub(super) fn sleeps_after(turn: u64) -> bool {
    turn.is_multiple_of(3)
}

/// SQL for an event's parts.
struct Event {
    source: String,
    kind: String,
    fields: String,
}

impl Event {
    fn new(source: &str, kind: &str, fields: String) -> Self {
        Self { source: source.to_owned(), kind: kind.to_owned(), fields }
    }
}

fn now_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

/// The statements that put a message and an activity into a store whose payloads are this SQL expression. Their times are
/// those of now, as SQL.
pub(crate) fn payloads(payload: &str, visible_at: &str, created_at: &str) -> String {
    let message = format!(
        r#"'{{"StartOrchestration":{{"instance":"large","orchestration":"Large","input":"' || {payload} || '","version":null,"parent_instance":null,"parent_id":null,"execution_id":1}}}}'"#
    );
    let activity = format!(
        r#"'{{"ActivityExecute":{{"instance":"large","execution_id":1,"id":2,"name":"Large","input":"' || {payload} || '"}}}}'"#
    );
    format!(
        "INSERT INTO orchestrator_queue (instance_id, work_item, visible_at, created_at) VALUES ('large', {message}, {visible_at}, {created_at}); \
         INSERT INTO worker_queue (work_item, visible_at, created_at) VALUES ({activity}, {visible_at}, {created_at})"
    )
}
