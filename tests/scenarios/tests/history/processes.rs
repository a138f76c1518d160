//! Runtime and exporter as processes that are killed.

use std::time::Duration;

use scenarios::{over_every_store, stores::Kind};

use crate::{
    dice::{Dice, seed},
    random::ORCHESTRATIONS,
    world::{Run, World},
};

/// Instances that are under way when something is killed.
const AT_ONCE: usize = 5;

over_every_store!(what_is_killed_loses_no_event_and_counts_none_twice);

async fn what_is_killed_loses_no_event_and_counts_none_twice(kind: Kind) {
    let seed = seed(3);
    let mut dice = Dice::new(seed);
    let mut world = World::new(kind, Run::Processes).await;
    for round in 0..4 {
        let what = format!("seed {seed}, round {round}");
        under_way(&mut world, &mut dice, &format!("r{round}")).await;
        world.poll(&what).await;

        // Nothing happens, and everything has been counted: whatever is deleted now has been.
        world.stop_runtime().await;
        world.poll(&format!("{what}, a killed runtime")).await;
        if dice.below(2) == 0 {
            // Also while the exporter is away: its position is of rows that are gone.
            world.kill_exporter();
        }
        for _ in 0..2 {
            if let Some(id) = world.newest().await {
                world.delete(&id, true).await;
            }
        }
        for id in world.begun.clone() {
            world.prune(&id).await;
            if dice.below(3) == 0 {
                world.delete(&id, false).await;
            }
        }
        world.restart_exporter().await;
        world.poll(&format!("{what}, after deletions")).await;

        // Nobody is there to see it: what is deleted now is known by the gap it leaves, or not at all.
        world.kill_exporter();
        world.start_runtime().await;
        for n in 0..3 {
            world.begin(&format!("unseen{round}-{n}"), "Hello", "x").await;
        }
        world.delete(&format!("unseen{round}-1"), true).await;
        world.begin(&format!("last{round}"), "Hello", "x").await;
        world.restart_exporter().await;
        world.poll(&format!("{what}, after a time unseen")).await;
    }
}

/// Begins instances, and kills while they are at work.
async fn under_way(world: &mut World, dice: &mut Dice, prefix: &str) {
    let mut ids = Vec::new();
    for n in 0..AT_ONCE {
        let Some((name, input)) = dice.of(&ORCHESTRATIONS) else { return };
        let id = format!("{prefix}-{n}");
        world.client().start_orchestration(&id, *name, *input).await.unwrap();
        ids.push(id);
    }
    for _ in 0..3 {
        // At any moment.
        tokio::time::sleep(Duration::from_millis(dice.below(150))).await;
        let both = dice.below(3);
        if both != 0 {
            world.stop_runtime().await;
        }
        if both != 1 {
            world.restart_exporter().await;
        }
        world.start_runtime().await;
    }
    for id in &ids {
        world.began(id).await;
    }
    world.begun.extend(ids);
}
