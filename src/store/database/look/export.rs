//! One instance with everything, as of one moment.

use super::snapshot::Look;
use crate::management::{InstanceExport, ManagementError, PageRequest, quoted};
use crate::store::database::reading::QueryResult;

/// Stored bytes of an export. In memory they are a few times as many.
const LARGEST: u64 = 256 << 20;

pub(in crate::store) async fn export(
    snapshot: &mut impl Look,
    instance: &str,
) -> QueryResult<InstanceExport> {
    let info = snapshot.instance(instance).await?;
    let bytes = snapshot.stored_bytes(instance).await?;
    if bytes > LARGEST {
        let what = format!("the history of instance {}", quoted(instance));
        return Err(ManagementError::TooLarge { what, bytes, limit: LARGEST }.into());
    }

    let mut executions = Vec::new();
    let mut request = PageRequest::first(usize::MAX);
    loop {
        let page = snapshot.executions(instance, &request).await?;
        executions.extend(page.items);
        let Some(next) = page.next else { break };
        request = PageRequest::first(usize::MAX).after(next);
    }
    executions.reverse();
    let mut histories = Vec::with_capacity(executions.len());
    for execution in &executions {
        let id = i64::try_from(execution.execution_id).unwrap_or(i64::MAX);
        histories.push(snapshot.events(instance, id).await?);
    }
    Ok(InstanceExport { instance: info, executions, history: histories })
}
