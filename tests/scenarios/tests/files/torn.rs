//! Copies that somebody is still writing: half a file is refused, and what is read during the copying is one
//! store's or the other's numbers, never a mixture.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use duroxide_exporter::testing::Probe;
use scenarios::{
    compare::is_age,
    disk,
    exporter::{POLL_INTERVAL, Running},
    files::Scratch,
    recount::{self, recount_as_of},
    scrape::PATIENCE,
    series::{Series, family},
    sql, workload,
};

/// Rows of each kind: enough for some hundred pages.
const MANY: u32 = 1_500;

/// So few that a poll and a whole copy fit between two ticks of the clock that file times are taken from.
const FEW: u32 = 40;

/// Good polls wanted during the copying, and the time after which fewer must do.
const POLLS: usize = 150;
const AT_MOST: Duration = Duration::from_secs(8);

/// A copy full of messages with one name in them.
async fn full_of(scratch: &Scratch, name: &str, rows: u32) -> PathBuf {
    let (original, copy) =
        (scratch.file(&format!("{name}-original.db")), scratch.file(&format!("{name}.db")));
    let _provider = workload::open(&original).await;
    let fill = format!(
        r#"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
           INSERT INTO worker_queue (work_item, visible_at, tag)
           SELECT '{{"ActivityExecute":{{"instance":"i","execution_id":1,"id":' || i || ',"name":"{name}","input":"{pad}"}}}}',
                  1, '{name}' FROM n;
           WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
           INSERT INTO orchestrator_queue (instance_id, work_item, visible_at)
           SELECT '{name}-' || i, '{{"QueueMessage":{{"instance":"{name}-' || i || '","name":"{name}","data":"{pad}"}}}}', 1
           FROM n;
           WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
           INSERT INTO instances (instance_id, orchestration_name, orchestration_version)
           SELECT '{name}-' || i, '{name}', '1' FROM n;"#,
        pad = "x".repeat(200),
    );
    sql::execute(&original, &fill).await;
    disk::copy_at_rest(&original, &copy).await;
    copy
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_file_is_refused_and_the_whole_one_read() {
    let scratch = Scratch::new();
    let whole = full_of(&scratch, "whole", MANY).await;
    let bytes = fs::read(&whole).unwrap();
    let path = scratch.file("store.db");
    let url = format!("sqlite:{}", path.display());
    fs::write(&path, &bytes).unwrap();
    let exporter = Running::with(&url, |exporter| exporter.poll_interval(POLL_INTERVAL)).await;
    exporter.fresh_scrape().await;
    // In the middle of a page, and at the end of one.
    for length in [bytes.len() / 2 + 1_000, bytes.len() / 2 / 4096 * 4096, 4096, 1_000, 50] {
        fs::write(&path, &bytes[..length]).unwrap();
        let down = exporter.target().down().await;
        assert!(["corrupt", "replaced"].contains(&down.reason.as_str()), "{length} bytes: {down:?}");
    }
    fs::write(&path, &bytes).unwrap();
    exporter.fresh_scrape().await;
    exporter.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_while_a_copier_writes_is_never_a_mixture() {
    let scratch = Scratch::new();
    let copies = [full_of(&scratch, "Alpha", FEW).await, full_of(&scratch, "Bravo", FEW).await];
    assert_eq!(
        copies.each_ref().map(|copy| fs::metadata(copy).unwrap().len()),
        [fs::metadata(&copies[0]).unwrap().len(); 2]
    );
    let mut truths = Vec::new();
    for copy in &copies {
        // Asked of a second copy: reading the first with locks may leave files beside it.
        let twin = scratch.file("twin.db");
        disk::copy(copy, &twin, &[""]);
        truths.push(told(&recount_as_of(&twin, "probe", recount::now_ms()).await.unwrap()));
    }
    let path = scratch.file("store.db");
    let copier = Copier::start(copies, path.clone());
    let mut probe = Probe::open(&format!("sqlite:{}", path.display())).await.unwrap();
    let deadline = Instant::now() + AT_MOST;
    let (mut good, mut refused) = (0, 0);
    let patience = Instant::now() + PATIENCE;
    while (good < POLLS && Instant::now() < deadline) || (refused == 0 && Instant::now() < patience) {
        match probe.poll().await {
            Ok(polled) => {
                let told = told(&polled);
                let differing: Vec<_> = truths
                    .iter()
                    .map(|truth| truth.iter().filter(|(key, value)| told.get(*key) != Some(value)).count())
                    .collect();
                assert!(
                    truths.contains(&told),
                    "poll {good} is neither: {differing:?} series differ:\n{told:#?}"
                );
                good += 1;
            }
            Err(message) => {
                refused += 1;
                let understood = [
                    "replaced",
                    "damaged",
                    "not a SQLite database",
                    "empty",
                    "no such file",
                    "not a duroxide store",
                    "lacks",
                ];
                assert!(understood.iter().any(|word| message.contains(word)), "another failure: {message}");
            }
        }
    }
    copier.stop();
    assert!(refused > 0, "the copier never came in between: this proves nothing");
    let last = probe.poll().await.expect("a poll when the copier has ended");
    assert!(truths.contains(&told(&last)), "the last poll is neither");
}

/// What does not change with the clock, without the zeros of what vanished.
fn told(series: &Series) -> Series {
    let kept = series
        .iter()
        .filter(|(key, value)| recount::FAMILIES.contains(&family(key)) && !is_age(key) && **value != 0.0);
    kept.map(|(key, value)| (key.clone(), *value)).collect()
}

/// Overwrites a file in place, with one copy and the other in turn.
struct Copier {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<()>,
}

impl Copier {
    fn start(copies: [PathBuf; 2], path: PathBuf) -> Self {
        overwrite(&copies[0], &path);
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            for (copy, pause) in copies.iter().cycle().zip([1, 40, 3].into_iter().cycle()) {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                overwrite(copy, &path);
                // Between two copies there is time for a poll, now and then.
                std::thread::sleep(Duration::from_millis(pause));
            }
        });
        Self { stop, thread }
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the copier");
    }
}

/// As `rsync --inplace` does: the file keeps its size, and for a while it is made of both.
fn overwrite(from: &Path, to: &Path) {
    use std::io::Write as _;
    let bytes = fs::read(from).expect("the copy");
    let mut file =
        fs::OpenOptions::new().create(true).truncate(false).write(true).open(to).expect("the file");
    for chunk in bytes.chunks(4096) {
        file.write_all(chunk).expect("a chunk");
        std::thread::sleep(Duration::from_micros(10));
    }
}
