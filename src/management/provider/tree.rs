//! The tree an instance belongs to.

use std::collections::{HashSet, VecDeque};

use duroxide::providers::Provider;
use tokio::time::Instant;

use super::backend::Backend;
use super::list::PATIENCE;
use super::read::instance_info;
use crate::management::{InstanceTree, Result};

/// A tree is shown up to this size.
const LARGEST: usize = 10_000;

impl<P: Provider + ?Sized> Backend<'_, P> {
    pub(super) async fn tree(&self, instance: &str) -> Result<InstanceTree> {
        let deadline = Instant::now() + PATIENCE;
        let mut top = self.known(instance).await?;
        let mut above = HashSet::from([top.instance_id.clone()]);
        while let Some(parent) = top.parent_instance_id.clone() {
            // A parent that is gone leaves its children without one; two that name each other are both on the way.
            if !above.insert(parent.clone()) {
                break;
            }
            let Some(info) = self.find(&parent).await? else { break };
            top = info;
        }

        let root_id = top.instance_id.clone();
        let mut seen = HashSet::from([root_id.clone()]);
        let mut instances = Vec::new();
        let mut waiting = VecDeque::from([instance_info(top)]);
        let mut partial = false;
        while let Some(info) = waiting.pop_front() {
            let info = self.with_custom_status(info).await?;
            let mut children = Vec::new();
            for id in self.children(&info.instance_id).await? {
                if seen.len() >= LARGEST || Instant::now() >= deadline {
                    partial = true;
                    break;
                }
                if seen.insert(id.clone()) {
                    children.extend(self.find(&id).await?.map(instance_info));
                }
            }
            // Without times they stay as the provider gave them, on SQLite in the order of their creation.
            children.sort_by_key(|child| child.created_at);
            waiting.extend(children);
            instances.push(info);
        }
        Ok(InstanceTree { root_id, instances, partial })
    }
}
