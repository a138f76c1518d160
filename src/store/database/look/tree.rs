//! The tree an instance belongs to.

use std::collections::HashSet;

use super::snapshot::Look;
use crate::management::{InstanceInfo, InstanceTree};
use crate::store::database::reading::QueryResult;

/// Members of one tree; further ones are left out.
const LARGEST: usize = 10_000;

pub(in crate::store) async fn tree(snapshot: &mut impl Look, instance: &str) -> QueryResult<InstanceTree> {
    let asked = snapshot.instance(instance).await?;
    let root = root(snapshot, asked).await?;
    let root_id = root.instance_id.clone();

    let mut seen = HashSet::from([root_id.clone()]);
    let mut instances = Vec::new();
    // The next one is at the end: a parent is followed by its oldest child.
    let mut waiting = vec![root];
    while let Some(parent) = waiting.pop() {
        if instances.len() == LARGEST {
            return Ok(InstanceTree { root_id, instances, partial: true });
        }
        for child in snapshot.children(&parent.instance_id, LARGEST).await? {
            // A damaged store may have a ring of parents.
            if seen.insert(child.instance_id.clone()) {
                waiting.push(child);
            }
        }
        instances.push(parent);
    }
    Ok(InstanceTree { root_id, instances, partial: false })
}

/// The topmost instance above `instance`. One whose parent is gone is a root itself.
async fn root(snapshot: &mut impl Look, instance: InstanceInfo) -> QueryResult<InstanceInfo> {
    let mut root = instance;
    let mut seen = HashSet::new();
    while let Some(parent) = root.parent_instance_id.clone() {
        if !seen.insert(root.instance_id.clone()) {
            break;
        }
        let Some(found) = snapshot.find(&parent).await? else { break };
        root = found;
    }
    Ok(root)
}
