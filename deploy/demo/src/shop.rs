//! The store and the runtime that works on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{ObservabilityConfig, Runtime, UnregisteredBackoffConfig};
use duroxide::{Client, OrchestrationRegistry, RuntimeOptions, TagFilter};
use tempfile::TempDir;

use crate::activities;
use crate::orders;
use crate::standing;
use crate::world::World;

const FILE: &str = "orders.db";
/// Labels are printed by workers that have a printer. The tag shows in the exporter's activity metrics.
pub(crate) const LABEL_PRINTER: &str = "label-printer";
/// Activities under way get this long to end; the slowest take seconds, and what is cut off is taken up again later.
const GRACE_MS: u64 = 1_500;

/// The SQLite file, in a directory of the user's or in one that goes with the process.
pub(crate) struct Store {
    path: PathBuf,
    temporary: Option<TempDir>,
    provider: Arc<SqliteProvider>,
}

impl Store {
    pub(crate) async fn open(data_dir: Option<&Path>) -> anyhow::Result<Self> {
        let (dir, temporary) = match data_dir {
            Some(dir) => std::fs::create_dir_all(dir)
                .and_then(|()| dir.canonicalize())
                .map(|dir| (dir, None))
                .with_context(|| format!("cannot use the directory {} given by --data-dir", dir.display()))?,
            None => {
                let temporary = tempfile::Builder::new()
                    .prefix("duroxide-demo-")
                    .tempdir()
                    .context("cannot make a temporary directory; choose a place with --data-dir")?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let path = dir.join(FILE);
        let url = format!("{}?mode=rwc", url(&path));
        let provider = SqliteProvider::new(&url, None).await.with_context(|| {
            format!("cannot open the store {}; choose another place with --data-dir", path.display())
        })?;
        Ok(Self { path, temporary, provider: Arc::new(provider) })
    }

    pub(crate) fn url(&self) -> String {
        url(&self.path)
    }

    pub(crate) fn describe(&self) -> String {
        let fate = if self.temporary.is_some() { "removed at exit" } else { "kept" };
        format!("{} ({fate})", self.path.display())
    }
}

/// A path may hold what means something else in a URL.
fn url(path: &Path) -> String {
    let path = path.display().to_string().replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    format!("sqlite:{path}")
}

/// The running shop.
pub(crate) struct Shop {
    pub(crate) client: Client,
    runtime: Arc<Runtime>,
}

impl Shop {
    pub(crate) async fn open(store: &Store, world: &Arc<World>) -> Self {
        let activities = activities::register(ActivityRegistry::builder(), world).build();
        let orchestrations = standing::register(orders::register(OrchestrationRegistry::builder())).build();
        let provider = Arc::clone(&store.provider);
        let client = Client::new(provider.clone());
        let runtime = Runtime::start_with_options(provider, activities, orchestrations, options()).await;
        Self { client, runtime }
    }

    pub(crate) async fn close(self) {
        self.runtime.shutdown(Some(GRACE_MS)).await;
    }
}

fn options() -> RuntimeOptions {
    RuntimeOptions {
        // Few hands: a slow service occupies them all, which is what makes a backlog. More of them would also spend
        // their time on backing off from each other, for SQLite lets one write at a time.
        orchestration_concurrency: 2,
        worker_concurrency: 3,
        dispatcher_min_poll_interval: Duration::from_millis(50),
        // A message for a handler that does not exist is given up after half a minute rather than after five: short
        // enough to be seen failing.
        max_attempts: 6,
        unregistered_backoff: UnregisteredBackoffConfig {
            base_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(8),
        },
        // One name for all workers: any of them may take the next step at a packing station, and after a restart the
        // stations are ours at once.
        worker_node_id: Some("demo-shop".to_owned()),
        worker_tag_filter: TagFilter::default_and([LABEL_PRINTER]),
        // Stations that are idle for a minute are released, so that the number of sessions moves.
        session_idle_timeout: Duration::from_secs(60),
        session_cleanup_interval: Duration::from_secs(60),
        activity_cancellation_grace_period: Duration::from_secs(1),
        observability: ObservabilityConfig {
            log_level: "error".to_owned(),
            // Its gauges count whole tables, and the exporter is here to make them unnecessary.
            gauge_poll_interval: Duration::from_secs(24 * 3600),
            ..ObservabilityConfig::default()
        },
        ..RuntimeOptions::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_paths_survive_the_url() {
        assert_eq!(url(Path::new("/a?b/100%/#1/orders.db")), "sqlite:/a%3Fb/100%25/%231/orders.db");
    }
}
