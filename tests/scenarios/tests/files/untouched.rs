//! The exporter writes nothing, anywhere near a store: as a user who could not (he would notice), and on a file
//! system mounted read-only. The store stays usable for the runtime afterwards.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use duroxide::Client;
use scenarios::{
    compare::Exporter,
    disk::{self, Listing},
    exporter::STORE,
    files::Scratch,
    recount,
    sidecar::{Program, Sidecar},
    workload,
};

use crate::{assert_copy, assert_live, past};

const BUILT: &str = env!("CARGO_BIN_EXE_sidecar");

/// How the files lie there; `None`: the store itself, with a provider.
const SITUATIONS: [(&str, Option<&[&str]>); 4] = [
    ("live", None),
    ("left by a runtime", Some(&disk::LIVE)),
    ("a clean copy", Some(&[""])),
    ("a copy with -wal", Some(&["", "-wal"])),
];

/// A directory with a store in it that only its owner may write.
struct Place {
    directory: PathBuf,
    store: PathBuf,
}

impl Place {
    fn new(scratch: &Scratch, name: &str) -> Self {
        disk::chmod(scratch.file("").as_path(), 0o755);
        let directory = scratch.file(name);
        fs::create_dir(&directory).unwrap();
        Self { store: directory.join("store.db"), directory }
    }

    /// Nobody but root and, for the files, their owner may write here any more.
    fn close(&self) {
        for entry in fs::read_dir(&self.directory).unwrap() {
            disk::chmod(&entry.unwrap().path(), 0o644);
        }
        disk::chmod(&self.directory, 0o555);
    }

    fn open(&self) {
        disk::chmod(&self.directory, 0o755);
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.store.display())
    }
}

/// Serves each situation with `serve`, compares, and looks for traces.
async fn nothing_is_written(serve: impl Fn(&Place) -> Sidecar) {
    for (what, parts) in SITUATIONS {
        let scratch = Scratch::new();
        let place = Place::new(&scratch, "place");
        let truth = if parts.is_some() { scratch.file("truth.db") } else { place.store.clone() };
        let (provider, newest) = past::create(&truth).await;
        match parts {
            None => {}
            Some([""]) => disk::copy_at_rest(&truth, &place.store).await,
            Some(parts) => disk::copy(&truth, &place.store, parts),
        }
        place.close();
        let before = Listing::of(&place.directory);

        let sidecar = serve(&place);
        let target = sidecar.target();
        if parts.is_some_and(|parts| !parts.contains(&"-shm")) {
            let copy = target.fresh_scrape().await;
            assert_copy(what, &truth, newest, &copy, Exporter::Fresh).await;
        } else {
            assert_live(what, &truth, async || target.fresh_scrape().await).await;
        }
        target.fresh_scrape().await;
        assert_eq!(Listing::of(&place.directory), before, "{what}: something was written while it ran");
        let log = sidecar.log();
        assert!(sidecar.terminate().success(), "{what}: it did not end well; its log:\n{log}");
        assert_eq!(Listing::of(&place.directory), before, "{what}: something was written when it ended");

        place.open();
        drop(provider);
        let provider = workload::open(&place.store).await;
        let client = Client::new(provider);
        client.start_orchestration("after", "Hello", "x").await.expect("a runtime can go on writing");
        let rows = recount::raw(&place.store).await.unwrap();
        assert!(
            rows.orchestrator.iter().any(|row| row.instance == "after"),
            "{what}: what was written is not there"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_by_a_user_who_may_only_read() {
    let program = Program::unprivileged(BUILT);
    nothing_is_written(|place| program.serve(&place.url())).await;
    let left: Vec<_> =
        fs::read_dir(program.temporary()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "temporary files were left: {left:?}");
}

/// As a container mounts a volume `:ro`. Needs root; there is no such mount without.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_on_a_read_only_mount() {
    let possible = Command::new("unshare").args(["--mount", "mount", "--bind", "/tmp", "/tmp"]).output();
    if !possible.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this user may not mount");
        return;
    }
    let program = Program::new(BUILT);
    nothing_is_written(|place| {
        let directory = place.directory.display().to_string();
        let mount = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && \
                     ! touch \"$1/x\" 2>/dev/null && shift && exec \"$@\"";
        program.serve_in(&["unshare", "--mount", "sh", "-c", mount, "sh", &directory], &place.url(), &[])
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_may_not_be_read_is_down_with_a_message_that_helps() {
    let scratch = Scratch::new();
    let place = Place::new(&scratch, "place");
    let program = Program::unprivileged(BUILT);
    for (number, (what, parts)) in SITUATIONS.into_iter().enumerate() {
        let Some(parts) = parts else { continue };
        for suffix in disk::LIVE {
            let _ = fs::remove_file(disk::part(&place.store, suffix));
        }
        let original = scratch.file(&format!("original-{number}.db"));
        let (_provider, newest) = past::create(&original).await;
        match parts {
            [""] => disk::copy_at_rest(&original, &place.store).await,
            parts => disk::copy(&original, &place.store, parts),
        }
        let mode = if disk::is_root() { 0o600 } else { 0o000 };
        for suffix in parts {
            disk::chmod(&disk::part(&place.store, suffix), mode);
        }
        let sidecar = program.serve(&place.url());
        let down = sidecar.target().down().await;
        assert_eq!(down.reason, "permission", "{what}: {down:?}");
        assert!(down.message.contains("Let the exporter's user read"), "{what}: {down:?}");
        let check = program.check(&place.url());
        let said = String::from_utf8_lossy(&check.stdout).into_owned();
        assert_eq!(check.status.code(), Some(1), "{what}: check says\n{said}");
        assert!(
            said.contains("permission") && said.contains(&place.store.display().to_string()),
            "{what}: {said}"
        );

        for suffix in parts {
            disk::chmod(&disk::part(&place.store, suffix), 0o644);
        }
        let readable = sidecar.target().fresh_scrape().await;
        if parts.contains(&"-shm") {
            assert_eq!(crate::value(&readable, "duroxide_store_replica"), 0.0, "{what}");
        } else {
            assert_copy(what, &original, newest, &readable, Exporter::Fresh).await;
        }
    }
}

/// The directory alone is closed: nothing in it can even be looked at.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_may_not_be_entered_is_down_with_a_message_that_helps() {
    let scratch = Scratch::new();
    let place = Place::new(&scratch, "place");
    let (_provider, _) = past::create(&place.store).await;
    disk::chmod(&place.directory, if disk::is_root() { 0o700 } else { 0o000 });
    let program = Program::unprivileged(BUILT);
    let sidecar = program.serve(&place.url());
    let down = sidecar.target().down().await;
    disk::chmod(&place.directory, 0o755);
    assert_eq!(down.reason, "permission", "{down:?}");
    assert!(down.message.contains("directory"), "{down:?}");
    assert!(
        down.message.contains(&Path::new("place").join("store.db").display().to_string()),
        "{STORE}: {down:?}"
    );
}
