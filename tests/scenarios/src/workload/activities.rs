//! The activities.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use duroxide::{ActivityContext, runtime::registry::ActivityRegistry};

use super::ODD_ACTIVITY;

/// A registry of all of them.
pub fn activities() -> ActivityRegistry {
    let flaky = Arc::new(AtomicU32::new(0));
    ActivityRegistry::builder()
        .register("Greet", async |_: ActivityContext, who: String| Ok(format!("Hello, {who}!")))
        .register(ODD_ACTIVITY, async |_: ActivityContext, who: String| Ok(who))
        .register("Fail", async |_: ActivityContext, why: String| Err::<String, _>(format!("boom: {why}")))
        .register("Panic", async |_: ActivityContext, why: String| -> Result<String, String> {
            panic!("{why}")
        })
        .register("Slow", async |context: ActivityContext, _: String| {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_secs(600)) => Ok("slept".to_owned()),
                () = context.cancelled() => Err("cancelled".to_owned()),
            }
        })
        .register("Flaky", move |_: ActivityContext, _: String| {
            let attempt = flaky.fetch_add(1, Ordering::SeqCst);
            async move { if attempt < 2 { Err("not yet".to_owned()) } else { Ok("at last".to_owned()) } }
        })
        .build()
}
