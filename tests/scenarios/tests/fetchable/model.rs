//! Random contents of the queues.
//!
//! Times are whole minutes away from now, so that no row changes its state while a case runs.

use proptest::{collection::vec, option, prelude::*, sample::select};

/// Instances a case may use.
pub(crate) const INSTANCES: usize = 4;

/// Sessions a case may use.
pub(crate) const SESSIONS: usize = 3;

/// Contents of a store.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) instances: Vec<Instance>,
    pub(crate) orchestrator: Vec<Turn>,
    pub(crate) worker: Vec<Activity>,
    pub(crate) sessions: Vec<Option<Session>>,
}

/// An orchestration instance, its lock and its execution.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) exists: bool,
    /// End of its lock.
    pub(crate) locked: Option<When>,
    pub(crate) status: Option<&'static str>,
    pub(crate) current_execution: i64,
}

/// A moment, in minutes from now; never now itself.
pub(crate) type When = i64;

/// A row of the orchestrator table.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) instance: usize,
    pub(crate) kind: Kind,
    pub(crate) visible: When,
    pub(crate) age_minutes: i64,
    pub(crate) token: Token,
    /// End of the lease in the row, which only Postgres has.
    pub(crate) leased: Option<When>,
    pub(crate) attempts: i64,
}

/// Kinds of orchestrator work that differ to the provider or the exporter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Start,
    ContinueAsNew,
    Timer,
    Completion,
    Cancel,
    Message,
}

/// The token in an orchestrator row.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Token {
    None,
    /// That of the instance's lock, if it has one.
    OfTheLock,
    /// Of an earlier turn that was abandoned.
    Stale,
}

/// A row of the worker table.
#[derive(Debug, Clone)]
pub(crate) struct Activity {
    pub(crate) name: &'static str,
    pub(crate) tag: Option<&'static str>,
    pub(crate) session: Option<usize>,
    pub(crate) visible: When,
    pub(crate) age_minutes: i64,
    /// End of its lease.
    pub(crate) leased: Option<When>,
    pub(crate) attempts: i64,
}

/// A worker session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) ours: bool,
    pub(crate) until: When,
}

/// Every case the property holds for.
pub(crate) fn case() -> impl Strategy<Value = Case> {
    let parts = (
        vec(instance(), INSTANCES),
        vec(turn(), 0..=6),
        vec(activity(), 0..=6),
        vec(option::of(session()), SESSIONS),
    );
    parts.prop_map(|(instances, mut orchestrator, worker, sessions)| {
        make_startable(&instances, &mut orchestrator);
        Case { instances, orchestrator, worker, sessions }
    })
}

/// A message for an instance that does not exist stalls the provider unless it comes with a start: that is a
/// scenario of its own. Here the first visible message of such an instance starts it.
fn make_startable(instances: &[Instance], turns: &mut [Turn]) {
    for (index, _) in instances.iter().enumerate().filter(|(_, instance)| !instance.exists) {
        if let Some(first) = turns.iter_mut().find(|turn| turn.instance == index && turn.visible < 0) {
            first.kind = Kind::Start;
        }
    }
}

impl Case {
    /// Without what makes the Postgres providers drop messages of an instance that does not exist: they drop those
    /// for its queue, and when all of its visible ones are held by others, they drop nothing, again and again.
    pub(crate) fn that_postgres_hands_out(mut self) -> Self {
        for turn in &mut self.orchestrator {
            let instance = &self.instances[turn.instance];
            if instance.exists {
                continue;
            }
            if turn.kind == Kind::Message {
                turn.kind = Kind::Cancel;
            }
            if instance.locked.is_none_or(|until| until < 0) {
                turn.leased = Some(turn.leased.map_or(-1, |until| -until.abs()));
            }
        }
        self
    }
}

fn when() -> impl Strategy<Value = When> {
    prop_oneof![3 => -20_i64..=-1, 2 => 1_i64..=20]
}

fn instance() -> impl Strategy<Value = Instance> {
    let status = select(vec![
        Some("Running"),
        Some("Running"),
        Some("Completed"),
        Some("Failed"),
        Some("ContinuedAsNew"),
        Some("Suspended"),
        None,
    ]);
    (prop::bool::weighted(0.7), option::of(when()), status, 1_i64..=2).prop_map(
        |(exists, locked, status, current_execution)| Instance { exists, locked, status, current_execution },
    )
}

fn turn() -> impl Strategy<Value = Turn> {
    let kind = select(vec![
        Kind::Start,
        Kind::ContinueAsNew,
        Kind::Timer,
        Kind::Timer,
        Kind::Completion,
        Kind::Cancel,
        Kind::Message,
    ]);
    let token = select(vec![Token::None, Token::OfTheLock, Token::OfTheLock, Token::Stale]);
    let leased = option::weighted(0.9, when());
    (0..INSTANCES, kind, when(), 0_i64..=20, token, leased, 0_i64..=3).prop_map(
        |(instance, kind, visible, age_minutes, token, leased, attempts)| Turn {
            instance,
            kind,
            visible,
            age_minutes,
            token,
            leased,
            attempts,
        },
    )
}

fn activity() -> impl Strategy<Value = Activity> {
    let name = select(vec!["charge", "ship", "odd \"name\"\\\n"]);
    let tag = select(vec![None, Some("gpu"), Some("odd \"tag\"\\\n")]);
    let session = option::of(0..SESSIONS);
    (name, tag, session, when(), 0_i64..=20, option::of(when()), 0_i64..=3).prop_map(
        |(name, tag, session, visible, age_minutes, leased, attempts)| Activity {
            name,
            tag,
            session,
            visible,
            age_minutes,
            leased,
            attempts,
        },
    )
}

fn session() -> impl Strategy<Value = Session> {
    (any::<bool>(), when()).prop_map(|(ours, until)| Session { ours, until })
}
