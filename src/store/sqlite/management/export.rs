//! One instance with everything, as of one moment.

use futures_util::TryStreamExt;

use super::super::reader::Snapshot;
use super::{Answer, executions, history, instances};
use crate::management::{InstanceExport, ManagementError, PageRequest};

/// Stored bytes of an export. In memory they are a few times as many.
const LARGEST: u64 = 256 << 20;

pub(super) async fn export(snapshot: &mut Snapshot, instance: &str) -> Answer<InstanceExport> {
    let info = instances::info(snapshot, instance).await?;
    // The sizes are in the heads of the rows: none of the payload is read for them.
    let bytes: i64 = sqlx::query_scalar(
        "SELECT (SELECT COALESCE(SUM(octet_length(event_data)), 0) FROM history WHERE instance_id = ?1) \
              + (SELECT COALESCE(SUM(octet_length(output)), 0) FROM executions WHERE instance_id = ?1)",
    )
    .bind(instance)
    .fetch_one(snapshot.connection())
    .await?;
    let bytes = u64::try_from(bytes).unwrap_or(0);
    if bytes > LARGEST {
        let what = format!("the history of instance {instance:?}");
        return Err(ManagementError::TooLarge { what, bytes, limit: LARGEST }.into());
    }

    let mut executions = Vec::new();
    let mut request = PageRequest::first(usize::MAX);
    loop {
        let page = executions::page(snapshot, instance, &request).await?;
        executions.extend(page.items);
        let Some(next) = page.next else { break };
        request = PageRequest::first(usize::MAX).after(next);
    }
    executions.reverse();
    let sql = history::select() + " ORDER BY event_id";
    let mut histories = Vec::with_capacity(executions.len());
    for execution in &executions {
        let id = i64::try_from(execution.execution_id).unwrap_or(i64::MAX);
        let mut events = Vec::new();
        let mut rows = sqlx::query(&sql).bind(instance).bind(id).fetch(snapshot.connection());
        while let Some(row) = rows.try_next().await? {
            events.push(history::read(&row, instance, id)?.1);
        }
        histories.push(events);
    }
    Ok(InstanceExport { instance: info, executions, history: histories })
}
