//! The orchestrations: each brings about a few kinds of events.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use duroxide::{BackoffStrategy, Either2, OrchestrationContext, OrchestrationRegistry, RetryPolicy};

use super::{ODD_ACTIVITY, ODD_ORCHESTRATION};

type Context = OrchestrationContext;
type Outcome = Result<String, String>;

const SOON: Duration = Duration::from_millis(20);
const LONG: Duration = Duration::from_secs(3600);

/// A registry of all of them.
pub fn orchestrations() -> OrchestrationRegistry {
    let replayed = Arc::new(AtomicBool::new(false));
    OrchestrationRegistry::builder()
        .register("Hello", async |c: Context, who: String| c.schedule_activity("Greet", who).await)
        .register_versioned("Hello", "2.1.0", async |c: Context, who: String| {
            c.schedule_activity("Greet", format!("dear {who}")).await
        })
        .register(ODD_ORCHESTRATION, async |c: Context, tag: String| {
            c.schedule_activity(ODD_ACTIVITY, "").with_tag(tag).await
        })
        .register("x".repeat(250), async |_: Context, input: String| Ok(input))
        .register("FanOut", fan_out)
        .register("Timer", async |c: Context, ms: String| {
            c.schedule_timer(Duration::from_millis(ms.parse().map_err(|_| "not a number")?)).await;
            Ok("fired".to_owned())
        })
        .register("Parent", parent)
        .register("Detach", async |c: Context, _: String| {
            c.schedule_orchestration("Hello", format!("detached-from-{}", c.instance_id()), "d");
            Ok("detached".to_owned())
        })
        .register("State", state)
        .register("Fails", async |_: Context, why: String| Outcome::Err(format!("business error: {why}")))
        .register("Panics", async |_: Context, why: String| -> Outcome { panic!("{why}") })
        .register("FailingActivity", async |c: Context, _: String| c.schedule_activity("Fail", "in").await)
        .register("PanickingActivity", async |c: Context, _: String| c.schedule_activity("Panic", "in").await)
        .register("UnknownActivity", async |c: Context, _: String| c.schedule_activity("Nowhere", "in").await)
        .register("Retry", async |c: Context, _: String| {
            let policy = RetryPolicy::new(4).with_backoff(BackoffStrategy::Fixed { delay: SOON });
            c.schedule_activity_with_retry("Flaky", "in", policy).await
        })
        .register("Nondeterministic", move |c: Context, _: String| {
            let second_turn = replayed.swap(true, Ordering::SeqCst);
            async move { c.schedule_activity(if second_turn { "Fail" } else { "Greet" }, "x").await }
        })
        .register("Event", async |c: Context, _: String| Ok(c.schedule_wait("Approval").await))
        .register("Inbox", inbox)
        .register("Session", async |c: Context, _: String| {
            let session = c.new_guid().await?;
            c.utc_now().await.map_err(|error| error.to_string())?;
            c.schedule_activity_on_session("Greet", "first", session.clone()).await?;
            c.schedule_activity_on_session("Greet", "second", session).await
        })
        .register("Tagged", async |c: Context, tag: String| {
            c.schedule_activity("Greet", "t").with_tag(tag).await
        })
        .register("Losers", losers)
        .register("Tree", async |c: Context, _: String| {
            let child = c.schedule_sub_orchestration("Timer", LONG.as_millis().to_string());
            let activity = c.schedule_activity("Slow", "");
            c.join2(child, activity).await.0
        })
        .register("Busy", busy)
        .register("BusyLater", async |c: Context, ms: String| {
            c.schedule_activity("Greet", "first").await?;
            busy(c, ms).await
        })
        .register("LostRaces", lost_races)
        .register("UnknownChild", async |c: Context, _: String| {
            c.schedule_sub_orchestration("Nobody registered this", "").await
        })
        .build()
}

async fn fan_out(c: Context, n: String) -> Outcome {
    let n: usize = n.parse().map_err(|_| "not a number")?;
    let all = c.join((0..n).map(|k| c.schedule_activity("Greet", k.to_string())).collect()).await;
    Ok(all.len().to_string())
}

async fn parent(c: Context, _: String) -> Outcome {
    let one = c.schedule_sub_orchestration("Hello", "child").await?;
    let id = format!("child-of-{}", c.instance_id());
    let two = c.schedule_sub_orchestration_with_id("Hello", id, "named child").await?;
    let three = c.schedule_sub_orchestration("Fails", "child").await;
    Ok(format!("{one} {two} {three:?}"))
}

/// Custom status, key-value pairs and continue-as-new.
async fn state(c: Context, round: String) -> Outcome {
    let round: u32 = round.parse().map_err(|_| "not a number")?;
    c.set_custom_status(format!("round {round}"));
    c.set_kv_value("kept", "1");
    c.set_kv_value("cleared", "1");
    c.schedule_activity("Greet", round.to_string()).await?;
    c.clear_kv_value("cleared");
    // Outlives this execution: a leftover for an hour.
    let timer = c.schedule_timer(LONG);
    let activity = c.schedule_activity("Greet", "race");
    let _winner = c.select2(activity, timer).await;
    if round < 2 {
        return c.continue_as_new((round + 1).to_string()).await;
    }
    c.clear_all_kv_values();
    c.reset_custom_status();
    Ok("done".to_owned())
}

async fn inbox(c: Context, round: String) -> Outcome {
    let message = c.dequeue_event("inbox").await;
    if round == "0" {
        return c.continue_as_new("1").await;
    }
    Ok(message)
}

/// Everything that can lose a race, loses one.
async fn losers(c: Context, _: String) -> Outcome {
    let soon = || c.schedule_timer(SOON);
    let winner = match c.select2(c.schedule_activity("Slow", ""), soon()).await {
        Either2::First(_) => "activity",
        Either2::Second(()) => "timer",
    };
    c.select2(c.schedule_wait("never"), soon()).await;
    c.select2(c.dequeue_event("never"), soon()).await;
    c.select2(c.schedule_sub_orchestration("Timer", LONG.as_millis().to_string()), soon()).await;
    c.select2(c.schedule_activity("Greet", ""), c.schedule_timer(LONG)).await;
    Ok(winner.to_owned())
}

/// Loses every kind of race, and then waits for what is asked for: behind it nothing of the races may keep it.
async fn lost_races(c: Context, then: String) -> Outcome {
    let soon = || c.schedule_timer(SOON);
    c.select2(c.schedule_activity("Slow", ""), soon()).await;
    c.select2(c.schedule_wait("never"), soon()).await;
    c.select2(c.dequeue_event("never"), soon()).await;
    c.select2(c.schedule_sub_orchestration("Timer", LONG.as_millis().to_string()), soon()).await;
    // Its timer stays in the queue for an hour.
    c.select2(c.schedule_activity("Greet", ""), c.schedule_timer(LONG)).await;
    match then.as_str() {
        "event" => Ok(c.schedule_wait("Approval").await),
        "activity" => c.schedule_activity("Slow", "").await,
        "child" => c.schedule_sub_orchestration("Event", "").await,
        _ => {
            c.schedule_timer(LONG).await;
            Ok(String::new())
        }
    }
}

/// A turn that takes long: blocks its thread, as bad orchestrations do.
async fn busy(c: Context, ms: String) -> Outcome {
    std::thread::sleep(Duration::from_millis(ms.parse().map_err(|_| "not a number")?));
    c.schedule_activity("Greet", "busy").await
}
