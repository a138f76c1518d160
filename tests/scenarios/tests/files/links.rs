//! Paths with links in them: SQLite follows them and keeps the other files of a store beside the real one.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use scenarios::{
    compare::Exporter,
    disk,
    exporter::{POLL_INTERVAL, Running},
    files::Scratch,
    sql,
};

use crate::{assert_copy, assert_live, past};

async fn exporter(url: &str) -> Running {
    Running::with(url, |exporter| exporter.poll_interval(POLL_INTERVAL)).await
}

/// A directory with a live store in it, which another one has an instance more than.
async fn store(scratch: &Scratch, name: &str, more: usize) -> (PathBuf, impl Sized, i64) {
    fs::create_dir(scratch.file(name)).unwrap();
    let path = scratch.file(name).join("store.db");
    let (provider, newest) = past::create(&path).await;
    for number in 0..more {
        let insert = "INSERT INTO instances (instance_id, orchestration_name, orchestration_version)";
        sql::execute(&path, &format!("{insert} VALUES ('more {number}', 'More', '2')")).await;
    }
    (path, provider, newest)
}

/// A link that never points to nothing while it is switched.
fn switch(link: &Path, to: &Path) {
    let next = link.with_extension("next");
    symlink(to, &next).unwrap();
    fs::rename(&next, link).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_store_is_read_live_through_links_and_a_switched_link_is_followed() {
    let scratch = Scratch::new();
    let (a, _provider_a, _) = store(&scratch, "a", 0).await;
    let (b, _provider_b, _) = store(&scratch, "b", 3).await;
    fs::create_dir(scratch.file("links")).unwrap();
    // To the file, to a link, relative, and with a directory that is a link on the way.
    let links = |name: &str| scratch.file("links").join(name);
    switch(&links("file.db"), &a);
    switch(&links("chain.db"), Path::new("file.db"));
    switch(&links("directory"), &scratch.file("a"));
    switch(&links("both.db"), Path::new("directory/../a/store.db"));
    let paths = [links("file.db"), links("chain.db"), links("directory/store.db"), links("both.db")];

    for path in &paths {
        let what = path.display().to_string();
        let running = exporter(&format!("sqlite:{what}")).await;
        assert_live(&what, &a, async || running.fresh_scrape().await).await;
        switch(&links("file.db"), &b);
        switch(&links("directory"), &scratch.file("b"));
        let truth = if path.ends_with("both.db") { &a } else { &b };
        let before = scenarios::recount::recount(truth, scenarios::exporter::STORE).await.unwrap();
        let told = running.fresh_scrape().await;
        let report = scenarios::compare::differences(&before, &before, &told, Exporter::Seasoned);
        let report: String = report.lines().filter(|line| line.contains("duroxide_instances{")).collect();
        assert_eq!(report, "", "{what} was switched");
        running.stop().await;
        switch(&links("file.db"), &a);
        switch(&links("directory"), &scratch.file("a"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_behind_a_link_is_read_as_one() {
    let scratch = Scratch::new();
    let (live, _provider, newest) = store(&scratch, "live", 0).await;
    let (copy, link) = (scratch.file("copy.db"), scratch.file("link.db"));
    disk::copy_at_rest(&live, &copy).await;
    switch(&link, &copy);
    let running = exporter(&format!("sqlite:{}", link.display())).await;
    let told = running.fresh_scrape().await;
    assert_copy("a copy", &live, newest, &told, Exporter::Fresh).await;
    running.stop().await;
}

/// Whoever has opened a file by another name writes to a `-wal` that is beside that name.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_name_of_a_file_is_told_unless_it_is_said_to_be_a_copy() {
    let scratch = Scratch::new();
    let (live, _provider, newest) = store(&scratch, "live", 0).await;
    let other = scratch.file("other.db");
    fs::hard_link(&live, &other).unwrap();
    for query in ["", "?replica=false"] {
        let running = exporter(&format!("sqlite:{}{query}", other.display())).await;
        let down = running.target().down().await;
        assert_eq!(down.reason, "unavailable", "{down:?}");
        assert!(down.message.contains("hard links"), "{down:?}");
        assert!(down.message.contains("?replica=true"), "{down:?}");
        running.stop().await;
    }
    // The name that the application uses.
    let running = exporter(&format!("sqlite:{}", live.display())).await;
    assert_live("the first name", &live, async || running.fresh_scrape().await).await;
    running.stop().await;

    let (copy, backup) = (scratch.file("copy.db"), scratch.file("backup.db"));
    disk::copy_at_rest(&live, &copy).await;
    fs::hard_link(&copy, &backup).unwrap();
    let running = exporter(&format!("sqlite:{}?replica=true", backup.display())).await;
    assert_copy("a copy", &live, newest, &running.fresh_scrape().await, Exporter::Fresh).await;
    running.stop().await;
}
