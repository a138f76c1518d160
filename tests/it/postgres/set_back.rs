//! A server whose files are those of an earlier moment, and then the later ones again, as when a snapshot of its disk is
//! brought back and given up: each event counts once.

use std::path::Path;
use std::process::Command;

use cluster::Server;

use super::history::{counted, instance, open, poll, turn};
use super::store::Store;

/// Another state of the server's files takes their place; theirs are kept under a name.
fn swap(server: &Server, kept: &str, brought: Option<&str>) {
    server.stop_fast();
    let at = |name: &str| server.directory().join(name);
    copy(&at("data"), &at(kept));
    if let Some(brought) = brought {
        std::fs::remove_dir_all(at("data")).unwrap();
        copy(&at(brought), &at("data"));
    }
    server.start_again();
}

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

#[test]
fn a_server_that_goes_back_and_forth_counts_each_event_once() {
    let server = Server::start();
    let store = Store::new(&server);
    store.sql(&instance("old", 2));
    let state = tempfile::tempdir().unwrap();
    let mut probe = open(&store.url(), state.path());
    let before = counted(&poll(&mut probe)).0;
    swap(&server, "earlier", None);
    // The later state stays ahead of the other in transactions, whatever is written there.
    store.sql("do $$ begin for i in 1..100 loop perform txid_current(); commit; end loop; end $$");
    store.sql(&turn("instance_id = 'old'", 4, 5));
    store.sql(&instance("later", 9));
    let mut events = before + 12.0;
    assert_eq!(counted(&poll(&mut probe)).0, events);
    let mut kept = "later";
    for (round, brought) in ["earlier", "later", "branch", "later"].into_iter().enumerate() {
        swap(&server, kept, Some(brought));
        kept = if brought == "earlier" { "branch" } else { brought };
        for _ in 0..2 {
            assert_eq!(counted(&poll(&mut probe)).0, events, "round {round}: {brought}");
        }
        // Between there and where the other state ends, and beyond.
        store.sql(&instance(&format!("round-{round}"), 1));
        events += 2.0;
        assert_eq!(counted(&poll(&mut probe)).0, events, "round {round}: new in {brought}");
        drop(probe);
        probe = open(&store.url(), state.path());
    }
}
