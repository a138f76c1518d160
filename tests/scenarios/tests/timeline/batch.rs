//! Waits that are dropped in the very turn in which an event for them arrives: the history does not say which wait
//! got it, the orchestration's output does.

use std::time::Duration;

use duroxide::{OrchestrationContext, OrchestrationRegistry};
use duroxide_exporter::{TimelineKind, TimelineOutcome};

use crate::{telling::told, timeline, world::World};

type Context = OrchestrationContext;

/// Long enough to stop the runtime before it is over.
const LIMIT: Duration = Duration::from_millis(1500);

fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        // The second wait is there before the first is dropped.
        .register("Two", async |c: Context, _: String| {
            let (one, two) = (c.schedule_wait("E"), c.schedule_wait("E"));
            c.select2(one, c.schedule_timer(LIMIT)).await;
            Ok(two.await)
        })
        // The second wait comes after it.
        .register("Later", async |c: Context, _: String| {
            c.select2(c.schedule_wait("E"), c.schedule_timer(LIMIT)).await;
            Ok(c.schedule_wait("E").await)
        })
        // Nobody ever looks at the first wait.
        .register("Unseen", async |c: Context, _: String| {
            let (one, two) = (c.schedule_wait("E"), c.schedule_wait("E"));
            c.schedule_timer(LIMIT).await;
            drop(one);
            Ok(two.await)
        })
        .register("Queue", async |c: Context, _: String| {
            let (one, two) = (c.dequeue_event("E"), c.dequeue_event("E"));
            c.select2(one, c.schedule_timer(LIMIT)).await;
            Ok(two.await)
        })
        .build()
}

/// Runs an orchestration until it waits for its timer, and goes on when that is due and an event has been queued
/// behind it: one turn takes both. A second event follows in a turn of its own when the first did not do.
async fn in_one_turn(orchestration: &str, subscriptions: (&str, i64)) -> (World, String) {
    let world = World::new().await;
    let runtime = world.run(orchestrations()).await;
    world.start("i", orchestration).await;
    world.recorded("i", subscriptions.0, subscriptions.1).await;
    world.recorded("i", "TimerCreated", 1).await;
    runtime.shutdown(Some(0)).await;
    tokio::time::sleep(LIMIT).await;
    let fired = "SELECT count(*) FROM history WHERE event_data ->> 'type' = 'TimerFired'";
    assert_eq!(world.number(fired).await, 0, "the machine is too slow for this test");
    send(&world, orchestration, "first").await;

    let runtime = world.run(orchestrations()).await;
    world.recorded("i", "TimerFired", 1).await;
    let together = "SELECT count(*) FROM history timer JOIN history event USING (instance_id, execution_id)
        WHERE timer.event_data ->> 'type' = 'TimerFired' AND event.event_id = timer.event_id + 1
        AND event.event_data ->> 'type' IN ('ExternalEvent', 'ExternalEventPersistent')";
    assert_eq!(world.number(together).await, 1, "one turn took both, the timer first");
    send(&world, orchestration, "second").await;
    let output = world.output("i").await;
    runtime.shutdown(Some(0)).await;
    (world, output)
}

async fn send(world: &World, orchestration: &str, data: &str) {
    if orchestration == "Queue" {
        world.client.enqueue_event("i", "E", data).await.unwrap();
    } else {
        world.client.raise_event("i", "E", data).await.unwrap();
    }
}

/// What the event that ended the last wait carried.
async fn received(world: &World, kind: TimelineKind) -> String {
    let timeline = timeline(&world.path, "i", 1).await;
    let wait = timeline.entries.iter().rfind(|entry| entry.kind == kind).unwrap();
    assert_eq!(wait.outcome, TimelineOutcome::Completed, "{wait:#?}");
    let mut connection = scenarios::sql::connect(&world.path).await;
    let event = i64::try_from(wait.ended_by.unwrap()).unwrap();
    sqlx::query_scalar("SELECT event_data ->> 'data' FROM history WHERE instance_id = 'i' AND event_id = ?")
        .bind(event)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_goes_to_the_wait_that_is_left() {
    let (world, output) = in_one_turn("Two", ("ExternalSubscribed", 2)).await;
    assert_eq!(output, "first");
    let timeline = timeline(&world.path, "i", 1).await;
    assert_eq!(told(&timeline), ["event E cancelled", "event E completed", "timer completed"]);
    assert_eq!(received(&world, TimelineKind::Event).await, output);
    // Why marks of this reason are no proof: the framework believes that the second wait got nothing.
    let marks = "SELECT count(*) FROM history WHERE event_data ->> 'type' = 'ExternalSubscribedCancelled'
        AND event_data ->> 'reason' = 'orchestration_terminal'";
    assert_eq!(world.number(marks).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_is_lost_when_no_other_wait_is_there() {
    let (world, output) = in_one_turn("Later", ("ExternalSubscribed", 1)).await;
    assert_eq!(output, "second");
    let timeline = timeline(&world.path, "i", 1).await;
    assert_eq!(told(&timeline), ["event E cancelled", "timer completed", "event E completed"]);
    assert_eq!(received(&world, TimelineKind::Event).await, output);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_goes_to_the_wait_that_is_left() {
    let (world, output) = in_one_turn("Queue", ("ExternalSubscribedPersistent", 2)).await;
    assert_eq!(output, "first");
    let timeline = timeline(&world.path, "i", 1).await;
    assert_eq!(told(&timeline), ["queue_event E cancelled", "queue_event E completed", "timer completed"]);
    assert_eq!(received(&world, TimelineKind::QueueEvent).await, output);
}

/// The first event comes in a turn before: the wait holds it when it is dropped, and it is lost.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_nobody_looked_at_is_lost_with_its_wait() {
    let world = World::new().await;
    let runtime = world.run(orchestrations()).await;
    world.start("i", "Unseen").await;
    world.recorded("i", "TimerCreated", 1).await;
    world.client.raise_event("i", "E", "first").await.unwrap();
    world.recorded("i", "ExternalEvent", 1).await;
    let held = timeline(&world.path, "i", 1).await;
    assert_eq!(told(&held)[..2], ["event E completed", "event E open"]);
    world.recorded("i", "TimerFired", 1).await;
    world.client.raise_event("i", "E", "second").await.unwrap();
    let output = world.output("i").await;
    assert_eq!(output, "second");
    assert_eq!(
        told(&timeline(&world.path, "i", 1).await),
        ["event E cancelled", "event E completed", "timer completed"]
    );
    assert_eq!(received(&world, TimelineKind::Event).await, output);
    runtime.shutdown(Some(0)).await;
}
