//! Payloads that nobody wants in memory.

use duroxide::providers::WorkItem;
use duroxide_exporter::{PageRequest, connect};
use scenarios::{sidecar::Program, sql, stores::Kind};

use crate::value;

const MIB: usize = 1 << 20;

/// What the exporter may need with any payload.
const MEMORY: u64 = 40 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn items_with_a_hundred_megabytes_are_counted_by_their_names_and_cost_no_memory() {
    let fresh = Kind::DuroxidePgOpt.create().await;
    let provider = fresh.store.provider().await;
    let item = WorkItem::ActivityExecute {
        instance: "large".to_owned(),
        execution_id: 1,
        id: 2,
        name: "Swallow".to_owned(),
        input: "x".repeat(100 * MIB),
        session_id: None,
        tag: None,
    };
    provider.enqueue_for_worker(item).await.unwrap();
    let message = WorkItem::ExternalRaised {
        instance: "large".to_owned(),
        name: "n".to_owned(),
        data: "x".repeat(100 * MIB),
    };
    provider.enqueue_for_orchestrator(message, None).await.unwrap();
    let exporter = Program::new(env!("CARGO_BIN_EXE_sidecar")).serve(&fresh.store.url());
    let scrape = exporter.target().fresh_scrape().await;
    let labels = [("activity", "Swallow"), ("state", "ready")];
    assert_eq!(value(&scrape, "duroxide_activity_queue_messages", &labels), Some(1.0));
    for queue in ["worker", "orchestrator"] {
        let undecodable = value(&scrape, "duroxide_queue_undecodable_messages", &[("queue", queue)]);
        assert_eq!(undecodable, Some(0.0), "{queue}");
    }
    let orphans = value(&scrape, "duroxide_queue_orphan_messages", &[("queue", "orchestrator")]);
    assert_eq!(orphans, Some(1.0));
    let peak = exporter.peak_memory();
    assert!(peak < MEMORY, "the exporter needed {} MiB", peak >> 20);
}

/// Pages end where the payload of one is enough, and go on behind it: nothing is left out, nothing comes twice.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_large_payloads_are_short_and_whole() {
    let fresh = Kind::DuroxidePg.create().await;
    let mut connection = fresh.store.connect().await;
    connection
        .run(
            "INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id)
               VALUES ('large', 'Large', '1.0.0', 40);
             INSERT INTO executions (instance_id, execution_id, status, output)
               SELECT 'large', n, 'ContinuedAsNew', repeat('o', 1048576) FROM generate_series(1, 40) AS n",
        )
        .await;
    let event = r#"{"event_id":N,"source_event_id":null,"instance_id":"large","execution_id":1,"timestamp_ms":1,"duroxide_version":"0.1.32","type":"ActivityScheduled","name":"A","input":"I"}"#;
    let event =
        format!("replace(replace('{event}', 'N', n::text), '\"I\"', '\"' || repeat('i', 1048576) || '\"')");
    connection
        .run(&format!(
            "INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data)
               SELECT 'large', 1, n, 'Event', {event} FROM generate_series(1, 30) AS n"
        ))
        .await;
    sql::execute(&fresh.store, "INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id, custom_status, created_at)
        SELECT 'status-' || n, 'Large', '1.0.0', 1, repeat('s', 262144), now() + n * interval '1 ms' FROM generate_series(1, 70) AS n").await;

    let api = connect(&fresh.store.url()).unwrap();
    let (mut events, mut executions, mut instances) = (Vec::new(), Vec::new(), Vec::new());
    let mut pages = [0; 3];
    let mut request = PageRequest::first(1000);
    loop {
        let page = api.read_execution("large", 1, request).await.unwrap();
        assert!(page.items.len() <= 9, "{}", page.items.len());
        pages[0] += 1;
        events.extend(page.items.iter().map(|event| event.event_id));
        let Some(next) = page.next else { break };
        request = PageRequest::first(1000).after(next);
    }
    request = PageRequest::first(1000);
    loop {
        let page = api.list_executions("large", request).await.unwrap();
        assert!(page.items.len() <= 9, "{}", page.items.len());
        pages[1] += 1;
        for execution in &page.items {
            assert_eq!(execution.output_bytes, Some(1_048_576));
        }
        executions.extend(page.items.iter().map(|execution| execution.execution_id));
        let Some(next) = page.next else { break };
        request = PageRequest::first(1000).after(next);
    }
    request = PageRequest::first(1000);
    loop {
        let page = api.list_instances(request).await.unwrap();
        assert!(page.items.len() <= 34, "{}", page.items.len());
        pages[2] += 1;
        for instance in page.items.iter().filter(|instance| instance.instance_id != "large") {
            assert_eq!(instance.custom_status.as_ref().map(String::len), Some(262_144));
        }
        instances.extend(page.items.into_iter().map(|instance| instance.instance_id));
        let Some(next) = page.next else { break };
        request = PageRequest::first(1000).after(next);
    }
    assert_eq!(events, (1..=30).collect::<Vec<u64>>());
    assert_eq!(executions, (1..=40).rev().collect::<Vec<u64>>());
    assert_eq!(instances.len(), 71);
    assert!(pages.iter().all(|pages| *pages >= 3), "{pages:?}");
}
