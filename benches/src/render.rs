//! What a scrape costs, by the number of series.

use std::path::Path;

use crate::exporter::Exporter;
use crate::stats::quantile;
use crate::store::{Place, Shape};

/// Orchestrations of the stores that are scraped: about a thousand and ten thousand series.
const NAMES: [u64; 2] = [6, 96];

const SCRAPES: u32 = 2_000;

pub(crate) async fn run(binary: &Path, place: &Place) -> anyhow::Result<()> {
    for names in NAMES {
        let mut store = place.fresh()?;
        store.fill(Shape { names, ..Shape::new(10_000, 500) }).await?;
        let options = ["--history.backfill", "true"];
        let exporter = Exporter::start_with(binary, &store.url(), "1h", &options)?;
        exporter.first_view()?;
        while exporter.backlog()? != Some(0.0) {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        exporter.scrapes(100)?;
        let cpu = exporter.cpu()?;
        let mut seconds = exporter.scrapes(SCRAPES as usize)?;
        let cpu = (exporter.cpu()? - cpu) / f64::from(SCRAPES);
        let series = exporter.series()?;
        println!(
            "  {series:>6} series    median {:.3} ms, p99 {:.3} ms, exporter's CPU time {:.3} ms a scrape, {:.2} µs a series",
            quantile(&mut seconds, 0.5) * 1e3,
            quantile(&mut seconds, 0.99) * 1e3,
            cpu * 1e3,
            cpu * 1e6 / f64::from(u32::try_from(series)?)
        );
    }
    Ok(())
}
