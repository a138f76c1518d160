//! How many instances there are of each orchestration, version and status: reckoned from what happened to them since they
//! were last counted.
//!
//! Nothing tells that an instance was deleted. What does not add up, by a count of all of them or by a change that cannot
//! have happened, makes the reckoning void until the next recount.

use std::collections::HashMap;
use std::sync::Arc;

use super::counter::Change;
use super::totals::Orchestration;
use crate::labels::InstanceStatus;
use crate::source::{InstanceCensus, InstanceCount};

type Statuses = [u64; InstanceStatus::ALL.len()];

/// The reckoning.
#[derive(Debug, Default)]
pub(super) struct Instances {
    /// `None`: not known since the last recount, or never.
    counts: Option<HashMap<Orchestration, Statuses>>,
}

impl Instances {
    /// Reckons on. A change that cannot be makes everything void.
    pub(super) fn take(&mut self, changes: Vec<Change>) {
        for Change { from, to } in changes {
            let Some(counts) = &mut self.counts else { return };
            let taken = match from {
                Some((orchestration, status)) => cell(counts, &orchestration, status).is_some_and(|count| {
                    let there = *count > 0;
                    *count = count.saturating_sub(1);
                    there
                }),
                None => true,
            };
            let Some(count) = cell(counts, &to.0, to.1) else { return };
            *count += 1;
            if !taken {
                self.counts = None;
            }
        }
    }

    pub(super) fn forget(&mut self) {
        self.counts = None;
    }

    pub(super) fn is_known(&self) -> bool {
        self.counts.is_some()
    }

    /// Checks the reckoning against the number of all instances.
    pub(super) fn check_total(&mut self, total: u64) {
        if self.counts.as_ref().is_some_and(|counts| counts.values().flatten().sum::<u64>() != total) {
            self.counts = None;
        }
    }

    /// Takes a recount of the same moment. Whether it is what was reckoned, but for what was deleted since; `None` if
    /// nothing was.
    pub(super) fn adopt(&mut self, recount: &InstanceCensus) -> Option<bool> {
        let mut counted: HashMap<Orchestration, Statuses> = HashMap::new();
        for row in &recount.counts {
            let orchestration = (Arc::clone(&row.orchestration), Arc::clone(&row.version));
            if let Some(count) = cell(&mut counted, &orchestration, row.status) {
                *count += row.count;
            }
        }
        let agrees = self.counts.as_ref().map(|reckoned| {
            counted.iter().all(|(orchestration, statuses)| {
                let most = reckoned.get(orchestration).copied().unwrap_or_default();
                statuses.iter().zip(most).all(|(count, most)| *count <= most)
            })
        });
        self.counts = Some(counted);
        agrees
    }

    /// The counts, as a census would have them.
    pub(super) fn census(&self) -> Option<InstanceCensus> {
        let counts = self.counts.as_ref()?;
        let rows = counts.iter().flat_map(|((orchestration, version), statuses)| {
            let there = InstanceStatus::ALL.iter().zip(statuses).filter(|(_, count)| **count > 0);
            there.map(|(status, count)| InstanceCount {
                orchestration: Arc::clone(orchestration),
                version: Arc::clone(version),
                status: *status,
                count: *count,
            })
        });
        Some(InstanceCensus { counts: rows.collect(), running: Vec::new() })
    }
}

fn cell<'a>(
    counts: &'a mut HashMap<Orchestration, Statuses>,
    orchestration: &Orchestration,
    status: InstanceStatus,
) -> Option<&'a mut u64> {
    if !counts.contains_key(orchestration) {
        counts.insert(orchestration.clone(), Statuses::default());
    }
    counts.get_mut(orchestration)?.get_mut(status.index())
}
