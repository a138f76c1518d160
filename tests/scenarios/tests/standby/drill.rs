//! A standby that is paused, resumed, idle, cut off, orphaned and promoted: what is told of the queues stays what is known
//! of them, and lag and age say how old that is.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use duroxide::{
    Client,
    providers::{Provider, TagFilter, WorkItem},
};
use scenarios::{
    exporter::Running,
    recount::now_ms,
    scrape::{PATIENCE, wait_for},
    series::Series,
    store::By,
    workload::start_runtime,
};

use crate::{pair::Pair, states, try_value, value};

/// Lease of the activity that is being executed.
const LEASE: Duration = Duration::from_secs(2);

/// Who executes it renews its lease this often, so that the primary commits all the time.
const RENEWAL: Duration = Duration::from_millis(200);

/// A worker that has an activity and keeps its lease.
struct Worker {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Worker {
    async fn take_one(provider: &Arc<dyn Provider>, by: By) -> Self {
        // duroxide-pg renews from now on, duroxide-pg-opt adds to what is left.
        let extension = match by {
            By::DuroxidePg => LEASE,
            By::DuroxidePgOpt => RENEWAL,
        };
        let item = WorkItem::ActivityExecute {
            instance: "held".to_owned(),
            execution_id: 1,
            id: 2,
            name: "Charge".to_owned(),
            input: String::new(),
            session_id: None,
            tag: None,
        };
        provider.enqueue_for_worker(item).await.unwrap();
        let fetched = provider.fetch_work_item(LEASE, Duration::ZERO, None, &TagFilter::default()).await;
        let (_, token, _) = fetched.unwrap().expect("the activity");
        let stop = Arc::new(AtomicBool::new(false));
        let (provider, stopped) = (Arc::clone(provider), Arc::clone(&stop));
        let task = tokio::spawn(async move {
            while !stopped.load(Ordering::SeqCst) {
                provider.renew_work_item_lock(&token, extension).await.unwrap();
                tokio::time::sleep(RENEWAL).await;
            }
        });
        Self { stop, task }
    }

