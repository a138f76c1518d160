//! Lists, counts and searches: the ids of all instances, and what is said about those that are looked at.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use duroxide::providers::Provider;
use tokio::time::Instant;

use super::backend::{Backend, tells_times};
use super::cursor;
use super::error::from_provider;
use super::read::instance_info;
use crate::labels::InstanceStatus;
use crate::management::keys::{List, check_limit};
use crate::management::{
    InstanceCounts, InstanceFilter, InstanceGroup, InstanceInfo, ManagementError, Page, PageRequest, Result,
    SearchField, SearchHit, SearchQuery, SearchResults,
};

/// So long instances are looked at for one answer.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Which ids can match, before anything is looked at.
enum Candidates {
    All,
    Only(HashSet<String>),
    AllBut(HashSet<String>),
}

impl Candidates {
    fn has(&self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.contains(id),
            Self::AllBut(ids) => !ids.contains(id),
        }
    }
}

impl<P: Provider + ?Sized> Backend<'_, P> {
    pub(super) async fn list(
        &self,
        filter: &InstanceFilter,
        page: &PageRequest,
    ) -> Result<Page<InstanceInfo>> {
        self.refuse_unknown_times(filter, "list_instances_filtered by creation time")?;
        check_limit(page.limit)?;
        let limit = page.limit;
        let ids = self.ids().await?;
        let candidates = self.candidates(filter).await?;
        let walk = Walk::from(&ids, List::Instances.place(page.after.as_deref())?, &candidates)?;
        let page = self.walk(walk, limit, &|info| filter.matches(info), &Some).await?;
        Ok(Page { next: page.next.map(|place| List::Instances.key(place)), ..page })
    }

    pub(super) async fn search(&self, query: &SearchQuery) -> Result<SearchResults> {
        if query.text.is_empty() {
            return Err(ManagementError::InvalidArgument { name: "text", why: "is empty".to_owned() });
        }
        if query.payloads {
            return Err(ManagementError::unsupported("search_instances in payloads"));
        }
        check_limit(query.limit)?;
        let limit = query.limit;
        let text = query.text.to_ascii_lowercase();
        let ids = self.ids().await?;
        let hit = |instance: InstanceInfo| {
            let within = |field: &str| field.to_ascii_lowercase().contains(&text);
            let found = [
                (SearchField::InstanceId, within(&instance.instance_id)),
                (SearchField::OrchestrationName, within(&instance.orchestration_name)),
                (SearchField::CustomStatus, instance.custom_status.as_deref().is_some_and(within)),
            ];
            let matched: Vec<_> =
                found.into_iter().filter(|(_, found)| *found).map(|(field, _)| field).collect();
            (!matched.is_empty()).then_some(SearchHit { instance, matched })
        };
        let Page { items, next, partial } = self
            .walk(
                Walk::from(&ids, List::Search.place(query.after.as_deref())?, &Candidates::All)?,
                limit,
                &|_| true,
                &hit,
            )
            .await?;
        Ok(SearchResults { items, next: next.map(|place| List::Search.key(place)), partial })
    }

    pub(super) async fn count(&self, filter: &InstanceFilter) -> Result<InstanceCounts> {
        self.refuse_unknown_times(filter, "count_instances by creation time")?;
        let ids = self.ids().await?;
        let candidates = self.candidates(filter).await?;
        let deadline = Instant::now() + PATIENCE;
        let mut groups: BTreeMap<_, u64> = BTreeMap::new();
        let mut partial = false;
        for id in ids.iter().filter(|id| candidates.has(id)) {
            if Instant::now() >= deadline {
                partial = true;
                break;
            }
            let Some(info) = self.find(id).await?.map(instance_info).filter(|info| filter.matches(info))
            else {
                continue;
            };
            let group = (info.orchestration_name, info.orchestration_version, info.status);
            *groups.entry(group).or_default() += 1;
        }
        let group = |((orchestration_name, orchestration_version, status), count)| InstanceGroup {
            orchestration_name,
            orchestration_version,
            status,
            count,
        };
        Ok(InstanceCounts { groups: groups.into_iter().map(group).collect(), partial })
    }

    /// All ids, newest first.
    pub(super) async fn ids(&self) -> Result<Vec<String>> {
        self.admin.list_instances().await.map_err(|error| from_provider(&error))
    }

    /// Those whose current execution has this status, in the framework's word.
    pub(super) async fn with_status(&self, status: &str) -> Result<HashSet<String>> {
        let ids = self.admin.list_instances_by_status(status).await;
        Ok(ids.map_err(|error| from_provider(&error))?.into_iter().collect())
    }

    /// Saves looking at what cannot match. What is let through is looked at, so that this may let too much through.
    async fn candidates(&self, filter: &InstanceFilter) -> Result<Candidates> {
        if let Some(parent) = &filter.parent_instance_id {
            return Ok(Candidates::Only(self.children(parent).await?.into_iter().collect()));
        }
        Ok(match filter.status {
            Some(InstanceStatus::Completed) => Candidates::Only(self.with_status("Completed").await?),
            Some(InstanceStatus::Failed) => Candidates::Only(self.with_status("Failed").await?),
            // Not "Running or ContinuedAsNew": an instance could change from one to the other between two questions,
            // and be in neither answer. What has ended stays so.
            Some(InstanceStatus::Running | InstanceStatus::Unknown) => {
                let mut ended = self.with_status("Completed").await?;
                ended.extend(self.with_status("Failed").await?);
                Candidates::AllBut(ended)
            }
            None => Candidates::All,
        })
    }

    /// An empty list would be a lie where no instance's creation time is known.
    fn refuse_unknown_times(&self, filter: &InstanceFilter, method: &'static str) -> Result<()> {
        let asked = filter.created_after.is_some() || filter.created_before.is_some();
        if asked && !tells_times(self.provider) {
            return Err(ManagementError::unsupported(method));
        }
        Ok(())
    }

    /// Looks at candidates until `limit` of them were taken or patience ends.
    async fn walk<T: Send>(
        &self,
        walk: Walk<'_>,
        limit: usize,
        wanted: &(dyn Fn(&InstanceInfo) -> bool + Sync),
        take: &(dyn Fn(InstanceInfo) -> Option<T> + Sync),
    ) -> Result<Page<T>> {
        let deadline = Instant::now() + PATIENCE;
        let mut open = walk.open.into_iter().peekable();
        let mut items = Vec::new();
        let mut partial = false;
        while items.len() < limit && !partial {
            let Some((_, id)) = open.next() else { break };
            // It may have been deleted meanwhile.
            if let Some(info) = self.find(id).await?.map(instance_info).filter(|info| wanted(info)) {
                items.extend(take(self.with_custom_status(info).await?));
            }
            partial = Instant::now() >= deadline;
        }
        let next = open.peek().map(|(position, _)| cursor::key(walk.ids, *position));
        Ok(Page { items, partial: partial && next.is_some(), next })
    }
}

/// What is to be looked at for one answer.
struct Walk<'a> {
    /// All ids of the store.
    ids: &'a [String],
    /// The candidates among them from a key on, with their places.
    open: Vec<(usize, &'a str)>,
}

impl<'a> Walk<'a> {
    fn from(ids: &'a [String], after: Option<&str>, candidates: &Candidates) -> Result<Self> {
        let start = after.map_or(Ok(0), |key| cursor::position(ids, key))?;
        let places = ids.iter().map(String::as_str).enumerate().skip(start);
        Ok(Self { ids, open: places.filter(|(_, id)| candidates.has(id)).collect() })
    }
}
