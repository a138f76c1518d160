//! Long histories and huge payloads.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use duroxide_exporter::{
    Capability, InstanceFilter, ManagementAPI, ManagementError, PageRequest, SearchQuery, TimelineOutcome,
};
use scenarios::{files::Scratch, sql};

use super::{offers, store};
use crate::{
    backends::over,
    subject::{Answer, walk},
};

const EVENTS: u64 = 10_000;

/// Fast enough for a person, in an unoptimised build on a busy machine.
const QUICK: Duration = Duration::from_secs(10);

async fn long(path: &Path) {
    let envelope = r#"'{"event_id":' || i || ',"source_event_id":' || CASE WHEN i % 2 THEN i - 1 ELSE 'null' END || ',"instance_id":"long","execution_id":1,"timestamp_ms":' || (1795408935949 + i) || ',"duroxide_version":"0.1.32",' ||
        CASE WHEN i % 2 THEN '"type":"ActivityCompleted","result":"r' || i || '"}' ELSE '"type":"ActivityScheduled","name":"Greet","input":"' || i || '"}' END"#;
    sql::execute(
        path,
        &format!(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < {EVENTS}) \
             INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data) \
             SELECT 'long', 1, i, CASE WHEN i % 2 THEN 'ActivityCompleted' ELSE 'ActivityScheduled' END, {envelope} FROM n"
        ),
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_history_is_read_to_its_end() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let provider = store(&path, &["long"]).await;
    long(&path).await;
    for (backend, api) in over(&path, &provider) {
        if offers(&api, &[Capability::Executions]) {
            assert_eq!(api.get_execution_metadata("long", 1).await.unwrap().event_count, EVENTS, "{backend}");
        }
        if !offers(&api, &[Capability::History]) {
            continue;
        }
        for size in [997, 1000, usize::MAX] {
            let (events, _) =
                walk(size, async |page| api.read_execution("long", 1, page).await).await.unwrap();
            let ids: Vec<_> = events.iter().map(|event| event.event_id).collect();
            assert_eq!(ids, (1..=EVENTS).collect::<Vec<_>>(), "{backend}, pages of {size}");
        }
        let timeline = api.get_execution_timeline("long", 1).await.unwrap();
        assert_eq!(timeline.entries.len(), 5_000, "{backend}");
        let open = timeline.entries.iter().filter(|entry| entry.outcome == TimelineOutcome::Open);
        assert_eq!(
            open.map(|entry| entry.event_id).collect::<Vec<_>>(),
            [EVENTS],
            "{backend}: the last one is open"
        );
        if offers(&api, &[Capability::Executions]) {
            let export = api.export_instance("long").await.unwrap();
            assert_eq!(export.history[0].len(), 10_000, "{backend}");
        }
    }
}

/// Of one payload; there are three of them.
const HUGE: usize = 100 << 20;

async fn huge(path: &Path, size: usize) {
    let event = |id: u64, rest: &str| {
        format!(
            r#"'{{"event_id":{id},"source_event_id":null,"instance_id":"huge","execution_id":1,"timestamp_ms":1795408935949,"duroxide_version":"0.1.32",{rest}' || printf('%.*c', {size}, 'x') || '"}}'"#
        )
    };
    let started = event(
        1,
        r#""type":"OrchestrationStarted","name":"Huge","version":"1.0.0","parent_instance":null,"parent_id":null,"input":""#,
    );
    let completed = event(2, r#""type":"OrchestrationCompleted","output":""#);
    sql::execute(
        path,
        &format!(
            "UPDATE history SET event_data = {started} WHERE instance_id = 'huge';
             INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data)
               VALUES ('huge', 1, 2, 'OrchestrationCompleted', {completed});
             UPDATE executions SET output = printf('%.*c', {size}, 'x') WHERE instance_id = 'huge';"
        ),
    )
    .await;
}

/// The answer, and that it came at once.
async fn quick<T>(what: &str, call: impl Future<Output = Answer<T>>) -> T {
    let began = Instant::now();
    let answer = call.await.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(began.elapsed() < QUICK, "{what} took {:?}", began.elapsed());
    answer
}

