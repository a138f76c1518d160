//! A store with a runtime whose activities keep a diary.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use duroxide::{
    ActivityContext, Client, OrchestrationRegistry, OrchestrationStatus,
    providers::sqlite::SqliteProvider,
    runtime::{Runtime, RuntimeOptions, registry::ActivityRegistry},
};
use scenarios::{files::Scratch, scrape, sql, workload};
use tokio::sync::Barrier;

/// What an activity says about one run of it: its instance and the moments it began and ended, ms.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) instance: String,
    pub(crate) name: &'static str,
    pub(crate) began: i64,
    pub(crate) ended: i64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Diary(Arc<Mutex<Vec<Run>>>);

impl Diary {
    pub(crate) fn of(&self, instance: &str, name: &str) -> Vec<Run> {
        let runs = self.0.lock().unwrap();
        runs.iter().filter(|run| run.instance == instance && run.name == name).cloned().collect()
    }

    fn write(&self, instance: &str, name: &'static str, began: i64) {
        let run = Run { instance: instance.to_owned(), name, began, ended: now_ms() };
        self.0.lock().unwrap().push(run);
    }
}

pub(crate) fn now_ms() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

pub(crate) struct World {
    _scratch: Scratch,
    pub(crate) path: PathBuf,
    pub(crate) store: Arc<SqliteProvider>,
    pub(crate) client: Client,
    pub(crate) diary: Diary,
}

impl World {
    pub(crate) async fn new() -> Self {
        let scratch = Scratch::new();
        let path = scratch.file("store.db");
        let store = workload::open(&path).await;
        let client = Client::new(store.clone());
        Self { _scratch: scratch, path, store, client, diary: Diary::default() }
    }

    pub(crate) async fn run(&self, orchestrations: OrchestrationRegistry) -> Arc<Runtime> {
        let options = RuntimeOptions {
            dispatcher_min_poll_interval: Duration::from_millis(10),
            // An activity that was given up learns so when its lease is renewed: till then it keeps its place.
            worker_concurrency: 8,
            ..Default::default()
        };
        workload::start_runtime_of(self.store.clone(), self.activities(), orchestrations, options).await
    }

    fn activities(&self) -> ActivityRegistry {
        let [echo, flaky, together, hang] = [(); 4].map(|()| self.diary.clone());
        let barrier = Arc::new(Barrier::new(3));
        ActivityRegistry::builder()
            .register("Echo", move |context: ActivityContext, input: String| {
                let (diary, began) = (echo.clone(), now_ms());
                async move {
                    diary.write(context.instance_id(), "Echo", began);
                    Ok(input)
                }
            })
            // Fails as often as its input says, for each instance.
            .register("Flaky", move |context: ActivityContext, input: String| {
                let (diary, began) = (flaky.clone(), now_ms());
                async move {
                    diary.write(context.instance_id(), "Flaky", began);
                    let runs = diary.of(context.instance_id(), "Flaky").len();
                    if runs <= input.parse().unwrap() {
                        Err("canceled: poison".to_owned())
                    } else {
                        Ok(input)
                    }
                }
            })
            // The first three runs fail, all at once: none is tried again before the others have begun.
            .register("Together", move |context: ActivityContext, input: String| {
                let (diary, barrier, began) = (together.clone(), barrier.clone(), now_ms());
                async move {
                    diary.write(context.instance_id(), "Together", began);
                    if diary.of(context.instance_id(), "Together").len() > 3 {
                        return Ok(input);
                    }
                    barrier.wait().await;
                    Err("not yet".to_owned())
                }
            })
            .register("Hang", move |context: ActivityContext, _: String| {
                let (diary, began) = (hang.clone(), now_ms());
                async move {
                    diary.write(context.instance_id(), "Hang", began);
                    context.cancelled().await;
                    Err::<String, _>("too late".to_owned())
                }
            })
            .build()
    }

    pub(crate) async fn start(&self, instance: &str, orchestration: &str) {
        self.client.start_orchestration(instance, orchestration, "0").await.unwrap();
    }

    pub(crate) async fn ended(&self, instance: &str) -> OrchestrationStatus {
        self.client.wait_for_orchestration(instance, scrape::PATIENCE).await.unwrap()
    }

    /// The output of an instance that must end well.
    pub(crate) async fn output(&self, instance: &str) -> String {
        match self.ended(instance).await {
            OrchestrationStatus::Completed { output, .. } => output,
            status => panic!("{instance}: {status:?}"),
        }
    }

    /// Waits until so many events of a type are in the history of an instance.
    pub(crate) async fn recorded(&self, instance: &str, event_type: &str, events: i64) {
        let mut connection = sql::connect(&self.path).await;
        scrape::wait_for(&format!("{event_type} of {instance}"), async || {
            let count: i64 = sqlx::query_scalar(
                "SELECT count(*) FROM history WHERE instance_id = ? AND event_data ->> 'type' = ?",
            )
            .bind(instance)
            .bind(event_type)
            .fetch_one(&mut connection)
            .await
            .unwrap();
            (count >= events).then_some(())
        })
        .await;
    }

    /// One number from the store.
    pub(crate) async fn number(&self, sql_text: &str) -> i64 {
        let mut connection = sql::connect(&self.path).await;
        sqlx::query_scalar(sql_text).fetch_one(&mut connection).await.unwrap()
    }
}
