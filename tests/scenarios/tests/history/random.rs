//! Random sequences of everything that may happen, followed poll by poll.

use std::time::Duration;

use scenarios::{over_every_store, sql, stores::Kind};

use crate::{
    dice::{Dice, seed},
    world::{Run, World},
};

pub(crate) const ORCHESTRATIONS: [(&str, &str); 16] = [
    ("Hello", "x"),
    ("FanOut", "7"),
    ("Timer", "20"),
    ("Timer", "3600000"),
    ("Parent", ""),
    ("State", "0"),
    ("Fails", "42"),
    ("Panics", "x"),
    ("FailingActivity", ""),
    ("UnknownActivity", ""),
    ("Retry", ""),
    ("Event", ""),
    ("Inbox", "0"),
    ("Session", ""),
    ("Losers", ""),
    ("Detach", ""),
];

over_every_store!(whatever_happens_each_event_counts_once);

async fn whatever_happens_each_event_counts_once(kind: Kind) {
    let seed = seed(7);
    let mut dice = Dice::new(seed);
    let mut world = World::new(kind, Run::Within).await;
    let mut backup = None;
    let mut number = 0;
    for step in 0..70 {
        let act = dice.below(19);
        let what = format!("seed {seed}, step {step}, act {act}");
        match act {
            0..=5 => {
                for _ in 0..=dice.below(3) {
                    number += 1;
                    begin(&mut world, &mut dice, &format!("i{number}")).await;
                }
            }
            6..=8 => world.poll(&what).await,
            9 => {
                world.stop_runtime().await;
                world.start_runtime().await;
            }
            10 => world.restart_exporter().await,
            11 => {
                // Seen or unseen, ended or running, with whatever came after it.
                let force = dice.below(2) == 0;
                if let Some(id) = dice.of(&world.begun.clone()) {
                    world.delete(id, force).await;
                }
            }
            12 => {
                // Numbers of rows are given out again.
                world.poll(&what).await;
                world.stop_runtime().await;
                if let Some(id) = world.newest().await {
                    world.delete(&id, true).await;
                }
                world.start_runtime().await;
            }
            13 => {
                // An id is used again.
                if let Some(id) = dice.of(&world.begun.clone()) {
                    world.delete(id, true).await;
                    begin(&mut world, &mut dice, id).await;
                }
            }
            14 => {
                number += 1;
                by_hand(&world, &mut dice, &format!("hand{number}")).await;
            }
            15 => {
                for id in world.begun.clone() {
                    world.prune(&id).await;
                }
            }
            // A server keeps counting its transactions on when a database is made anew; a file is another file.
            16 if kind == Kind::Sqlite => match backup.take() {
                None => backup = Some(world.back_up().await),
                Some(backup) => world.restore(&backup).await,
            },
            17 if kind == Kind::Sqlite => sql::execute(&world.fresh.store, "VACUUM").await,
            _ => {
                for id in world.begun.clone() {
                    let _ended = world.client().raise_event(&id, "Approval", "{}").await;
                }
                if let Some(id) = dice.of(&world.begun.clone()) {
                    let _ended = world.client().cancel_instance(id, "enough").await;
                }
            }
        }
    }
    world.poll(&format!("seed {seed}, the end")).await;
}

/// Begins an instance, and lets it run, or not.
async fn begin(world: &mut World, dice: &mut Dice, id: &str) {
    let Some((name, input)) = dice.of(&ORCHESTRATIONS) else { return };
    world.begin(id, name, input).await;
    if dice.below(2) == 0 {
        tokio::time::sleep(Duration::from_millis(dice.below(120))).await;
    }
}

/// What no runtime writes, but what an exporter may meet: a clock that goes backwards, types of another version, rows that
/// are no events, the framework's last event of a history that it cannot read, and events behind the end.
async fn by_hand(world: &World, dice: &mut Dice, id: &str) {
    let store = &world.fresh.store;
    let ago = i64::try_from(dice.below(2) * 3_600_000).unwrap();
    let now = store.time(scenarios::recount::now_ms() - ago);
    let event = |number: u64, source: Option<u64>, at: u64, kind: &str, rest: &str| {
        let source = source.map_or("null".to_owned(), |source| source.to_string());
        let json = format!(
            r#"{{"event_id":{number},"source_event_id":{source},"instance_id":"{id}","execution_id":1,"timestamp_ms":{at},"duroxide_version":"0.1.32","type":"{kind}"{rest}}}"#
        );
        (number, json)
    };
    let rows = [
        event(1, None, 9_000, "OrchestrationStarted", r#","name":"ByHand","version":"0","input":"""#),
        event(2, None, 5_000, "ActivityScheduled", r#","name":"Slow","input":"""#),
        event(3, None, 5_000, "TimerCreated", r#","fire_at_ms":99000"#),
        event(4, None, 5_000, "ActivityScheduled", r#","name":"Lost","input":"""#),
        event(5, Some(2), 4_000, "ActivityCompleted", r#","result":"""#),
        event(6, Some(2), 4_500, "ActivityFailed", r#","details":{}"#),
        event(7, Some(3), 4_500, "TimerFired", r#","fire_at_ms":99000"#),
        event(8, None, 4_500, "FromTheFuture", r#","name":{"not":"a text"}"#),
        (9, "no JSON".to_owned()),
        (10, r#"{"event_id":"10"}"#.to_owned()),
        event(99_999, None, 4_600, "OrchestrationFailed", r#","details":{"Poison":{"message":"x"}}"#),
        event(
            100_000,
            Some(4),
            4_700,
            "ActivityCancelRequested",
            r#","reason":"orchestration_terminal_failed""#,
        ),
        event(100_001, None, 4_700, "OrchestrationFailed", r#","details":{"Poison":{}}"#),
    ];
    let mut statements = format!(
        "INSERT INTO instances (instance_id, orchestration_name, orchestration_version, current_execution_id, created_at, updated_at)
           VALUES ('{id}', 'ByHand', '0', 1, {now}, {now});
         INSERT INTO executions (instance_id, execution_id, status, output, started_at) VALUES ('{id}', 1, 'Failed', 'x', {now});"
    );
    for (number, json) in rows {
        statements += &format!(
            "INSERT INTO history (instance_id, execution_id, event_id, event_type, event_data, created_at)
               VALUES ('{id}', 1, {number}, 'Event', '{json}', {now});"
        );
    }
    sql::execute(store, &format!("BEGIN; {statements} COMMIT;")).await;
}

over_every_store!(a_store_that_is_set_back_goes_on_from_there);

async fn a_store_that_is_set_back_goes_on_from_there(kind: Kind) {
    // See above.
    if kind != Kind::Sqlite {
        return;
    }
    let mut dice = Dice::new(11);
    let mut world = World::new(kind, Run::Within).await;
    for number in 0..6 {
        begin(&mut world, &mut dice, &format!("early{number}")).await;
    }
    world.poll("before the backup").await;
    let backup = world.back_up().await;
    for number in 0..6 {
        begin(&mut world, &mut dice, &format!("late{number}")).await;
    }
    world.poll("after the backup").await;
    world.restore(&backup).await;
    world.poll("set back").await;
    for number in 0..6 {
        begin(&mut world, &mut dice, &format!("late{number}")).await;
    }
    world.poll("going on").await;
    sql::execute(&world.fresh.store, "VACUUM").await;
    world.poll("after a VACUUM").await;
}
