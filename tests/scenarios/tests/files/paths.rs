//! Paths with everything in them that a file system takes: a URL that the framework opens is one that the exporter reads.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::symlink},
    path::Path,
    sync::Arc,
};

use duroxide::providers::sqlite::SqliteProvider;
use scenarios::{
    exporter::{POLL_INTERVAL, Running},
    files::Scratch,
    workload,
};

use crate::assert_live;

/// Names of files, and how a URL has them.
const NAMES: [(&str, &str); 14] = [
    ("a name with spaces .db", "a name with spaces .db"),
    ("a name with spaces .db ", "a%20name%20with%20spaces%20.db%20"),
    ("question?replica=true", "question%3Freplica=true"),
    ("hash#1", "hash#1"),
    ("percent%41", "percent%2541"),
    ("100%", "100%"),
    ("%zz", "%zz"),
    ("plus+and&more=1;x", "plus+and&more=1;x"),
    ("a:colon", "a:colon"),
    ("file:x", "file:x"),
    ("an@at", "an%40at"),
    ("quotes'\"`", "quotes'\"`"),
    ("back\\slash", "back\\slash"),
    ("naïve 🦀\n\t", "na%C3%AFve%20🦀%0A%09"),
];

/// The framework makes a store at a URL; the exporter, which has the same URL, reads the file that is there now.
async fn read(url: &str, file: &Path) {
    let provider = SqliteProvider::new(&format!("{url}?mode=rwc"), None).await;
    let provider = Arc::new(provider.unwrap_or_else(|error| panic!("{url}: {error}")));
    assert!(file.is_file(), "{url} is elsewhere");
    workload::queue_without_runtime(provider.clone()).await;
    let running = Running::with(url, |exporter| exporter.poll_interval(POLL_INTERVAL)).await;
    assert_live(url, file, async || running.fresh_scrape().await).await;
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_hold_any_character() {
    let scratch = Scratch::new();
    for (name, written) in NAMES {
        let directory = scratch.file("");
        read(&format!("sqlite:{}{written}", directory.display()), &scratch.file(name)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_may_begin_anywhere() {
    let scratch = Scratch::new();
    let path = |name: &str| scratch.file(name).display().to_string();
    let up = "../".repeat(std::env::current_dir().unwrap().components().count() - 1);
    let relative = |name: &str| format!("{up}{}", path(name).trim_start_matches('/'));
    fs::create_dir(scratch.file("directory")).unwrap();
    symlink("directory/../directory", scratch.file("link")).unwrap();
    symlink("directory/linked.db", scratch.file("link.db")).unwrap();
    for (url, file) in [
        (format!("sqlite:{}", relative("relative.db")), "relative.db"),
        (format!("sqlite:./{}", relative("dot.db")), "dot.db"),
        (format!("sqlite://{}", path("two.db")), "two.db"),
        (format!("sqlite:///{}", path("three.db")), "three.db"),
        (format!("sqlite:////{}", path("four.db")), "four.db"),
        (format!("sqlite:{}", path("directory//.././up.db")), "up.db"),
        (format!("sqlite:{}", relative("link/through.db")), "directory/through.db"),
        (format!("sqlite:{}", relative("link.db")), "directory/linked.db"),
    ] {
        read(&url, &scratch.file(file)).await;
    }
}

/// A URL cannot name it; what a link leads to may have any name.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_may_lead_to_a_name_that_is_no_utf_8() {
    let scratch = Scratch::new();
    let (real, link) = (scratch.file("").join(OsStr::from_bytes(b"\xff ?#%\xfe")), scratch.file("link"));
    fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    let store = link.join("store.db");
    read(&format!("sqlite:{}", store.display()), &store).await;
}