    /// It dies: its lease will run out.
    async fn dies(self) {
        self.stop.store(true, Ordering::SeqCst);
        self.task.await.unwrap();
    }
}

fn in_flight(series: &Series) -> f64 {
    value(series, "duroxide_queue_messages", &[("queue", "worker"), ("state", "in_flight")])
}

fn lag_ms(series: &Series) -> f64 {
    value(series, "duroxide_store_replication_lag_seconds", &[]) * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are below 2^53")]
fn float(ms: i64) -> f64 {
    ms as f64
}

fn lease_ms() -> i64 {
    i64::try_from(LEASE.as_millis()).unwrap()
}

/// Scrapes until twice the lease time has passed since `since_ms`. All the while the states are those of before, and the
/// lag is the time since then: the last contact was between `contact_ms` and `since_ms`.
async fn nothing_changes_but_the_lag(running: &Running, before: &Series, contact_ms: i64, since_ms: i64) {
    loop {
        let began = now_ms();
        let scrape = running.fresh_scrape().await;
        let ended = now_ms();
        assert_eq!(states(&scrape), states(before));
        let lag = lag_ms(&scrape);
        assert!(
            (float(began - since_ms)..=float(ended - contact_ms)).contains(&lag),
            "a lag of {lag} ms, but contact was lost between {} and {} ms ago",
            began - since_ms,
            ended - contact_ms
        );
        if began - since_ms > 2 * lease_ms() {
            return;
        }
    }
}

async fn level(running: &Running) -> Series {
    wait_for("no lag", async || {
        let scrape = running.fresh_scrape().await;
        (lag_ms(&scrape) == 0.0).then_some(scrape)
    })
    .await
}

async fn drill(by: By) {
    let pair = Pair::start(by).await;
    let (primary, standby) = (&pair.primary, &pair.standby);
    let runtime = start_runtime(pair.provider.clone()).await;
    let client = Client::new(pair.provider.clone());
    client.start_orchestration("done", "Hello", "x").await.unwrap();
    client.wait_for_orchestration("done", PATIENCE).await.unwrap();
    runtime.shutdown(Some(0)).await;
    client.start_orchestration("waits", "Hello", "x").await.unwrap();
    let worker = Worker::take_one(&pair.provider, by).await;
    let running = pair.exporter().await;
    let before = wait_for("the lease", async || {
        let scrape = running.fresh_scrape().await;
        (in_flight(&scrape) == 1.0).then_some(scrape)
    })
    .await;

    // Paused. The worker goes on renewing: by the clock its lease, as the standby has it, would be over.
    let contact = now_ms() - 2 * i64::try_from(RENEWAL.as_millis()).unwrap() - 1000;
    standby.pause_replay();
    let paused = now_ms();
    nothing_changes_but_the_lag(&running, &before, contact, paused).await;
    let scrape = running.fresh_scrape().await;
    assert_eq!(value(&scrape, "duroxide_store_replay_paused", &[]), 1.0);
    assert!(
        value(&scrape, "duroxide_store_last_replay_age_seconds", &[]) * 1000.0
            >= float(now_ms() - paused) - 1000.0
    );

    // Resumed: what the worker did meanwhile is there at once.
    standby.resume_replay();
    pair.catch_up();
    let scrape = running.fresh_scrape().await;
    assert_eq!((in_flight(&scrape), value(&scrape, "duroxide_store_replay_paused", &[])), (1.0, 0.0));

    // An idle primary is no lag, and time goes on: the lease of the dead worker runs out.
    worker.dies().await;
    level(&running).await;
    wait_for("the end of the lease", async || {
        let scrape = running.fresh_scrape().await;
        assert_eq!(lag_ms(&scrape), 0.0, "nobody writes");
        (value(&scrape, "duroxide_queue_messages", &[("queue", "worker"), ("state", "lease_expired")]) == 1.0)
            .then_some(())
    })
    .await;

    // The primary lives and the stream is dead: a lag that is not zero.
    let worker = Worker::take_one(&pair.provider, by).await;
    let before = wait_for("the lease", async || {
        let scrape = running.fresh_scrape().await;
        (in_flight(&scrape) == 1.0).then_some(scrape)
    })
    .await;
    let contact = now_ms() - 2000;
    standby.end_receiver();
    let ended = now_ms();
    nothing_changes_but_the_lag(&running, &before, contact, ended).await;
    let scrape = running.fresh_scrape().await;
    assert_eq!(value(&scrape, "duroxide_store_receiver_up", &[]), 0.0);
    assert_eq!(value(&scrape, "duroxide_up", &[]), 1.0);
    standby.restore_receiver();
    pair.catch_up();
    assert_eq!(in_flight(&level_while_written(&running).await), 1.0);

    // The primary dies, and its worker with it: what was known stays.
    let before = running.fresh_scrape().await;
    let contact = now_ms() - 2000;
    worker.dies().await;
    primary.kill();
    let killed = now_ms();
    wait_for("the end of the stream", async || {
        let scrape = running.fresh_scrape().await;
        (value(&scrape, "duroxide_store_receiver_up", &[]) == 0.0).then_some(())
    })
    .await;
    nothing_changes_but_the_lag(&running, &before, contact, killed).await;

    // Promoted: a primary like any other, in which time goes on.
    standby.promote();
    let scrape = wait_for("the end of the lease", async || {
        let scrape = running.fresh_scrape().await;
        (in_flight(&scrape) == 0.0).then_some(scrape)
    })
    .await;
    assert_eq!(value(&scrape, "duroxide_store_replica", &[]), 0.0);
    for family in [
        "duroxide_store_replication_lag_seconds",
        "duroxide_store_receiver_up",
        "duroxide_store_replay_paused",
    ] {
        assert_eq!(try_value(&scrape, family, &[]), None, "{family}");
    }
    wait_for("the counters of a primary", async || {
        let scrape = running.fresh_scrape().await;
        try_value(&scrape, "duroxide_queue_dequeued_total", &[("queue", "worker")])
    })
    .await;
    running.stop().await;
}

/// A standby that is being written to is behind by what is on its way: a few milliseconds.
async fn level_while_written(running: &Running) -> Series {
    wait_for("next to no lag", async || {
        let scrape = running.fresh_scrape().await;
        (lag_ms(&scrape) < 1000.0).then_some(scrape)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_of_duroxide_pg_is_honest() {
    drill(By::DuroxidePg).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_of_duroxide_pg_opt_is_honest() {
    drill(By::DuroxidePgOpt).await;
}
