//! The tree an instance belongs to.

use std::collections::HashSet;

use super::super::reader::Snapshot;
use super::Answer;
use super::instances::{FROM, columns, info, read};
use crate::management::{InstanceInfo, InstanceTree, ManagementError};

/// Members of one tree; further ones are left out.
const LARGEST: usize = 10_000;

pub(super) async fn tree(snapshot: &mut Snapshot, instance: &str) -> Answer<InstanceTree> {
    let asked = info(snapshot, instance).await?;
    if !snapshot.schema.parents {
        return Err(ManagementError::unsupported("get_instance_tree (the schema is older than that)").into());
    }
    let root = root(snapshot, asked).await?;
    let root_id = root.instance_id.clone();

    let sql = format!(
        "SELECT {} {FROM} WHERE i.parent_instance_id = ? ORDER BY i.rowid DESC LIMIT {LARGEST}",
        columns(&snapshot.schema)
    );
    let mut seen = HashSet::from([root_id.clone()]);
    let mut instances = Vec::new();
    // The next one is at the end: a parent is followed by its oldest child.
    let mut waiting = vec![root];
    while let Some(parent) = waiting.pop() {
        if instances.len() == LARGEST {
            return Ok(InstanceTree { root_id, instances, partial: true });
        }
        for row in sqlx::query(&sql).bind(&parent.instance_id).fetch_all(snapshot.connection()).await? {
            let (_, child) = read(&row)?;
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
async fn root(snapshot: &mut Snapshot, instance: InstanceInfo) -> Answer<InstanceInfo> {
    let mut root = instance;
    let mut seen = HashSet::new();
    while let Some(parent) = root.parent_instance_id.clone() {
        if !seen.insert(root.instance_id.clone()) {
            break;
        }
        let row =
            sqlx::query(&format!("SELECT {} {FROM} WHERE i.instance_id = ?", columns(&snapshot.schema)))
                .bind(&parent)
                .fetch_optional(snapshot.connection())
                .await?;
        let Some(row) = row else { break };
        root = read(&row)?.1;
    }
    Ok(root)
}
