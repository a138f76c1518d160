use duroxide::providers::ProviderError;

use super::super::fixture::Fake;
use crate::management::{ManagementAPI, ManagementError, PurgeReport, PurgeRequest, Timestamp};

/// Everything of the tests that ended, ended before this time.
const NOW: Timestamp = Timestamp::from_unix_millis(1000);
const EARLY: u64 = 10;
const LATE: u64 = 1000;

fn request() -> PurgeRequest {
    PurgeRequest::older_than(NOW)
}

fn locked() -> ProviderError {
    ProviderError::retryable("delete_instances_atomic", "database is locked")
}

/// Deletes; what a dry run said before must be what happened.
async fn purge(fake: &Fake, request: PurgeRequest) -> PurgeReport {
    let planned = fake.purge_completed(request.dry_run()).await.unwrap();
    assert!(planned.dry_run);
    assert!(fake.state().batches.is_empty(), "a dry run deleted something");
    let done = fake.purge_completed(request).await.unwrap();
    assert_eq!(PurgeReport { dry_run: false, ..planned }, done);
    assert_eq!(fake.state().batches.concat(), done.instances);
    done
}

#[tokio::test]
async fn only_whole_trees_that_ended_early_are_deleted() {
    let fake = Fake::new();
    for (id, parent, ended) in [
        ("whole", None, EARLY),
        ("whole::sub::2", Some("whole"), EARLY),
        ("whole::sub::2::sub::2", Some("whole::sub::2"), EARLY),
        ("alone", None, LATE - 1),
        ("child-runs", None, EARLY),
        ("child-runs::sub::2", Some("child-runs"), EARLY),
        ("child-runs::sub::2::sub::2", Some("child-runs::sub::2"), 0),
        ("child-late", None, EARLY),
        ("child-late::sub::2", Some("child-late"), LATE),
        ("late", None, LATE),
        ("runs", None, 0),
        ("between", None, EARLY),
        ("unknown-end", None, EARLY),
        ("no-end", None, EARLY),
        ("orphan", Some("gone"), EARLY),
        ("failed", None, EARLY),
    ] {
        fake.add(id, parent, ended);
    }
    fake.state().row("between").status = "ContinuedAsNew".to_owned();
    fake.state().row("unknown-end").completed_at = Some(0);
    fake.state().row("no-end").completed_at = None;
    fake.state().row("failed").status = "Failed".to_owned();

    let report = purge(&fake, request()).await;
    assert_eq!(
        report.instances,
        ["whole", "whole::sub::2", "whole::sub::2::sub::2", "alone", "orphan", "failed"]
    );
    assert_eq!((report.trees_deleted, report.trees_kept, report.failures.len()), (4, 5, 0));
    assert_eq!(fake.state().ids.len(), 10);
    let again = fake.purge_completed(request()).await.unwrap();
    assert_eq!((again.trees_deleted, again.instances.len()), (0, 0));
}

#[tokio::test]
async fn batches_hold_whole_trees_and_large_trees_go_alone() {
    let fake = Fake::new();
    for tree in 0..30 {
        let root = format!("t{tree}");
        fake.add(&root, None, EARLY);
        for n in 0..if tree == 20 { 149 } else { 6 } {
            fake.add(&format!("{root}.{n}"), Some(&root), EARLY);
        }
    }
    let report = purge(&fake, request()).await;
    assert_eq!((report.trees_deleted, report.instances.len()), (30, 29 * 7 + 150));
    let sizes: Vec<_> = fake.state().batches.iter().map(Vec::len).collect();
    assert_eq!(sizes, [98, 42, 150, 63], "the fake refuses to split trees");
}

#[tokio::test]
async fn a_tree_too_large_for_one_statement_is_left_whole() {
    let fake = Fake::new();
    for (root, children) in [("small", 9_999), ("large", 10_000)] {
        fake.add(root, None, EARLY);
        for n in 0..children {
            fake.add(&format!("{root}.{n}"), Some(root), EARLY);
        }
    }
    let report = purge(&fake, request()).await;
    assert_eq!((report.trees_deleted, report.instances.len(), report.trees_kept), (1, 10_000, 0));
    assert!(report.failures[0].contains("\"large\""), "{:?}", report.failures);
    assert_eq!(fake.state().ids.len(), 10_001);
}

#[tokio::test]
async fn at_most_so_many_trees() {
    for (most, expected) in [(0, 0), (1, 1), (3, 3), (7, 5)] {
        let fake = Fake::new();
        for n in 0..5 {
            fake.add(&format!("t{n}"), None, EARLY);
            fake.add(&format!("t{n}.c"), Some(&format!("t{n}")), EARLY);
        }
        let report = purge(&fake, request().max_trees(most)).await;
        assert_eq!(report.trees_deleted, expected);
        assert!(
            report.instances.iter().all(|id| id[1..2].parse::<u64>().unwrap() < expected),
            "oldest first"
        );
    }
}

