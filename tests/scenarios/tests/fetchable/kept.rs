//! The exporter keeps what it read of rows with a large work item. Whatever the real provider does with them between two
//! polls, in random order and also taking and handing back, the exporter's numbers are those of a recount.

use std::{
    cell::RefCell,
    fmt::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::ensure;
use duroxide::providers::{
    ExecutionMetadata, Provider, ScheduledActivityIdentifier, SessionFetchConfig, TagFilter, WorkItem,
};
use duroxide_exporter::testing::Probe;
use proptest::{
    collection::vec,
    prelude::*,
    sample::select,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner},
};
use scenarios::{
    compare::{Exporter, differences, is_age},
    recount::{self, Reader},
    scrape::canonical,
    series::{Series, family},
    sql::Connection,
    stores::{Fresh, Kind},
};

const CASES: u32 = 50;

/// Bytes of an input that makes a row large.
const LARGE: usize = 80_000;

/// A lease that ends in a case, one that does not; likewise of delays.
const SHORT: Duration = Duration::from_millis(60);
const LONG: Duration = Duration::from_secs(3600);

/// What happens to a store. Numbers choose among what was taken.
#[derive(Debug, Clone)]
enum Step {
    Message { instance: usize },
    Activity { instance: usize, session: bool },
    TakeTurn { lease: Duration },
    TakeActivity { lease: Duration },
    TakeAndReturnActivity { delay: Option<Duration>, ignore_attempt: bool },
    RenewTurn { nth: usize, lease: Duration },
    RenewActivity { nth: usize, lease: Duration },
    ReturnTurn { nth: usize, delay: Option<Duration>, ignore_attempt: bool },
    ReturnActivity { nth: usize, delay: Option<Duration>, ignore_attempt: bool },
    EndTurn { nth: usize, cancels: bool },
    EndActivity { nth: usize },
    LeasesEnd,
}

/// Steps between two polls.
fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let lease = || select(vec![SHORT, LONG]);
    let delay = || select(vec![None, Some(SHORT), Some(LONG)]);
    let nth = || select(vec![0, 0, 0, 1, 2]);
    let step = prop_oneof![
        2 => (0_usize..2).prop_map(|instance| Step::Message { instance }),
        2 => (0_usize..2, any::<bool>()).prop_map(|(instance, session)| Step::Activity { instance, session }),
        3 => lease().prop_map(|lease| Step::TakeTurn { lease }),
        4 => lease().prop_map(|lease| Step::TakeActivity { lease }),
        3 => (delay(), any::<bool>())
            .prop_map(|(delay, ignore_attempt)| Step::TakeAndReturnActivity { delay, ignore_attempt }),
        1 => (nth(), lease()).prop_map(|(nth, lease)| Step::RenewTurn { nth, lease }),
        2 => (nth(), lease()).prop_map(|(nth, lease)| Step::RenewActivity { nth, lease }),
        2 => (nth(), delay(), any::<bool>())
            .prop_map(|(nth, delay, ignore_attempt)| Step::ReturnTurn { nth, delay, ignore_attempt }),
        4 => (nth(), delay(), any::<bool>())
            .prop_map(|(nth, delay, ignore_attempt)| Step::ReturnActivity { nth, delay, ignore_attempt }),
        1 => (nth(), any::<bool>()).prop_map(|(nth, cancels)| Step::EndTurn { nth, cancels }),
        1 => nth().prop_map(|nth| Step::EndActivity { nth }),
        2 => Just(Step::LeasesEnd),
    ];
    vec(vec(step, 1..=3), 1..=12)
}

/// A store, and who has what of it.
struct World {
    provider: Arc<dyn Provider>,
    writer: Connection,
    reader: Reader,
    probe: Probe,
    turns: Vec<String>,
    /// With whether it is of a session.
    activities: Vec<(String, bool)>,
    items: u64,
    _fresh: Fresh,
}

impl World {
    async fn new(setup: &str) -> Self {
        let fresh = Kind::Sqlite.create().await;
        let provider = fresh.store.provider().await;
        let mut writer = fresh.store.connect().await;
        writer.run(&format!("PRAGMA synchronous = OFF; {setup}")).await;
        let reader = Reader::open(&fresh.store).await.unwrap();
        let mut probe = Probe::open(&fresh.store.url()).await.expect("the probe opens the store");
        probe.poll().await.expect("a first poll");
        Self {
            provider,
            writer,
            reader,
            probe,
            turns: Vec::new(),
            activities: Vec::new(),
            items: 0,
            _fresh: fresh,
        }
    }

    async fn check(&mut self, case: &[Vec<Step>]) -> anyhow::Result<()> {
        self.turns.clear();
        self.activities.clear();
        for table in
            ["orchestrator_queue", "worker_queue", "instance_locks", "sessions", "executions", "instances"]
        {
            self.writer.run(&format!("DELETE FROM {table}")).await;
        }
        for steps in case {
            for step in steps {
                self.take(step).await?;
            }
            self.compare().await?;
        }
        Ok(())
    }

