//! Everything that may be where a store should be: each is told apart with words that help, and a store put there
//! later is read without a restart.

use std::{fs, path::Path, process::Command};

use scenarios::{
    compare::Exporter,
    disk,
    exporter::{POLL_INTERVAL, Running},
    files::Scratch,
    sql,
};

use sqlx::SqliteConnection;

use crate::{assert_copy, past};

/// What is wrong, the reason told, words of the message.
const CASES: [(&str, &str, &[&str]); 13] = [
    ("missing", "unavailable", &["there is no such file", "Check the path"]),
    ("a directory", "unavailable", &["not a file", "Check the path"]),
    ("a pipe", "unavailable", &["not a file", "Check the path"]),
    ("empty", "schema", &["empty", "no store has been created"]),
    ("a text", "corrupt", &["not a SQLite database", "make it again"]),
    ("noise under a valid header", "corrupt", &["integrity_check"]),
    ("another database", "schema", &["not a duroxide store", "Point the URL at"]),
    ("no instance_locks", "schema", &["lacks instance_locks.", "Point the URL at"]),
    ("no status", "schema", &["lacks executions.status", "Point the URL at"]),
    ("a link to nowhere", "unavailable", &["it is a link", "there is no such file", "Check the path"]),
    ("a link to itself", "unavailable", &["symbolic links", "Check the path"]),
    ("a -wal that is a link", "unavailable", &["its -wal is no file", "does not follow"]),
    ("a -wal that was cut off", "corrupt", &["-wal", "integrity_check"]),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_in_the_place_of_a_store_is_told_and_a_store_put_there_is_read() {
    let scratch = Scratch::new();
    let (original, good) = (scratch.file("original.db"), scratch.file("good.db"));
    let (_provider, newest) = past::create(&original).await;
    disk::copy_at_rest(&original, &good).await;

    for (what, reason, words) in CASES {
        let path = scratch.file("store.db");
        let writer = put(what, &path, &good).await;
        let url = format!("sqlite:{}", path.display());
        let exporter = Running::with(&url, |exporter| exporter.poll_interval(POLL_INTERVAL)).await;
        let down = exporter.target().down().await;
        assert_eq!(down.reason, reason, "{what}: {down:?}");
        assert!(down.message.contains(&path.display().to_string()), "{what}: no path in {down:?}");
        for word in words {
            assert!(down.message.contains(word), "{what}: {word:?} is not in {down:?}");
        }

        if let Some(writer) = writer {
            // What it would fold in is damaged.
            let _ = sqlx::Connection::close(writer).await;
        }
        remove(&path);
        fs::copy(&good, scratch.file("new.db")).unwrap();
        fs::rename(scratch.file("new.db"), &path).unwrap();
        let recovered = exporter.fresh_scrape().await;
        assert_copy(what, &original, newest, &recovered, Exporter::Fresh).await;
        exporter.stop().await;
        remove(&path);
    }
}

/// Puts it there; who has it open, where somebody must.
async fn put(what: &str, path: &Path, good: &Path) -> Option<SqliteConnection> {
    match what {
        "missing" => {}
        "a directory" => fs::create_dir(path).unwrap(),
        "a pipe" => assert!(Command::new("mkfifo").arg(path).status().unwrap().success(), "mkfifo"),
        "empty" => fs::write(path, "").unwrap(),
        "a text" => {
            fs::write(path, "not a database, but a text that is long enough to be one.\n".repeat(100))
                .unwrap()
        }
        "noise under a valid header" => {
            let mut bytes = fs::read(good).unwrap();
            // The same noise every time: a linear congruential generator.
            let mut state = 42_u32;
            for byte in &mut bytes[100..] {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = state.to_be_bytes()[0];
            }
            fs::write(path, bytes).unwrap();
        }
        "another database" => {
            sql::execute(path, "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)").await
        }
        "no instance_locks" => {
            fs::copy(good, path).unwrap();
            sql::execute(path, "PRAGMA journal_mode = DELETE; DROP TABLE instance_locks").await;
        }
        "no status" => {
            fs::copy(good, path).unwrap();
            sql::execute(
                path,
                "PRAGMA journal_mode = DELETE; ALTER TABLE executions RENAME COLUMN status TO state",
            )
            .await;
        }
        "a link to itself" => std::os::unix::fs::symlink(path.file_name().unwrap(), path).unwrap(),
        "a -wal that is a link" => {
            fs::copy(good, path).unwrap();
            std::os::unix::fs::symlink("store.db", disk::part(path, "-wal")).unwrap();
        }
        "a -wal that was cut off" => {
            fs::copy(good, path).unwrap();
            let mut writer = sql::connect(path).await;
            let write = "PRAGMA journal_mode = WAL; CREATE TABLE more (a); INSERT INTO more VALUES (1)";
            sql::run(&mut writer, write).await;
            fs::OpenOptions::new().write(true).open(disk::part(path, "-wal")).unwrap().set_len(100).unwrap();
            return Some(writer);
        }
        "a link to nowhere" => std::os::unix::fs::symlink("/nowhere/store.db", path).unwrap(),
        _ => unreachable!("{what}"),
    }
    None
}

fn remove(path: &Path) {
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(disk::part(path, suffix));
    }
    let Ok(there) = fs::symlink_metadata(path) else { return };
    if there.is_dir() { fs::remove_dir(path).unwrap() } else { fs::remove_file(path).unwrap() }
}
