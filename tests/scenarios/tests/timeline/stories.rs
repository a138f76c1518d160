//! Orchestrations whose every step is known, and their timelines told by hand.

use std::{collections::BTreeSet, time::Duration};

use duroxide::{BackoffStrategy, OrchestrationContext, OrchestrationRegistry, RetryPolicy};
use duroxide_exporter::{ExecutionStatus, FailureKind, Timeline, TimelineKind};

use crate::{lines, telling::told, timeline, world::World};

type Context = OrchestrationContext;
type Outcome = Result<String, String>;

const SOON: Duration = Duration::from_millis(20);
const LIMIT: Duration = Duration::from_millis(250);
const LONG: Duration = Duration::from_secs(3600);

fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Retries", async |c: Context, _: String| {
            let policy = RetryPolicy::new(4).with_backoff(BackoffStrategy::Fixed { delay: SOON });
            c.schedule_activity_with_retry("Flaky", "2", policy).await?;
            c.schedule_activity("Flaky", "2").await
        })
        .register("RetriesInVain", async |c: Context, _: String| {
            let policy = RetryPolicy::new(2).with_backoff(BackoffStrategy::None).with_timeout(LONG);
            c.schedule_activity_with_retry("Flaky", "9", policy).await
        })
        .register("Limits", async |c: Context, _: String| {
            let policy = RetryPolicy::new(3).with_backoff(BackoffStrategy::None).with_timeout(LIMIT);
            let gone = c.schedule_activity_with_retry("Hang", "x", policy).await;
            assert!(gone.is_err(), "a time limit ends all tries of the framework's own");
            c.select2(c.schedule_activity("Hang", "x"), c.schedule_timer(LIMIT)).await;
            c.schedule_timer(SOON).await;
            c.select2(c.schedule_activity("Hang", "x"), c.schedule_timer(LIMIT)).await;
            Ok(String::new())
        })
        .register("FanOut", async |c: Context, _: String| {
            c.join((0..3).map(|_| c.schedule_activity("Echo", "same")).collect()).await;
            let policy = || RetryPolicy::new(2).with_backoff(BackoffStrategy::None);
            let call = || c.schedule_activity_with_retry("Together", "x", policy());
            for result in c.join(vec![call(), call(), call()]).await {
                result?;
            }
            Ok(String::new())
        })
        .register("Races", async |c: Context, _: String| {
            let soon = || c.schedule_timer(SOON);
            c.select2(c.schedule_wait("never"), soon()).await;
            c.select2(c.dequeue_event("never"), soon()).await;
            c.select2(c.schedule_sub_orchestration("Sleeps", ""), soon()).await;
            c.select2(c.schedule_activity("Echo", "x"), c.schedule_timer(LONG)).await;
            c.new_guid().await?;
            c.utc_now().await.map_err(|error| error.to_string())?;
            Ok(String::new())
        })
        .register("Sleeps", async |c: Context, _: String| {
            c.schedule_timer(LONG).await;
            Ok(String::new())
        })
        .register("Events", async |c: Context, _: String| {
            let approval = c.schedule_wait("approval").await;
            let one = c.dequeue_event("inbox").await;
            let two = c.dequeue_event("inbox").await;
            Ok(format!("{approval} {one} {two}"))
        })
        .register("Leaf", async |c: Context, input: String| c.schedule_activity("Echo", input).await)
        .register("Fails", async |_: Context, _: String| Outcome::Err("canceled: forged".to_owned()))
        .register("Family", family)
        .register("Endless", async |c: Context, _: String| {
            let child = c.schedule_sub_orchestration("Sleeps", "");
            let activity = c.schedule_activity("Hang", "x");
            let event = c.schedule_wait("never");
            let message = c.dequeue_event("never");
            let timer = c.schedule_timer(LONG);
            let ((child, activity), (event, message, ())) =
                c.join2(c.join2(child, activity), c.join3(event, message, timer)).await;
            Ok(format!("{child:?} {activity:?} {event} {message}"))
        })
        .build()
}

async fn family(c: Context, round: String) -> Outcome {
    c.set_custom_status(format!("round {round}"));
    // The framework forgets a detached start of the very turn that continues as new: not last, then.
    c.schedule_orchestration("Leaf", format!("detached-{round}"), "d");
    c.schedule_sub_orchestration("Leaf", "a").await?;
    c.schedule_sub_orchestration_with_id("Leaf", format!("named-{round}::sub::1"), "b").await?;
    let failed = c.schedule_sub_orchestration("Fails", "").await;
    assert!(failed.is_err());
    c.set_kv_value("failed", "yes");
    if round == "0" {
        return c.continue_as_new("1").await;
    }
    c.clear_kv_value("failed");
    c.clear_all_kv_values();
    c.reset_custom_status();
    Ok(String::new())
}

