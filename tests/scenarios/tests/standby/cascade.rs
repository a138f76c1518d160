//! Lag of a standby of a standby: how old the newest change is that is not to be seen there, and what its upstream knows.

use std::time::Instant;

use scenarios::{scrape::wait_for, store::By};

use crate::{
    lag::{PHASE, TOLERANCE, Watch, lag, session},
    pair::Pair,
    value,
};

/// Commits with the moment of each, as long as a phase.
const BEATS: &str = "do $$ declare until timestamptz = clock_timestamp() + interval '4 s'; begin
    while clock_timestamp() < until loop insert into beats values (clock_timestamp()); commit; perform pg_sleep(0.03); end loop; end $$";

/// How long the oldest commit of the primary that is not to be seen on the standby has been there, in seconds.
fn unseen(pair: &Pair) -> f64 {
    let seen = pair.standby.psql("postgres", "select coalesce(max(at), '-infinity') from beats");
    let age = format!(
        "select coalesce(extract(epoch from clock_timestamp() - min(at)), 0) from beats where at > '{seen}'"
    );
    pair.primary.psql("postgres", &age).parse().expect("a number")
}

/// Compares with both as long as the primary commits.
async fn agrees_while_it_commits(watch: &Watch<'_>, what: &str) -> f64 {
    let writer = session(watch.pair, BEATS);
    let mut told = 0.0;
    while !writer.is_finished() {
        let before = unseen(watch.pair);
        told = watch.agrees(what).await;
        let known = before - TOLERANCE..=unseen(watch.pair).max(before) + TOLERANCE;
        assert!(known.contains(&told), "{what}: a lag of {told} s, while commits are unseen for {known:?} s");
    }
    writer.await.unwrap().unwrap();
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lag_of_a_standby_of_a_standby_is_what_its_upstream_knows_of_it() {
    let pair = Pair::cascaded(By::DuroxidePg).await;
    let running = pair.exporter().await;
    let watch = Watch { pair: &pair, running: &running };
    pair.primary
        .psql("postgres", "create table beats (at timestamptz); create table load (x int, filler text)");
    pair.catch_up();

    agrees_while_it_commits(&watch, "commits").await;
    let load =
        session(&pair, "insert into load select n, repeat('x', 100) from generate_series(1, 200000) n");
    watch.agrees_while("a bulk load", || !load.is_finished()).await;
    load.await.unwrap().unwrap();

    pair.catch_up();
    watch.agrees_for("idleness").await;
    wait_for("no lag", async || (lag(&running.fresh_scrape().await) == 0.0).then_some(())).await;

    let began = Instant::now();
    pair.standby.pause_replay();
    let told = agrees_while_it_commits(&watch, "a pause").await;
    assert!(told > TOLERANCE, "{told} s after {:?}", began.elapsed());
    assert_eq!(value(&running.fresh_scrape().await, "duroxide_store_replay_paused", &[]), 1.0);
    pair.standby.resume_replay();
    pair.catch_up();
    watch.agrees("after the pause").await;

    // What comes is passed on before it is replayed: the upstream shows less than its standby.
    pair.upstream().pause_replay();
    let told = agrees_while_it_commits(&watch, "a pause of the upstream").await;
    assert!(told < TOLERANCE, "{told}");
    assert_eq!(value(&running.fresh_scrape().await, "duroxide_store_replay_paused", &[]), 0.0);
    pair.upstream().resume_replay();

    // The upstream is cut off: it goes on sending signs of life, so that what it does not get cannot be known.
    pair.catch_up();
    pair.upstream().end_receiver();
    let end = Instant::now() + PHASE;
    watch.agrees_while("a cut above the upstream", || Instant::now() < end).await;
    pair.upstream().restore_receiver();
    pair.catch_up();
    agrees_while_it_commits(&watch, "after the cut").await;
    running.stop().await;
}