    async fn compare(&mut self) -> anyhow::Result<()> {
        let rows = self.reader.rows().await?;
        let before = self.reader.now_ms().await?;
        let exported = self.exported().await?;
        let after = self.reader.now_ms().await?;
        let [before, after] =
            [before, after].map(|now_ms| of_the_queues(recount::count(&rows, "probe", now_ms)));
        let report = differences(&before, &after, &exported, Exporter::Seasoned);
        ensure!(report.is_empty(), "the exporter differs from the recount:\n{report}");
        Ok(())
    }

    async fn exported(&mut self) -> anyhow::Result<Series> {
        let mut exported = Series::new();
        for (name, value) in self.probe.step().await.map_err(anyhow::Error::msg)? {
            exported.insert(canonical(&name)?, value);
        }
        Ok(of_the_queues(exported))
    }

    /// What the provider refuses, because a lease has ended or there is nothing to take, changes nothing.
    async fn take(&mut self, step: &Step) -> anyhow::Result<()> {
        let provider = Arc::clone(&self.provider);
        match *step {
            Step::Message { instance } => {
                let item = self.message(&format!("i{instance}"));
                provider.enqueue_for_orchestrator(item, None).await?;
            }
            Step::Activity { instance, session } => {
                let item = self.activity(instance, session);
                provider.enqueue_for_worker(item).await?;
            }
            Step::TakeTurn { lease } => {
                let turn = provider.fetch_orchestration_item(lease, Duration::ZERO, None).await?;
                self.turns.extend(turn.map(|(_, token, _)| token));
            }
            Step::TakeActivity { lease } => {
                let session = SessionFetchConfig { owner_id: "us".to_owned(), lock_timeout: LONG };
                let taken =
                    provider.fetch_work_item(lease, Duration::ZERO, Some(&session), &TagFilter::Any).await?;
                self.activities.extend(taken.map(|(item, token, _)| {
                    (token, matches!(item, WorkItem::ActivityExecute { session_id: Some(_), .. }))
                }));
            }
            Step::TakeAndReturnActivity { delay, ignore_attempt } => {
                let before = self.activities.len();
                Box::pin(self.take(&Step::TakeActivity { lease: LONG })).await?;
                if self.activities.len() > before {
                    let back = Step::ReturnActivity { nth: 0, delay, ignore_attempt };
                    Box::pin(self.take(&back)).await?;
                }
            }
            Step::RenewTurn { nth, lease } => {
                if let Some(token) = pick(&self.turns, nth) {
                    let _ = provider.renew_orchestration_item_lock(token, lease).await;
                }
            }
            Step::RenewActivity { nth, lease } => {
                // The runtime renews by the time for which it takes: never for a sooner end.
                if let Some((token, _)) = pick(&self.activities, nth).filter(|_| lease == LONG) {
                    let _ = provider.renew_work_item_lock(token, lease).await;
                }
            }
            Step::ReturnTurn { nth, delay, ignore_attempt } => {
                if let Some(token) = pick(&self.turns, nth) {
                    let _ = provider.abandon_orchestration_item(token, delay, ignore_attempt).await;
                }
            }
            Step::ReturnActivity { nth, delay, ignore_attempt } => {
                if let Some((token, session)) = pick(&self.activities, nth) {
                    // The runtime forgives attempts in races for a session only.
                    let _ = provider.abandon_work_item(token, delay, ignore_attempt && *session).await;
                }
            }
            Step::EndTurn { nth, cancels } => {
                let Some(token) = pick(&self.turns, nth).cloned() else { return Ok(()) };
                let metadata = ExecutionMetadata {
                    status: Some("Running".to_owned()),
                    orchestration_name: Some("Order".to_owned()),
                    orchestration_version: Some("1.0.0".to_owned()),
                    ..ExecutionMetadata::default()
                };
                let (work, message) = (self.activity(0, false), self.message("i1"));
                let cancelled = (1..=self.items).map(|activity_id| ScheduledActivityIdentifier {
                    instance: "i0".to_owned(),
                    execution_id: 1,
                    activity_id,
                });
                let cancelled = cancelled.filter(|_| cancels).collect();
                let _ = provider
                    .ack_orchestration_item(
                        &token,
                        1,
                        Vec::new(),
                        vec![work],
                        vec![message],
                        metadata,
                        cancelled,
                    )
                    .await;
            }
            Step::EndActivity { nth } => {
                if let Some((token, _)) = pick(&self.activities, nth).cloned() {
                    self.items += 1;
                    let completion = WorkItem::ActivityCompleted {
                        instance: "i0".to_owned(),
                        execution_id: 1,
                        id: self.items,
                        result: "x".repeat(LARGE),
                    };
                    let _ = provider.ack_work_item(&token, Some(completion)).await;
                }
            }
            Step::LeasesEnd => tokio::time::sleep(SHORT + Duration::from_millis(5)).await,
        }
        Ok(())
    }