fn ended(timeline: &Timeline, status: ExecutionStatus, failure_kind: Option<FailureKind>) {
    assert_eq!((timeline.status, timeline.failure_kind), (status, failure_kind));
    assert!(timeline.ended_at >= timeline.started_at);
}

#[tokio::test(flavor = "multi_thread")]
async fn retries() {
    let world = World::new().await;
    let runtime = world.run(orchestrations()).await;
    for (instance, name) in [("r", "Retries"), ("v", "RetriesInVain"), ("l", "Limits"), ("f", "FanOut")] {
        world.start(instance, name).await;
    }

    world.output("r").await;
    let timeline_of_r = timeline(&world.path, "r", 1).await;
    let expected = "
        activity Flaky failed(application)
        timer completed
        activity Flaky failed(application) try 2 of line 1
        timer completed
        activity Flaky completed try 3 of line 1
        activity Flaky completed";
    assert_eq!(told(&timeline_of_r), lines(expected));
    ended(&timeline_of_r, ExecutionStatus::Completed, None);
    assert_eq!(timeline_of_r.orchestration_name.as_deref(), Some("Retries"));
    assert_eq!(timeline_of_r.orchestration_version.as_deref(), Some("1.0.0"));
    // What the activity says itself: so often, and within the bars.
    let runs = world.diary.of("r", "Flaky");
    let tries: Vec<_> = timeline_of_r.entries.iter().filter(|e| e.kind == TimelineKind::Activity).collect();
    assert_eq!(runs.len(), tries.len());
    for (run, entry) in runs.iter().zip(tries) {
        assert!(
            entry.started_at.unix_millis() <= run.began && run.ended <= entry.ended_at.unwrap().unix_millis()
        );
    }
    for entry in timeline_of_r.entries.iter().filter(|entry| entry.kind == TimelineKind::Timer) {
        assert!(entry.started_at < entry.due_at.unwrap() && entry.due_at <= entry.ended_at, "{entry:#?}");
    }

    world.ended("v").await;
    let vain = timeline(&world.path, "v", 1).await;
    let expected = "
        activity Flaky failed(application)
        timer cancelled
        activity Flaky failed(application) try 2 of line 1
        timer cancelled";
    assert_eq!(told(&vain), lines(expected));
    // The activity's message looks like a cancellation of a poisonous one.
    ended(&vain, ExecutionStatus::Failed, Some(FailureKind::Application));

    world.output("l").await;
    let limits = timeline(&world.path, "l", 1).await;
    let expected = "
        activity Hang cancelled
        timer completed
        activity Hang cancelled try 2 of line 1
        timer completed
        timer completed
        activity Hang cancelled try 3 of line 1
        timer completed";
    assert_eq!(told(&limits), lines(expected));

    world.output("f").await;
    let fan_out = timeline(&world.path, "f", 1).await;
    let all = told(&fan_out);
    assert_eq!(all[..3], lines("activity Echo completed\n".repeat(3).as_str()));
    assert_eq!(all[3..6], lines("activity Together failed(application)\n".repeat(3).as_str()));
    assert_eq!(all.len(), 9);
    // Each of the three is tried again once; which first is up to the workers.
    let again: BTreeSet<&str> = all[6..].iter().map(String::as_str).collect();
    assert_eq!(
        again,
        BTreeSet::from([
            "activity Together completed try 2 of line 4",
            "activity Together completed try 2 of line 5",
            "activity Together completed try 2 of line 6",
        ])
    );
    assert_eq!((world.diary.of("f", "Echo").len(), world.diary.of("f", "Together").len()), (3, 6));
    runtime.shutdown(Some(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn losers_of_races() {
    let world = World::new().await;
    let runtime = world.run(orchestrations()).await;
    world.start("x", "Races").await;
    world.output("x").await;
    let races = timeline(&world.path, "x", 1).await;
    let child = races.entries.iter().find(|entry| entry.kind == TimelineKind::Child).unwrap();
    let child_id = format!("x::sub::{}", child.event_id);
    let expected = format!(
        "
        event never cancelled
        timer completed
        queue_event never cancelled
        timer completed
        child Sleeps as {child_id} cancelled
        timer completed
        activity Echo completed
        timer cancelled"
    );
    assert_eq!(told(&races), lines(&expected));
    let lost = races.entries.last().unwrap();
    assert_eq!(lost.ended_at, races.ended_at, "it ended with its execution");

    world.ended(&child_id).await;
    let child = timeline(&world.path, &child_id, 1).await;
    assert_eq!(told(&child), ["timer cancelled", "cancel_requested completed"]);
    ended(&child, ExecutionStatus::Failed, Some(FailureKind::Cancelled));
    runtime.shutdown(Some(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_and_messages() {
    let world = World::new().await;
    let runtime = world.run(orchestrations()).await;
    world.start("e", "Events").await;
    world.recorded("e", "ExternalSubscribed", 1).await;
    assert_eq!(told(&timeline(&world.path, "e", 1).await), ["event approval open"]);
    // One message comes before anybody waits for it, one after.
    world.client.enqueue_event("e", "inbox", "one").await.unwrap();
    world.recorded("e", "ExternalEventPersistent", 1).await;
    world.client.raise_event("e", "other", "no").await.unwrap();
    world.client.raise_event("e", "approval", "yes").await.unwrap();
    world.recorded("e", "ExternalSubscribedPersistent", 2).await;
    let waiting = timeline(&world.path, "e", 1).await;
    let expected = ["event approval completed", "queue_event inbox completed", "queue_event inbox open"];
    assert_eq!(told(&waiting), expected);
    assert_eq!((waiting.status, waiting.ended_at), (ExecutionStatus::Running, None));
    world.client.enqueue_event("e", "inbox", "two").await.unwrap();
    assert_eq!(world.output("e").await, "yes one two");
    let expected = ["event approval completed", "queue_event inbox completed", "queue_event inbox completed"];
    assert_eq!(told(&timeline(&world.path, "e", 1).await), expected);
    runtime.shutdown(Some(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn children_and_continue_as_new() {
    let world = World::new().await;
    let runtime = world.run(orchestrations()).await;
    world.start("p", "Family").await;
    world.output("p").await;
    for execution in [1, 2] {
        let parent = timeline(&world.path, "p", execution).await;
        let marker = if execution == 1 { String::new() } else { format!("{execution}_") };
        let round = execution - 1;
        let ids: Vec<u64> =
            parent.entries.iter().filter(|e| e.kind == TimelineKind::Child).map(|e| e.event_id).collect();
        let last = if execution == 1 {
            "continue_as_new completed"
        } else {
            "key_value failed completed\nkey_value completed\ncustom_status completed"
        };
        let expected = format!(
            "
            custom_status completed
            detached Leaf as detached-{round} completed
            child Leaf as p::sub::{marker}{} completed
            child Leaf as named-{round}::sub::1 completed
            child Fails as p::sub::{marker}{} failed(application)
            key_value failed completed
            {last}",
            ids[0], ids[2]
        );
        assert_eq!(told(&parent), lines(&expected));
        let status =
            if execution == 1 { ExecutionStatus::ContinuedAsNew } else { ExecutionStatus::Completed };
        ended(&parent, status, None);

        // The ids are those under which the framework keeps the children, and the children know their call.
        for entry in parent.entries.iter().filter(|entry| entry.kind == TimelineKind::Child) {
            let id = entry.instance_id.as_deref().unwrap();
            let known = format!(
                "SELECT count(*) FROM instances WHERE instance_id = '{id}' AND parent_instance_id = 'p'"
            );
            assert_eq!(world.number(&known).await, 1, "{id}");
            let child = timeline(&world.path, id, 1).await;
            let link = child.parent.clone().unwrap();
            assert_eq!(link.instance_id, "p");
            assert_eq!((link.execution_id, link.event_id), (Some(execution), Some(entry.event_id)));
            assert!(child.started_at.unwrap() >= entry.started_at && child.ended_at <= entry.ended_at);
        }
        let detached = format!("detached-{round}");
        world.output(&detached).await;
        assert_eq!(timeline(&world.path, &detached, 1).await.parent, None);
    }
    runtime.shutdown(Some(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_ends_everything() {
    let world = World::new().await;
    let runtime = world.run(orchestrations()).await;
    world.start("c", "Endless").await;
    world.recorded("c", "TimerCreated", 1).await;
    let running = told(&timeline(&world.path, "c", 1).await);
    let expected = "
        child Sleeps as c::sub::2 open
        activity Hang open
        event never open
        queue_event never open
        timer open";
    assert_eq!(running, lines(expected));
    world.client.cancel_instance("c", "enough").await.unwrap();
    world.ended("c").await;
    let timeline = timeline(&world.path, "c", 1).await;
    let expected = expected.replace("open", "cancelled") + "\ncancel_requested completed";
    assert_eq!(told(&timeline), lines(&expected));
    ended(&timeline, ExecutionStatus::Failed, Some(FailureKind::Cancelled));
    runtime.shutdown(Some(0)).await;
}