#[tokio::test]
async fn a_refused_batch_is_tried_tree_by_tree() {
    let fake = Fake::new();
    for n in 0..5 {
        fake.add(&format!("t{n}"), None, EARLY);
    }
    fake.state().refused = Some("t2".to_owned());
    let report = fake.purge_completed(request()).await.unwrap();
    assert_eq!(report.instances, ["t0", "t1", "t3", "t4"]);
    assert_eq!(report.failures.len(), 1);
    assert!(report.failures[0].contains("\"t2\"") && report.failures[0].contains("refused"), "{report:?}");
    assert_eq!(fake.state().ids, ["t2"]);
}

#[tokio::test]
async fn a_locked_store_is_tried_again_for_a_while() {
    let fake = Fake::new();
    fake.add("a", None, EARLY);
    fake.state().deletions.extend([(locked(), false), (locked(), false)]);
    let report = fake.purge_completed(request()).await.unwrap();
    assert_eq!((report.trees_deleted, report.failures.len()), (1, 0));

    // The connection broke after the deletion: it happened, and is told.
    fake.add("b", None, EARLY);
    fake.state().deletions.push_back((locked(), true));
    let report = fake.purge_completed(request()).await.unwrap();
    assert_eq!((report.instances, report.failures.len()), (vec!["b".to_owned()], 0));
}

#[tokio::test]
async fn a_store_that_stays_locked_ends_the_purge_without_losing_what_was_done() {
    let first = Fake::new();
    first.add("a", None, EARLY);
    first.state().deletions.extend((0..100).map(|_| (locked(), false)));
    // The second deletion and all later ones fail.
    let mut deletions = 0;
    let later = Fake::new().hooked(move |method, _, _| {
        deletions += u32::from(method == "delete");
        if method == "delete" && deletions > 1 { Err(locked()) } else { Ok(()) }
    });
    for n in 0..150 {
        later.add(&format!("t{n}"), None, EARLY);
    }
    let (nothing, part) = tokio::join!(first.purge_completed(request()), later.purge_completed(request()));
    assert!(matches!(nothing, Err(ManagementError::Unavailable(_))), "{nothing:?}");
    let part = part.unwrap();
    assert_eq!((part.trees_deleted, part.instances.len(), part.failures.len()), (100, 100, 1));
    assert!(part.failures[0].contains("locked"), "{:?}", part.failures);
}

#[tokio::test]
async fn trees_are_looked_at_again_right_before() {
    // When the last tree is found, the first ones change.
    let fake = Fake::new().hooked(|method, id, state| {
        if method == "get_instance_info" && id == "t4" && state.rows["t0"].status == "Completed" {
            state.row("t0").status = "Running".to_owned();
            state.add("t1.late", Some("t1"), 0);
            state.add("t2.late", Some("t2"), EARLY);
            state.remove("t3");
        }
        Ok(())
    });
    for n in 0..5 {
        fake.add(&format!("t{n}"), None, EARLY);
    }
    let report = fake.purge_completed(request()).await.unwrap();
    assert_eq!(report.instances, ["t2", "t2.late", "t4"]);
    assert_eq!((report.trees_deleted, report.trees_kept, report.failures.len()), (2, 2, 0));
}

#[tokio::test]
async fn trees_that_stay_after_all_make_room_for_others() {
    let fake = Fake::new().hooked(|method, id, state| {
        if method == "get_instance_info" && id == "t1" {
            state.row("t0").status = "Running".to_owned();
        }
        Ok(())
    });
    for n in 0..4 {
        fake.add(&format!("t{n}"), None, EARLY);
    }
    let report = fake.purge_completed(request().max_trees(2)).await.unwrap();
    assert_eq!(report.instances, ["t1", "t2"]);
}

#[tokio::test]
async fn what_cannot_be_looked_at_again_is_not_deleted() {
    let mut looks = 0;
    let fake = Fake::new().hooked(move |method, id, _| {
        looks += u32::from(method == "get_instance_info" && id == "t1");
        let again = method == "get_instance_info" && id == "t1" && looks > 1;
        if again { Err(ProviderError::permanent("get_instance_info", "damaged")) } else { Ok(()) }
    });
    for n in 0..3 {
        fake.add(&format!("t{n}"), None, EARLY);
    }
    let report = fake.purge_completed(request()).await.unwrap();
    assert_eq!(report.instances, ["t0", "t2"]);
    assert_eq!(report.failures.len(), 1);
    assert!(report.failures[0].contains("\"t1\"") && report.failures[0].contains("damaged"), "{report:?}");
}
