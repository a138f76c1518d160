//! What the client refuses would have stalled the store; what it lets through arrives as the framework sends it.

use std::collections::BTreeMap;

use duroxide::ClientError;
use duroxide_exporter::{Client, ManagementError, PurgeRequest, Timestamp};
use scenarios::scrape::wait_for;

use crate::Store;

#[tokio::test(flavor = "multi_thread")]
async fn messages_to_nobody_are_refused_and_the_store_goes_on() {
    let store = Store::new().await;
    let _runtime = store.runtime().await;
    let client = &store.client;
    #[expect(deprecated, reason = "it is there as long as the framework's is")]
    let answers = [
        client.cancel_instance("nobody", "r").await,
        client.raise_event("nobody", "e", "d").await,
        client.raise_event_typed("nobody", "e", &1).await,
        client.enqueue_event("nobody", "q", "d").await,
        client.enqueue_event_typed("nobody", "q", &1).await,
        client.raise_event_persistent("nobody", "q", "d").await,
    ];
    for (n, answer) in answers.into_iter().enumerate() {
        assert!(matches!(answer, Err(ClientError::InstanceNotFound { .. })), "{n}: {answer:?}");
    }
    store.still_works("messages to nobody").await;
    assert_eq!(store.number("SELECT COUNT(*) FROM orchestrator_queue").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_was_just_started_does_not_exist_yet() {
    let store = Store::new().await;
    store.client.start_orchestration("i", "Event", "").await.unwrap();
    let early = store.client.cancel_instance("i", "too early").await;
    assert!(matches!(early, Err(ClientError::InstanceNotFound { .. })), "{early:?}");
    let _runtime = store.runtime().await;
    store.begun("i").await;
    store.client.cancel_instance("i", "enough").await.unwrap();
    assert_eq!(store.end("i").await, Err("canceled: enough".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nul_characters_and_ids_nobody_can_have_are_refused_everywhere() {
    let store = Store::new().await;
    let runtime = store.runtime().await;
    store.begin("i", "Event", "").await;
    runtime.shutdown(None).await;
    let client = &store.client;
    let deep = BTreeMap::from([("k", vec!["fine", "secret\0"])]);
    let mut refused = Vec::new();
    for id in ["", "nul\0", "sub::1", "a::sub::2"] {
        refused.extend([
            client.start_orchestration(id, "o", "").await,
            client.start_orchestration_versioned(id, "o", "1.0.0", "").await,
            client.start_orchestration_typed(id, "o", 1).await,
            client.start_orchestration_versioned_typed(id, "o", "1.0.0", 1).await,
        ]);
    }
    for id in ["", "nul\0"] {
        refused.extend([
            client.cancel_instance(id, "r").await,
            client.raise_event(id, "e", "d").await,
            client.raise_event_typed(id, "e", &1).await,
            client.enqueue_event(id, "q", "d").await,
            client.enqueue_event_typed(id, "q", &1).await,
        ]);
    }
    refused.extend([
        client.start_orchestration("n", "\0", "").await,
        client.start_orchestration("n", "o", "\0").await,
        client.start_orchestration_versioned("n", "\0", "1.0.0", "").await,
        client.start_orchestration_versioned("n", "o", "\0", "").await,
        client.start_orchestration_versioned("n", "o", "1.0.0", "\0").await,
        client.start_orchestration_typed("n", "\0", 1).await,
        client.start_orchestration_typed("n", "o", &deep).await,
        client.start_orchestration_versioned_typed("n", "\0", "1.0.0", 1).await,
        client.start_orchestration_versioned_typed("n", "o", "\0", 1).await,
        client.start_orchestration_versioned_typed("n", "o", "1.0.0", "secret\0").await,
        client.cancel_instance("i", "\0").await,
        client.raise_event("i", "\0", "d").await,
        client.raise_event("i", "e", "\0").await,
        client.raise_event_typed("i", "\0", &1).await,
        client.raise_event_typed("i", "e", &deep).await,
        client.enqueue_event("i", "\0", "d").await,
        client.enqueue_event("i", "q", "\0").await,
        client.enqueue_event_typed("i", "\0", &1).await,
        client.enqueue_event_typed("i", "q", &deep).await,
        // The framework's client panics over what cannot be serialised.
        client.raise_event_typed("i", "e", &BTreeMap::from([(vec![1], 1)])).await,
    ]);
    for (n, answer) in refused.into_iter().enumerate() {
        let Err(ClientError::InvalidInput { message }) = &answer else { panic!("{n}: {answer:?}") };
        assert!(!message.contains("secret"), "{message}");
    }
    assert_eq!(store.number("SELECT COUNT(*) FROM orchestrator_queue").await, 0, "something was sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_what_the_frameworks_client_sends() {
    let store = Store::new().await;
    let runtime = store.runtime().await;
    store.begin("i", "Event", "").await;
    runtime.shutdown(None).await;
    let (ours, theirs) = (&store.client, store.client.runtime());
    let typed = serde_json::json!({"b": [1, null, "ü\"\\"], "a": 1.5});
    for client in 0..2 {
        macro_rules! send {
            ($($method:ident($($argument:expr),*);)*) => {$(
                if client == 0 { ours.$method($($argument),*).await.unwrap() }
                else { theirs.$method($($argument),*).await.unwrap() }
            )*};
        }
        send! {
            start_orchestration("n", "o", "in");
            start_orchestration_versioned("n", "o", "1.0.0", "in");
            start_orchestration_typed("n", "o", &typed);
            start_orchestration_typed("n", "o", "a text stays as it is");
            start_orchestration_versioned_typed("n", "o", "1.0.0", &typed);
            raise_event("i", "e", "d");
            raise_event_typed("i", "e", &typed);
            enqueue_event("i", "q", "d");
            enqueue_event_typed("i", "q", &typed);
            cancel_instance("i", "r");
        }
    }
    let sent = store.rows("SELECT work_item FROM orchestrator_queue ORDER BY id").await;
    assert_eq!(sent.len(), 20);
    assert_eq!(sent[..10], sent[10..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_ids_are_ids_like_others() {
    let store = Store::new().await;
    let _runtime = store.runtime().await;
    let odd = [
        "i".repeat(10_000),
        "ünïcödé-日本語-🦀".to_owned(),
        "it's \"quoted\" `back` \\slash\\ and/or ../../etc".to_owned(),
        "line\nbreak\ttab \u{1b}[31m".to_owned(),
        "'; DROP TABLE instances; --".to_owned(),
        "%_?#&=+ tenant::7::order".to_owned(),
        " ".to_owned(),
    ];
    for id in &odd {
        store.begin(id, "Event", "").await;
        store.client.raise_event(id, "Approval", "yes").await.unwrap();
        assert_eq!(store.end(id).await.as_deref(), Ok("yes"), "{id:?}");
        let info = store.client.get_instance_info(id).await.unwrap();
        assert_eq!(&info.instance_id, id);
        assert_eq!(store.client.get_instance_tree(id).await.unwrap().root_id, *id);
        assert!(!store.client.read_execution_history(id, 1).await.unwrap().is_empty());
        let found = store.client.search_instances(id.as_str()).await.unwrap();
        assert!(found.items.iter().any(|hit| hit.instance.instance_id == *id), "{id:?}");
    }
    let absent = store.client.get_instance_info(&"x".repeat(10_000)).await.unwrap_err();
    assert!(absent.to_string().len() < 400, "a long id is not repeated in full");
    let all = Timestamp::from_unix_millis(Timestamp::now().unix_millis() + 1000);
    let purged = store.client.purge_completed(PurgeRequest::older_than(all)).await.unwrap();
    assert_eq!((purged.trees_deleted, purged.failures.len()), (odd.len() as u64, 0));
    assert!(store.client.list_all_instances().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_management_the_runtime_half_works_and_the_other_says_why_not() {
    let store = Store::new().await;
    let _runtime = store.runtime().await;
    let client = Client::new(store.provider.clone());
    client.start_orchestration("state", "State", "0").await.unwrap();
    wait_for("a custom status", async || {
        let status = client
            .wait_for_status_change(
                "state",
                0,
                std::time::Duration::from_millis(5),
                scenarios::scrape::PATIENCE,
            )
            .await;
        status.is_ok().then_some(())
    })
    .await;
    assert_eq!(client.wait_for_kv_value("state", "kept", scenarios::scrape::PATIENCE).await.unwrap(), "1");
    assert_eq!(client.get_kv_value_typed::<u32>("state", "kept").await.unwrap(), Some(1));
    assert!(client.get_kv_all_values("state").await.unwrap().contains_key("kept"));
    assert!(client.get_orchestration_stats("state").await.unwrap().is_some());
    assert!(!client.has_management_capability());
    assert!(client.management().is_none());
    for error in [
        client.list_all_instances().await.unwrap_err(),
        client.get_system_metrics().await.unwrap_err(),
        client.purge_completed(PurgeRequest::older_than(Timestamp::now())).await.unwrap_err(),
    ] {
        assert!(matches!(error, ManagementError::NotConfigured), "{error:?}");
        assert!(error.to_string().contains("management API not configured"));
    }
}
