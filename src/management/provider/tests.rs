use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::{Provider, ProviderError};
use duroxide::{Event, EventKind};

use super::fixture::Fake;
use crate::labels::{ExecutionStatus, InstanceStatus};
use crate::management::{
    Capability, InstanceFilter, ManagementAPI, ManagementError, PageRequest, ProviderManagement,
    PurgeRequest, SearchField, SearchQuery, Timestamp,
};

fn running() -> InstanceFilter {
    InstanceFilter { status: Some(InstanceStatus::Running), ..InstanceFilter::default() }
}

fn event(id: u64) -> Event {
    Event::with_event_id(id, "a", 1, None, EventKind::OrchestrationCompleted { output: "secret".to_owned() })
}

#[tokio::test]
async fn a_provider_without_an_admin_capability_offers_nothing_and_says_so() {
    let fake: Arc<dyn Provider> = Arc::new(Fake { without_admin: true, ..Fake::new() });
    let management: Arc<dyn ManagementAPI> = Arc::new(ProviderManagement::new(fake));
    assert_eq!(management.capabilities().iter().count(), 0);
    let page = PageRequest::default;
    let answers = [
        management.list_instances(page()).await.err(),
        management.list_instances_filtered(running(), page()).await.err(),
        management.count_instances(running()).await.err(),
        management.search_instances("a".into()).await.err(),
        management.get_instance_info("a").await.err(),
        management.get_instance_tree("a").await.err(),
        management.list_executions("a", page()).await.err(),
        management.latest_execution_id("a").await.err(),
        management.read_execution("a", 1, page()).await.err(),
        management.get_execution_metadata("a", 1).await.err(),
        management.get_execution_timeline("a", 1).await.err(),
        management.get_metrics().await.err(),
        management.get_queue_depths().await.err(),
        management.purge_completed(PurgeRequest::older_than(Timestamp::now())).await.err(),
        management.export_instance("a").await.err(),
    ];
    for (n, answer) in answers.into_iter().enumerate() {
        assert!(matches!(answer, Some(ManagementError::Unsupported { .. })), "{n}: {answer:?}");
    }
}

#[tokio::test]
async fn capabilities_of_the_sqlite_provider_leave_out_the_times_it_does_not_tell() {
    for (name, tells) in [("sqlite", false), ("duroxide-pg", true)] {
        let fake = Fake { name: Some(name), ..Fake::new() };
        assert_eq!(fake.capabilities().has(Capability::InstanceTimes), tells);
        assert_eq!(fake.capabilities().has(Capability::ExecutionTimes), tells);
        assert!(!fake.capabilities().has(Capability::ExactQueueDepths));
        fake.state().created_at = 5;
        fake.add("a", None, 0);
        let after = |ms| Some(Timestamp::from_unix_millis(ms));
        let filter = InstanceFilter { created_after: after(5), ..InstanceFilter::default() };
        let list = fake.list_instances_filtered(filter.clone(), PageRequest::default()).await;
        let count = fake.count_instances(filter).await;
        if tells {
            assert_eq!(list.unwrap().items.len(), 1);
            assert_eq!(count.unwrap().total(), 1);
        } else {
            assert!(matches!(list, Err(ManagementError::Unsupported { .. })));
            assert!(matches!(count, Err(ManagementError::Unsupported { .. })));
        }
    }
}

#[tokio::test]
async fn what_the_framework_makes_up_is_left_out() {
    let fake = Fake::new();
    fake.add("running", None, 0);
    fake.add("ended", None, 7);
    let info = fake.get_instance_info("running").await.unwrap();
    assert_eq!((info.created_at, info.updated_at), (None, None));
    let running = fake.get_execution_metadata("running", 1).await.unwrap();
    assert_eq!((running.output, running.output_bytes, running.completed_at), (None, None, None));
    let ended = fake.get_execution_metadata("ended", 1).await.unwrap();
    assert_eq!((ended.output.as_deref(), ended.output_bytes, ended.started_at), (Some("out"), Some(3), None));
    assert_eq!(ended.completed_at, Some(Timestamp::from_unix_millis(7)));
    assert_eq!(ended.status, ExecutionStatus::Completed);

    let metrics = fake.get_metrics().await.unwrap();
    assert_eq!(metrics.running_instances, 3, "those between two executions run, too");
    assert_eq!(fake.get_queue_depths().await.unwrap().timer_queue, None, "no queue of timers is counted");
}

