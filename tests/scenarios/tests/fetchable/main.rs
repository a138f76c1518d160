//! "Fetchable" is what the real provider hands out: for random contents of the queues, draining the provider
//! gives exactly the messages the exporter counts as fetchable, and the recount agrees on every other number.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail loudly"
)]

mod check;
mod drain;
mod kept;
mod model;
mod write;

use std::cell::RefCell;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use scenarios::stores::Kind;

/// Cases unless `PROPTEST_CASES` says otherwise. On Postgres one takes ten times as long.
const fn cases(kind: Kind) -> u32 {
    match kind {
        Kind::Sqlite => 10_000,
        Kind::DuroxidePg => 500,
        // Takes and holds as the other one does.
        Kind::DuroxidePgOpt => 250,
    }
}

/// The same cases every time unless `SCENARIOS_SEED` says otherwise.
const SEED: u64 = 20_260_101;

fn the_provider_hands_out_what_is_counted_as_fetchable(kind: Kind) {
    let cases: u32 = from_env("PROPTEST_CASES").unwrap_or(cases(kind));
    let seed: u64 = from_env("SCENARIOS_SEED").unwrap_or(SEED);
    let mut seed_bytes = [0; 32];
    seed_bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 500, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed_bytes));

    let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let bench = RefCell::new(tokio.block_on(check::Bench::new(kind)));
    let outcome = runner.run(&model::case(), |case| {
        tokio.block_on(bench.borrow_mut().check(&case)).map_err(|why| TestCaseError::fail(why.to_string()))
    });
    if let Err(failure) = outcome {
        panic!("SCENARIOS_SEED={seed} PROPTEST_CASES={cases}: {failure}");
    }
    bench.borrow().assert_not_trivial(cases);
}

#[test]
fn sqlite_hands_out_what_is_counted_as_fetchable() {
    the_provider_hands_out_what_is_counted_as_fetchable(Kind::Sqlite);
}

#[test]
fn duroxide_pg_hands_out_what_is_counted_as_fetchable() {
    the_provider_hands_out_what_is_counted_as_fetchable(Kind::DuroxidePg);
}

#[test]
fn duroxide_pg_opt_hands_out_what_is_counted_as_fetchable() {
    the_provider_hands_out_what_is_counted_as_fetchable(Kind::DuroxidePgOpt);
}

fn from_env<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}
