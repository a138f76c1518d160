//! What a poll costs with a payload of a hundred megabytes in each queue, beside one of a store without: two exporters, one
//! after the other, in pairs whose order alternates.

use std::path::Path;

use crate::exporter::Exporter;
use crate::poll::{Block, INTERVAL, PAIRS, block, report};
use crate::stats::Mean;
use crate::store::{Place, Shape, Store};

/// What waits in both stores.
const INSTANCES: u64 = 1_000;

pub(crate) async fn run(binary: &Path, place: &Place, megabytes: u32) -> anyhow::Result<()> {
    let mut without = Side::start(binary, place, 0).await?;
    let mut with = Side::start(binary, place, megabytes).await?;
    let (mut plain, mut large, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    // The first is to warm up.
    for pair in 0..=PAIRS {
        let (a, b) = if pair % 2 == 0 {
            let a = without.polls().await?;
            (a, with.polls().await?)
        } else {
            let b = with.polls().await?;
            (without.polls().await?, b)
        };
        if pair > 0 {
            ratios.push(b.cpu() / a.cpu());
            plain.push(a);
            large.push(b);
        }
    }
    report("a poll without it", &plain);
    report(&format!("a poll with {megabytes} MB in each queue"), &large);
    println!("  CPU time of a poll, with / without     {}, of {PAIRS} pairs", Mean::of(&ratios));
    let peaks = [&without, &with].map(|side| side.exporter.memory_kib("VmHWM"));
    let [without, with] = peaks;
    println!(
        "  memory                                 peak {:.1} MiB, without {:.1} MiB",
        with? / 1024.0,
        without? / 1024.0
    );
    Ok(())
}

/// A store and its exporter.
struct Side<'a> {
    store: Store<'a>,
    exporter: Exporter,
}

impl<'a> Side<'a> {
    async fn start(binary: &Path, place: &'a Place, megabytes: u32) -> anyhow::Result<Self> {
        let mut store = place.fresh()?;
        store.fill(Shape::new(INSTANCES, INSTANCES)).await?;
        if megabytes > 0 {
            store.put_payload(megabytes).await?;
        }
        let exporter = Exporter::start(binary, &store.url(), &format!("{}ms", INTERVAL.as_millis()))?;
        exporter.first_view()?;
        Ok(Self { store, exporter })
    }

    async fn polls(&mut self) -> anyhow::Result<Block> {
        block(&self.exporter, &mut self.store, false).await
    }
}
