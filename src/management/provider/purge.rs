//! The trees of a provider, deleted through the framework's own atomic deletion.

use duroxide::providers::Provider;

use super::backend::Backend;
use super::error::from_provider;
use super::read::moment;
use crate::labels::InstanceStatus;
use crate::management::purge::{PurgeBackend, TreeMember};
use crate::management::{Result, Timestamp};

#[async_trait::async_trait]
impl<P: Provider + ?Sized> PurgeBackend for Backend<'_, P> {
    async fn ended(&mut self) -> Result<Vec<String>> {
        let mut ended = self.with_status("Completed").await?;
        ended.extend(self.with_status("Failed").await?);
        let mut ids = self.ids().await?;
        ids.retain(|id| ended.contains(id));
        ids.reverse();
        Ok(ids)
    }

    async fn find(&mut self, instance: &str) -> Result<Option<TreeMember>> {
        let info = Backend::find(self, instance).await?;
        Ok(info.map(|info| TreeMember {
            id: info.instance_id,
            parent: info.parent_instance_id,
            status: InstanceStatus::from_framework(Some(&info.status)),
            execution_id: info.current_execution_id,
        }))
    }

    async fn ended_at(&mut self, member: &TreeMember) -> Result<Option<Timestamp>> {
        if !matches!(member.status, InstanceStatus::Completed | InstanceStatus::Failed) {
            return Ok(None);
        }
        let execution = self.find_execution(&member.id, member.execution_id).await?;
        Ok(execution.and_then(|execution| execution.completed_at).and_then(moment))
    }

    async fn children(&mut self, instance: &str) -> Result<Vec<String>> {
        Backend::children(self, instance).await
    }

    async fn delete(&mut self, instances: &[String], _older_than: Timestamp) -> Result<()> {
        let deleted = self.admin.delete_instances_atomic(instances, false).await;
        deleted.map(|_| ()).map_err(|error| from_provider(&error))
    }
}

#[cfg(test)]
mod tests;