#[tokio::test]
async fn only_the_page_is_looked_at() {
    let fake = Fake::new();
    for n in 0..500 {
        fake.add(&format!("i{n}"), None, 1);
    }
    let first = fake.list_instances(PageRequest::first(10)).await.unwrap();
    assert_eq!(first.items[0].instance_id, "i499");
    assert_eq!(fake.state().lookups, 10);
    let second = fake.list_instances(PageRequest::first(10).after(first.next.unwrap())).await.unwrap();
    assert_eq!(second.items[0].instance_id, "i489");
    // Nothing runs, and that is known without a look.
    fake.state().row("i7").status = "Failed".to_owned();
    assert!(fake.list_instances_filtered(running(), PageRequest::first(10)).await.unwrap().items.is_empty());
    assert_eq!(fake.state().lookups, 20);

    let whole = fake.list_instances(PageRequest::first(500)).await.unwrap();
    assert_eq!((whole.items.len(), whole.next), (500, None));
    for page in [PageRequest::first(0), PageRequest::first(1).after("nonsense")] {
        let answer = fake.list_instances(page).await;
        assert!(matches!(answer, Err(ManagementError::InvalidArgument { .. })));
    }
}

#[tokio::test]
async fn filters_take_those_between_two_executions_for_running() {
    let fake = Fake::new();
    fake.add("parent", None, 0);
    fake.add("between", Some("parent"), 0);
    fake.add("done", Some("parent"), 9);
    fake.add("failed", None, 9);
    fake.state().row("between").status = "ContinuedAsNew".to_owned();
    fake.state().row("failed").status = "Failed".to_owned();
    let ids = async |filter: InstanceFilter| {
        let page = fake.list_instances_filtered(filter.clone(), PageRequest::default()).await.unwrap();
        assert_eq!(fake.count_instances(filter).await.unwrap().total(), page.items.len() as u64);
        page.items.into_iter().map(|info| info.instance_id).collect::<Vec<_>>()
    };
    let status = |status| InstanceFilter { status: Some(status), ..InstanceFilter::default() };
    assert_eq!(ids(running()).await, ["between", "parent"]);
    assert_eq!(ids(status(InstanceStatus::Completed)).await, ["done"]);
    assert_eq!(ids(status(InstanceStatus::Failed)).await, ["failed"]);
    assert!(ids(status(InstanceStatus::Unknown)).await.is_empty());
    let children = |status| InstanceFilter { parent_instance_id: Some("parent".to_owned()), ..status };
    assert_eq!(ids(children(InstanceFilter::default())).await, ["done", "between"]);
    assert_eq!(ids(children(running())).await, ["between"]);
    assert!(ids(InstanceFilter { orchestration: Some("Other".to_owned()), ..running() }).await.is_empty());
}

#[tokio::test]
async fn searches_say_where_they_found_it() {
    let fake = Fake::new();
    fake.add("Sunny-1", None, 1);
    fake.add("2", None, 1);
    fake.add("3", None, 1);
    fake.state().row("2").custom_status = Some("waits for SUNshine".to_owned());
    let found = fake.search_instances("suN".into()).await.unwrap();
    let found: Vec<_> = found.items.iter().map(|hit| (&*hit.instance.instance_id, &*hit.matched)).collect();
    assert_eq!(found, [("2", &[SearchField::CustomStatus][..]), ("Sunny-1", &[SearchField::InstanceId])]);
    assert_eq!(fake.search_instances("ORDER".into()).await.unwrap().items.len(), 3, "by name");
    let first = fake.search_instances(SearchQuery::new("order").limit(2)).await.unwrap();
    let next = fake.search_instances(SearchQuery::new("order").after(first.next.unwrap())).await.unwrap();
    assert_eq!((next.items[0].instance.instance_id.as_str(), next.next), ("Sunny-1", None));
    let payloads = fake.search_instances(SearchQuery::new("out").payloads(true)).await;
    assert!(matches!(payloads, Err(ManagementError::Unsupported { .. })));
    let nothing = fake.search_instances("".into()).await;
    assert!(matches!(nothing, Err(ManagementError::InvalidArgument { .. })));
}

#[tokio::test]
async fn a_slow_store_gives_a_part_and_goes_on_from_there() {
    let fake = Fake { slow: Duration::from_millis(700), ..Fake::new() };
    for n in 0..12 {
        fake.add(&format!("i{n}"), None, 0);
    }
    let (list, search, count) = tokio::join!(
        fake.list_instances_filtered(running(), PageRequest::default()),
        fake.search_instances("i0".into()),
        fake.count_instances(running()),
    );
    let (list, search) = (list.unwrap(), search.unwrap());
    assert!(list.partial && !list.items.is_empty() && list.items.len() < 12, "{}", list.items.len());
    assert!(search.partial && search.items.is_empty() && search.next.is_some());
    assert!(count.unwrap().partial);
    let rest = fake
        .list_instances_filtered(running(), PageRequest::default().after(list.next.unwrap()))
        .await
        .unwrap();
    assert_eq!((list.items.len() + rest.items.len(), rest.partial), (12, false));
}

