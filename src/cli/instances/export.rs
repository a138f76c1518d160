//! `instances export`: everything about one instance, as JSON.

use std::sync::Arc;

use serde::Serialize;

use super::super::Exit;
use super::session::{CommandError, Session};
use crate::management::InstanceExport;

/// An export, and whether it is complete.
#[derive(Serialize)]
struct Exported {
    /// False: payloads were replaced by their sizes.
    payloads: bool,
    #[serde(flatten)]
    export: InstanceExport,
}

pub(super) async fn export(
    session: &mut Session<'_, '_>,
    id: &str,
    payloads: bool,
) -> Result<Exit, CommandError> {
    let management = Arc::clone(&session.store.management);
    let age = session.store.data_age().await?;
    let mut export = management.export_instance(id).await?;
    if !payloads {
        export.hide_payloads();
    }
    session.document(age, &Exported { payloads, export })?;
    Ok(Exit::Fine)
}
