//! The machine's clock is set while the store cannot be read: the values grow old all the same, second by second.

use std::{collections::HashSet, fs, path::PathBuf, time::Duration};

use scenarios::{files::Scratch, scrape::wait_for, sidecar::Program, target::up, workload};

use super::value;

const AGE: &str = "duroxide_snapshot_age_seconds";

/// Of Debian's package `libfaketime`; `tests/run` installs it.
fn library() -> PathBuf {
    let places = fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let library =
        places.map(|place| place.join("faketime/libfaketimeMT.so.1")).find(|library| library.exists());
    library.expect("libfaketime; tests/run installs it")
}

#[tokio::test(flavor = "multi_thread")]
async fn values_grow_old_whatever_the_clock_is_set_to() {
    let scratch = Scratch::new();
    let (store, clock) = (scratch.file("store.db"), scratch.file("clock"));
    drop(workload::open(&store).await);
    let set = |offset: &str| fs::write(&clock, offset).unwrap();
    set("+0");
    let preload = format!("LD_PRELOAD={}", library().display());
    let file = format!("FAKETIME_TIMESTAMP_FILE={}", clock.display());
    let wrapper = ["env", &preload, &file, "FAKETIME_NO_CACHE=1", "DONT_FAKE_MONOTONIC=1"];
    let sidecar = Program::new(env!("CARGO_BIN_EXE_sidecar")).serve_in(
        &wrapper,
        &format!("sqlite:{}", store.display()),
        &["--log.level", "debug"],
    );
    let scrape = async || sidecar.target().scrape().await;
    wait_for("a good poll", async || (up(&scrape().await) == 1.0).then_some(())).await;
    for entry in fs::read_dir(store.parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        if path != clock {
            fs::remove_file(path).unwrap();
        }
    }
    wait_for("a failed poll", async || (up(&scrape().await) == 0.0).then_some(())).await;

    // Bounds are what passed on a clock that nobody sets.
    let began = std::time::Instant::now();
    let mut before = value(&scrape().await, AGE);
    for offset in ["-3600", "+86400", "+0"] {
        set(offset);
        tokio::time::sleep(Duration::from_millis(200)).await;
        let age = value(&scrape().await, AGE);
        let most = before + began.elapsed().as_secs_f64();
        assert!((before + 0.1..=most).contains(&age), "{age} after {before}, at {offset}");
        before = age;
    }
    // The log says that it was really set.
    let log = sidecar.log();
    let days: HashSet<&str> = log.lines().filter_map(|line| line.get(..10)).collect();
    assert!(days.len() > 1, "{log}");
    assert!(sidecar.terminate().success(), "{log}");
}
