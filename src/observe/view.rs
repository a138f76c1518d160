//! What readers see: the last good snapshot of each store and its health. One writer a store, cheap readers.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;

use super::history::HistoryView;
pub(crate) use super::history::{Stuck, Waits};
use crate::labels::FailureReason;
use crate::source::{ActivityBacklog, Census, InstanceCount};
use crate::telemetry::Telemetry;

/// A moment by the clock that people read, which may be set, and by the one that ages are made of. That one stands still
/// while the machine sleeps, and so do polls and scrapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) wall: SystemTime,
    pub(crate) steady: Instant,
}

impl Stamp {
    pub(crate) fn now() -> Self {
        Self { wall: SystemTime::now(), steady: Instant::now() }
    }

    /// How long ago `earlier` was.
    pub(crate) fn since(self, earlier: Instant) -> Duration {
        self.steady.saturating_duration_since(earlier)
    }
}

/// Everything known at one moment about all stores.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// One entry a store, in the order of configuration.
    pub(crate) stores: Vec<StoreView>,
    /// Self-counters.
    pub(crate) telemetry: Arc<Telemetry>,
}

/// Everything known at one moment about one store.
#[derive(Debug, Clone)]
pub(crate) struct StoreView {
    pub(crate) name: Arc<str>,
    pub(crate) last_good: Option<Arc<Snapshot>>,
    pub(crate) health: Health,
}

/// How polling goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Health {
    /// No poll has ended yet.
    Starting,
    /// The last poll succeeded.
    Up,
    /// The last poll failed; since when, why.
    Down { since: Stamp, reason: FailureReason, message: Arc<str> },
}

/// One good poll: the census, its names folded under their caps.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    /// When the read began: the values are at least this fresh.
    pub(crate) taken_at: Instant,
    /// `activities` and `instances` of this census are empty: they are below, folded.
    pub(crate) census: Census,
    /// `None` where the backend does not tell.
    pub(crate) activities: Option<Vec<ActivityBacklog>>,
    /// Since when the oldest fetchable activity of a tag is visible, by tag.
    pub(crate) tags: Option<Vec<(Arc<str>, Option<i64>)>>,
    pub(crate) instances: Option<Vec<InstanceCount>>,
    /// What the history adds up to, without its survey, which is below, folded; `None` where the backend has none to tell of.
    pub(crate) history: Option<HistoryView>,
    /// The running instances, once the history has been followed up to this census.
    pub(crate) running: Option<Running>,
}

/// The running instances, their names folded under their caps.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    /// By orchestration.
    pub(crate) orchestrations: Vec<(Arc<str>, Waits)>,
    /// Running executions by the framework's version that they are pinned to.
    pub(crate) runtime_versions: Vec<(Arc<str>, u64)>,
    /// Executions that nothing will wake, the oldest first; of very many, not all.
    pub(crate) stuck: Vec<Stuck>,
}

impl StoreView {
    /// Whether the last poll succeeded.
    pub(crate) fn is_up(&self) -> bool {
        self.health == Health::Up
    }
}

/// The one writer of a store's view. Not cloneable.
#[derive(Debug)]
pub(crate) struct StoreWriter(watch::Sender<StoreView>);

/// A reader of a store's view.
#[derive(Debug, Clone)]
pub(crate) struct StoreReader(watch::Receiver<StoreView>);

/// The two ends of one store's view.
pub(crate) fn store_view(name: Arc<str>) -> (StoreWriter, StoreReader) {
    let (sender, receiver) = watch::channel(StoreView { name, last_good: None, health: Health::Starting });
    (StoreWriter(sender), StoreReader(receiver))
}

impl StoreWriter {
    pub(crate) fn good(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        self.0.send_modify(|view| {
            view.last_good = Some(snapshot);
            view.health = Health::Up;
        });
    }

    /// Keeps the last good snapshot. `since` stays that of the first failure in a row.
    pub(crate) fn failed(&self, now: Stamp, reason: FailureReason, message: &str) {
        self.0.send_modify(|view| {
            let since = match view.health {
                Health::Down { since, .. } => since,
                Health::Up | Health::Starting => now,
            };
            view.health = Health::Down { since, reason, message: message.into() };
        });
    }
}

impl StoreReader {
    pub(crate) fn view(&self) -> StoreView {
        self.0.borrow().clone()
    }
}

/// All stores' readers: what outputs take their [`View`] from.
#[derive(Debug, Clone)]
pub(crate) struct Readers {
    stores: Vec<StoreReader>,
    telemetry: Arc<Telemetry>,
}

impl Readers {
    pub(crate) fn new(stores: Vec<StoreReader>, telemetry: Arc<Telemetry>) -> Self {
        Self { stores, telemetry }
    }

    /// Everything known now. Takes what is there; never waits for a poll.
    pub(crate) fn view(&self) -> View {
        View {
            stores: self.stores.iter().map(StoreReader::view).collect(),
            telemetry: Arc::clone(&self.telemetry),
        }
    }
}
