//! Families about instances.

use super::catalogue::INSTANCES;
use super::{Builder, Family, count};
use crate::observe::View;
use crate::source::InstanceCount;

pub(super) fn families(view: &View, all: &mut Vec<Family>) {
    let mut instances = Builder::new(&INSTANCES);
    for store in &view.stores {
        let Some(snapshot) = &store.last_good else { continue };
        for row in snapshot.instances.iter().flatten() {
            let InstanceCount { orchestration, version, status, count: n } = row;
            instances.push([&store.name, orchestration, version, status.label()], count(*n));
        }
    }
    all.push(instances.finish());
}