#[tokio::test]
async fn absent_is_what_another_call_says_is_absent() {
    let fake = Fake::new().hooked(|method, id, _| match (method, id) {
        ("get_instance_info", "broken") => Err(ProviderError::permanent("op", "row \"secret\" not found")),
        ("get_instance_info", "busy") => Err(ProviderError::retryable("op", "database is locked")),
        _ => Ok(()),
    });
    for id in ["broken", "busy", "well"] {
        fake.add(id, None, 1);
    }
    // The provider's own words for it hold neither "not" nor "found".
    let absent = [
        fake.get_instance_info("absent").await.err(),
        fake.get_instance_tree("absent").await.err(),
        fake.list_executions("absent", PageRequest::default()).await.err(),
        fake.latest_execution_id("absent").await.err(),
        fake.read_execution("absent", 1, PageRequest::default()).await.err(),
        fake.get_execution_metadata("absent", 1).await.err(),
        fake.export_instance("absent").await.err(),
        fake.get_execution_metadata("well", 2).await.err(),
        fake.read_execution("well", 2, PageRequest::default()).await.err(),
        fake.get_execution_metadata("well", 1 << 63).await.err(),
        fake.read_execution("well", u64::MAX, PageRequest::default()).await.err(),
    ];
    for (n, error) in absent.into_iter().enumerate() {
        assert!(matches!(error, Some(ManagementError::NotFound { .. })), "{n}: {error:?}");
    }
    let broken = fake.get_instance_info("broken").await.unwrap_err();
    assert!(matches!(&broken, ManagementError::Failed(why) if !why.contains("secret")), "{broken:?}");
    let busy = fake.get_instance_info("busy").await.unwrap_err();
    assert!(matches!(busy, ManagementError::Unavailable(_)));
}

#[tokio::test]
async fn histories_come_in_pages_and_undecodable_ones_not_at_all() {
    let fake = Fake::new();
    for id in ["whole", "undecodable", "short"] {
        fake.add(id, None, 1);
    }
    let refused = ProviderError::permanent("read", "Failed to deserialize event: unknown variant `secret`");
    fake.state().row("whole").history = Ok((1..=5).map(event).collect());
    fake.state().row("undecodable").history = Err(refused);
    // A provider that leaves out what it cannot decode.
    fake.state().row("short").history = Ok(vec![event(1)]);
    fake.state().row("short").event_count = 2;

    let first = fake.read_execution("whole", 1, PageRequest::first(3)).await.unwrap();
    let rest = fake
        .read_execution("whole", 1, PageRequest::first(3).after(first.next.clone().unwrap()))
        .await
        .unwrap();
    let ids: Vec<_> = first.items.iter().chain(&rest.items).map(|event| event.event_id).collect();
    assert_eq!((ids, rest.next), (vec![1, 2, 3, 4, 5], None));
    assert_eq!(first.items[0].event_type, "OrchestrationCompleted");
    assert_eq!(fake.export_instance("whole").await.unwrap().history[0].len(), 5);
    for id in ["undecodable", "short"] {
        let error = fake.read_execution(id, 1, PageRequest::default()).await.unwrap_err();
        assert!(matches!(error, ManagementError::Undecodable { .. }), "{error:?}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[tokio::test]
async fn trees_begin_at_the_top_and_end_somewhere() {
    let fake = Fake::new();
    for (id, parent) in [("r", None), ("c1", Some("r")), ("c2", Some("r")), ("g", Some("c1"))] {
        fake.add(id, parent, 1);
    }
    for (id, parent) in [("orphan", Some("gone")), ("a", Some("b")), ("b", Some("a"))] {
        fake.add(id, parent, 1);
    }
    for id in ["r", "c2", "g"] {
        let tree = fake.get_instance_tree(id).await.unwrap();
        let ids: Vec<_> = tree.instances.iter().map(|info| info.instance_id.as_str()).collect();
        assert_eq!((tree.root_id.as_str(), ids, tree.partial), ("r", vec!["r", "c1", "c2", "g"], false));
    }
    assert_eq!(fake.get_instance_tree("orphan").await.unwrap().instances.len(), 1);
    let circle = fake.get_instance_tree("a").await.unwrap();
    assert_eq!(circle.instances.len(), 2);

    for n in 0..10_000 {
        fake.add(&format!("x{n}"), Some("orphan"), 1);
    }
    let large = fake.get_instance_tree("orphan").await.unwrap();
    assert!(large.partial);
    assert_eq!(large.instances.len(), 10_000);
}