/// The answer, or that it would be too large.
async fn whole<T>(what: &str, call: impl Future<Output = Answer<T>>) -> Option<T> {
    let began = Instant::now();
    let answer = call.await;
    eprintln!("{what} took {:?}", began.elapsed());
    match answer {
        Ok(answer) => Some(answer),
        Err(ManagementError::TooLarge { bytes, limit, .. }) => {
            assert!(bytes > limit, "{what}: {bytes} bytes are too many for {limit}");
            None
        }
        Err(error) => panic!("{what}: {error}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_payload_makes_only_those_slow_who_ask_for_it() {
    let scratch = Scratch::new();
    let path = scratch.file("store.db");
    let provider = store(&path, &["small", "huge", "other"]).await;
    let [sqlite, (name, framework)] = over(&path, &provider);
    huge(&path, HUGE).await;
    beside(name, &framework).await;
    beside(sqlite.0, &sqlite.1).await;
    inside(sqlite.0, &sqlite.1, HUGE).await;
    // The framework's own decoder takes all of a history at once: a smaller one shows the same in less time.
    sql::execute(&path, "DELETE FROM history WHERE instance_id = 'huge' AND event_id = 2").await;
    huge(&path, HUGE / 8).await;
    inside(name, &framework, HUGE / 8).await;
}

async fn beside(backend: &str, api: &Arc<dyn ManagementAPI>) {
    let what = |method: &str| format!("{backend}: {method}");
    assert_eq!(quick(&what("info"), api.get_instance_info("huge")).await.instance_id, "huge");
    if offers(api, &[Capability::List]) {
        assert_eq!(quick(&what("list"), api.list_instances(PageRequest::default())).await.items.len(), 3);
        assert_eq!(quick(&what("count"), api.count_instances(InstanceFilter::default())).await.total(), 3);
    }
    if offers(api, &[Capability::Search]) {
        assert_eq!(quick(&what("search"), api.search_instances("HUGE".into())).await.items.len(), 1);
        assert!(quick(&what("search"), api.search_instances("xxxxxxxx".into())).await.items.is_empty());
    }
    if offers(api, &[Capability::Tree]) {
        assert_eq!(quick(&what("tree"), api.get_instance_tree("huge")).await.instances.len(), 1);
    }
    if offers(api, &[Capability::Metrics]) {
        assert_eq!(quick(&what("metrics"), api.get_metrics()).await.completed_instances, 3);
    }
}

async fn inside(backend: &str, api: &Arc<dyn ManagementAPI>, size: usize) {
    let what = |method: &str| format!("{backend}: {method}");
    if offers(api, &[Capability::Executions])
        && let Some(execution) = whole(&what("metadata"), api.get_execution_metadata("huge", 1)).await
    {
        assert_eq!(execution.output_bytes, u64::try_from(size).ok(), "{backend}");
        assert!(execution.output.is_none_or(|output| output.len() == size), "{backend}");
    }
    if offers(api, &[Capability::History]) {
        let first = whole(&what("history"), api.read_execution("huge", 1, PageRequest::default())).await;
        if let Some(page) = first {
            assert_eq!(page.items[0].fields["input"].as_str().unwrap().len(), size, "{backend}");
        }
        if let Some(timeline) = whole(&what("timeline"), api.get_execution_timeline("huge", 1)).await {
            assert_eq!(timeline.orchestration_name.as_deref(), Some("Huge"), "{backend}");
        }
    }
    if offers(api, &[Capability::Executions, Capability::History])
        && let Some(export) = whole(&what("export"), api.export_instance("huge")).await
    {
        assert_eq!(export.history[0][1].fields["output"].as_str().unwrap().len(), size, "{backend}");
    }
    if offers(api, &[Capability::SearchPayloads]) {
        let query = SearchQuery::new("xyz").payloads(true);
        let found = whole(&what("search of payloads"), api.search_instances(query)).await;
        assert!(found.is_none_or(|found| found.items.is_empty()), "{backend}");
    }
}