    /// A start, so that it is handed out whether or not there is such an instance.
    fn message(&mut self, instance: &str) -> WorkItem {
        WorkItem::StartOrchestration {
            instance: instance.to_owned(),
            orchestration: "Order".to_owned(),
            input: self.input(),
            version: None,
            parent_instance: None,
            parent_id: None,
            parent_execution_id: None,
            execution_id: 1,
        }
    }

    fn activity(&mut self, instance: usize, session: bool) -> WorkItem {
        let input = self.input();
        WorkItem::ActivityExecute {
            instance: format!("i{instance}"),
            execution_id: 1,
            id: self.items,
            name: "Charge".to_owned(),
            input,
            session_id: session.then(|| "s".to_owned()),
            tag: (instance > 0).then(|| "gpu".to_owned()),
        }
    }

    fn input(&mut self) -> String {
        self.items += 1;
        "x".repeat(LARGE)
    }
}

fn of_the_queues(mut series: Series) -> Series {
    let families = ["duroxide_queue_", "duroxide_activity_queue_"];
    series.retain(|key, _| families.iter().any(|begins| family(key).starts_with(begins)));
    series
}

/// Of those that were taken last.
fn pick<T>(of: &[T], nth: usize) -> Option<&T> {
    of.iter().rev().nth(nth % of.len().max(1))
}

fn the_numbers_are_those_of_a_recount(setup: &str, cases: u32) {
    let cases: u32 = crate::from_env("PROPTEST_CASES").unwrap_or(cases);
    let seed: u64 = crate::from_env("SCENARIOS_SEED").unwrap_or(crate::SEED);
    let mut seed_bytes = [0; 32];
    seed_bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 100, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed_bytes));
    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = RefCell::new(tokio.block_on(World::new(setup)));
    let outcome = runner.run(&steps(), |case| {
        tokio.block_on(world.borrow_mut().check(&case)).map_err(|why| TestCaseError::fail(why.to_string()))
    });
    if let Err(failure) = outcome {
        panic!("SCENARIOS_SEED={seed} PROPTEST_CASES={cases}: {failure}");
    }
}

#[test]
fn large_rows_that_are_kept_are_those_of_the_store() {
    the_numbers_are_those_of_a_recount("", CASES);
}

#[test]
fn without_the_indexes_of_the_framework_large_rows_are_counted_all_the_same() {
    the_numbers_are_those_of_a_recount(
        "DROP INDEX idx_worker_available; DROP INDEX idx_orch_visible;
         CREATE INDEX idx_worker_available ON worker_queue(lock_token, id) WHERE lock_token IS NULL",
        5,
    );
}

#[tokio::test]
async fn what_is_changed_by_hand_behind_a_large_work_item_is_seen_by_a_recount() {
    let mut world = World::new("").await;
    for step in [Step::Message { instance: 0 }, Step::Activity { instance: 0, session: false }] {
        world.take(&step).await.unwrap();
    }
    world.compare().await.unwrap();
    world
        .writer
        .run(
            "UPDATE worker_queue SET visible_at = visible_at + 3600000; UPDATE orchestrator_queue SET attempt_count = 3",
        )
        .await;
    world.probe.poll().await.unwrap();
    world.compare().await.unwrap();
}

/// Values that the framework does not write are not kept, and count as ever.
#[tokio::test]
async fn odd_values_behind_a_large_work_item_count_as_without_it() {
    let moments = ["'2026-01-01 00:00:00'", "12.5", "1e300", "x'61'", "'x' || char(0) || 'y'", "0", "2"];
    let texts =
        ["NULL", "x'6162'", "CAST(x'ff61' AS TEXT)", "'x' || char(0) || 'y'", "7", "printf('%.4000c', 'x')"];
    let mut setup = String::new();
    for (at, [moment, other]) in moments.iter().flat_map(|one| moments.map(|other| [*one, other])).enumerate()
    {
        let text = texts[at % texts.len()];
        let _ = write!(
            setup,
            "INSERT INTO worker_queue (work_item, visible_at, locked_until, created_at, attempt_count, lock_token, tag, instance_id)
               VALUES (hex(zeroblob({LARGE})), {moment}, {other}, {moment}, {other}, {text}, {text}, {text});
             INSERT INTO orchestrator_queue (instance_id, work_item, visible_at, created_at, attempt_count, lock_token)
               VALUES (COALESCE({text}, 'i'), hex(zeroblob({LARGE})), {moment}, {other}, {other}, {text});"
        );
    }
    let mut world = World::new(&setup).await;
    let began = Instant::now();
    let kept = world.exported().await.unwrap();
    // Without them nothing is kept.
    world.writer.run("DROP INDEX idx_worker_available; DROP INDEX idx_orch_visible").await;
    let read = world.exported().await.unwrap();
    let between = began.elapsed().as_secs_f64();
    let differ: Vec<_> = kept
        .iter()
        .filter(|(key, kept)| {
            let later = read.get(*key).copied().unwrap_or(f64::NAN) - *kept;
            !(later == 0.0 || is_age(key) && later > 0.0 && later < between)
        })
        .collect();
    assert!(differ.is_empty() && kept.len() == read.len(), "{differ:?}");
}
