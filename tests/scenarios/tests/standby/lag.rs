//! Lag as the primary itself sees it, whatever the two are doing.

use std::time::{Duration, Instant};

use scenarios::{exporter::Running, scrape::wait_for, series::Series, store::By};

use crate::{pair::Pair, try_value, value};

/// How far apart the two may be, in seconds.
pub(crate) const TOLERANCE: f64 = 2.0;

/// How long something goes on, so that a lag that is none has time to grow.
pub(crate) const PHASE: Duration = Duration::from_secs(4);

pub(crate) fn lag(series: &Series) -> f64 {
    value(series, "duroxide_store_replication_lag_seconds", &[])
}

pub(crate) struct Watch<'a> {
    pub(crate) pair: &'a Pair,
    pub(crate) running: &'a Running,
}

impl Watch<'_> {
    /// What whoever feeds the standby knows of it, in seconds; no lag of one that has replayed everything.
    fn truth(&self) -> f64 {
        let lag = format!(
            "select coalesce(extract(epoch from replay_lag), 0) from pg_stat_replication where application_name = '{}'",
            self.pair.standby.name()
        );
        self.pair.upstream().psql("postgres", &lag).parse().expect("a standby")
    }

    /// Compares once.
    pub(crate) async fn agrees(&self, what: &str) -> f64 {
        let before = self.truth();
        let told = lag(&self.running.fresh_scrape().await);
        let after = self.truth();
        let known = before.min(after) - TOLERANCE..=before.max(after) + TOLERANCE;
        assert!(
            known.contains(&told),
            "{what}: a lag of {told} s; its upstream says {before} s, then {after} s"
        );
        told
    }

    /// Compares as long as something goes on.
    pub(crate) async fn agrees_while(&self, what: &str, mut goes_on: impl FnMut() -> bool) {
        while goes_on() {
            self.agrees(what).await;
        }
    }

    pub(crate) async fn agrees_for(&self, what: &str) {
        let end = Instant::now() + PHASE;
        self.agrees_while(what, || Instant::now() < end).await;
    }
}

/// Statements in a session of its own.
pub(crate) fn session(pair: &Pair, sql: &str) -> tokio::task::JoinHandle<Result<String, String>> {
    let (url, sql) = (pair.primary.url("postgres"), sql.to_owned());
    tokio::task::spawn_blocking(move || cluster::psql(&url, &sql))
}

#[tokio::test(flavor = "multi_thread")]
async fn lag_is_what_the_primary_knows_of_it() {
    let pair = Pair::start(By::DuroxidePg).await;
    let running = pair.exporter().await;
    let watch = Watch { pair: &pair, running: &running };
    pair.primary.psql("postgres", "create table load (x int, filler text)");

    // Nothing but inserts, all in one transaction.
    let load =
        session(&pair, "insert into load select n, repeat('x', 100) from generate_series(1, 300000) n");
    watch.agrees_while("a bulk load", || !load.is_finished()).await;
    load.await.unwrap().unwrap();

    // Changes without an end, as a slow job makes them.
    let job = session(
        &pair,
        "begin; do $$ begin for n in 1..250 loop insert into load values (n, repeat('y', 400)); perform pg_sleep(0.02); end loop; end $$; commit",
    );
    watch.agrees_while("a long transaction", || !job.is_finished()).await;
    job.await.unwrap().unwrap();

    // One that pauses. Of its last record the primary may have sent a part only, which it counts as not replayed, longer and
    // longer. But nothing that was committed is not to be seen, and that is what lag tells.
    let pause = "begin; insert into load select n, repeat('z', 400) from generate_series(1, 2000) n; select pg_sleep(4); commit";
    let job = session(&pair, pause);
    while !job.is_finished() {
        let told = lag(&running.fresh_scrape().await);
        assert!(told <= TOLERANCE, "a transaction that pauses: a lag of {told} s");
    }
    job.await.unwrap().unwrap();

    watch.agrees_for("idleness").await;
    wait_for("no lag", async || (lag(&running.fresh_scrape().await) == 0.0).then_some(())).await;

    // The primary notices a pause by what it writes.
    let writer = session(
        &pair,
        "do $$ begin for n in 1..200 loop insert into load values (n); commit; perform pg_sleep(0.03); end loop; end $$",
    );
    watch.agrees("before the pause").await;
    pair.standby.pause_replay();
    watch.agrees_while("a pause", || !writer.is_finished()).await;
    writer.await.unwrap().unwrap();
    assert!(watch.agrees("the end of the pause").await > TOLERANCE);
    pair.standby.resume_replay();
    pair.catch_up();
    watch.agrees("after the pause").await;

    // It cannot tell of one that has lost it: then the clock does.
    let began = Instant::now();
    pair.standby.end_receiver();
    let ended = began.elapsed();
    while began.elapsed() < PHASE {
        let told = lag(&running.fresh_scrape().await);
        assert!(told <= began.elapsed().as_secs_f64() + TOLERANCE, "{told} after {:?}", began.elapsed());
    }
    let told = lag(&running.fresh_scrape().await);
    assert!(told >= (PHASE - ended).as_secs_f64() - TOLERANCE, "{told}");
    pair.standby.restore_receiver();
    pair.catch_up();
    watch.agrees("after the cut").await;

    // A line that is dead is silent, as an idle primary is. Once that is known to be none, it was none from its beginning.
    pair.catch_up();
    let began = Instant::now();
    pair.primary.freeze();
    let frozen = began.elapsed();
    let told = wait_for("a silence that is too long", async || {
        let scrape = running.fresh_scrape().await;
        (value(&scrape, "duroxide_store_receiver_up", &[]) == 0.0).then(|| lag(&scrape))
    })
    .await;
    let silence = began.elapsed();
    assert!(silence > Duration::from_secs(3), "{silence:?}");
    let known = (silence - frozen).as_secs_f64() - TOLERANCE..=silence.as_secs_f64() + TOLERANCE;
    assert!(known.contains(&told), "{told} after {silence:?}");
    pair.primary.thaw();
    pair.catch_up();
    watch.agrees("after the silence").await;

    pair.standby.promote();
    wait_for("a primary", async || {
        let scrape = running.fresh_scrape().await;
        try_value(&scrape, "duroxide_store_replication_lag_seconds", &[]).is_none().then_some(())
    })
    .await;
    running.stop().await;
}
