//! First pages of the list of instances, through the library.

use std::time::Instant;

use duroxide_exporter::{InstanceFilter, InstanceStatus, PageRequest, connect};

use crate::stats::quantile;

const TIMES: usize = 11;
const ENTRIES: usize = 50;

pub(crate) async fn run(store: &str) -> anyhow::Result<()> {
    let api = connect(store)?;
    let running = InstanceFilter { status: Some(InstanceStatus::Running), ..InstanceFilter::default() };
    let none = InstanceFilter { orchestration: Some("None".to_owned()), ..InstanceFilter::default() };
    for (what, filter) in [
        ("all", InstanceFilter::default()),
        ("the one in ten that runs", running),
        ("a name that none has", none),
    ] {
        let mut seconds = Vec::new();
        let (mut entries, mut partial) = (0, false);
        for _ in 0..TIMES {
            let began = Instant::now();
            let page = api.list_instances_filtered(filter.clone(), PageRequest::first(ENTRIES)).await?;
            seconds.push(began.elapsed().as_secs_f64());
            entries = page.items.len();
            partial |= page.partial;
        }
        println!(
            "  first page of {what:<28}  median {:.1} ms of {TIMES}, {entries} entries{}",
            quantile(&mut seconds, 0.5) * 1e3,
            if partial { ", partial" } else { "" }
        );
    }
    Ok(())
}
