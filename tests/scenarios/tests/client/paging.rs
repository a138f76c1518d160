//! Pages of a list that changes under way.

use std::collections::HashSet;

use duroxide_exporter::{InstanceFilter, InstanceStatus, PageRequest};

use crate::Store;

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_is_seen_once_while_others_come_and_go() {
    let store = Store::new().await;
    let _runtime = store.runtime().await;
    for n in 0..60 {
        // Waits: nothing changes on its own.
        store.client.start_orchestration(format!("old-{n}"), "Event", "").await.unwrap();
    }
    for n in 0..60 {
        store.begun(&format!("old-{n}")).await;
    }
    for filter in [
        InstanceFilter::default(),
        InstanceFilter { status: Some(InstanceStatus::Running), ..InstanceFilter::default() },
    ] {
        let before: HashSet<_> = store.client.list_all_instances().await.unwrap().into_iter().collect();
        let mut seen = Vec::new();
        let mut request = PageRequest::first(7);
        let mut round = 0;
        loop {
            let page = store.client.list_instances_filtered(filter.clone(), request).await.unwrap();
            seen.extend(page.items.into_iter().map(|info| info.instance_id));
            let Some(next) = page.next else { break };
            request = PageRequest::first(7).after(next);
            // The last entry seen and the next one to be seen are among those that go.
            let all = store.client.list_all_instances().await.unwrap();
            let last = all.iter().position(|id| Some(id) == seen.last()).unwrap();
            for at in [last, last + 1, last / 2] {
                if let Some(id) = all.get(at) {
                    let _ = store.client.runtime().delete_instance(id, true).await;
                }
            }
            let added = format!("new-{round}-{}", filter.is_empty());
            store.begin(&added, "Event", "").await;
            round += 1;
        }
        let after: HashSet<_> = store.client.list_all_instances().await.unwrap().into_iter().collect();
        assert!(round > 4, "not enough pages to prove anything");
        for id in before.intersection(&after) {
            assert_eq!(seen.iter().filter(|seen| *seen == id).count(), 1, "{id}");
        }
        assert_eq!(seen.iter().collect::<HashSet<_>>().len(), seen.len(), "one came twice");
    }
}
