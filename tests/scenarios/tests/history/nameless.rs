//! Version 0.1.27 of the framework wrote ends of executions whose texts do not say whose they are: the columns of the row
//! do. The runtime of today is made to write likewise by a trigger.

use std::sync::Arc;

use duroxide_exporter::{ManagementAPI, PageRequest, ProviderManagement};
use scenarios::{over_every_store, scrape::wait_for, sql, store::Store, stores::Kind, truth::Truth};

use crate::world::{Run, World};

over_every_store!(whose_an_event_is_the_row_says);

async fn whose_an_event_is_the_row_says(kind: Kind) {
    let mut world = World::new(kind, Run::Within).await;
    leave_out_ids(&world.fresh.store).await;
    for round in 0..3 {
        for (name, input) in [("Hello", "x"), ("Fails", "42"), ("Parent", ""), ("Timer", "3600000")] {
            world.begin(&format!("{name}-{round}"), name, input).await;
        }
        let ended = format!("Fails-{round}");
        wait_for("a failure", async || {
            let truth = Truth::read(&world.fresh.store).await;
            truth
                .executions
                .get(&(ended.clone(), 1))
                .filter(|execution| execution.status == "Failed")
                .map(|_| ())
        })
        .await;
        world.poll(&format!("round {round}")).await;
    }
    // Of the executions before its start, too, it has to know that they ended.
    world.restart_exporter().await;
    world.poll("after a restart").await;

    let management = duroxide_exporter::connect(&world.fresh.store.url()).unwrap();
    let provider: Arc<dyn ManagementAPI> = Arc::new(ProviderManagement::new(world.provider.clone()));
    for of in [management, provider] {
        let events = of.read_execution("Fails-0", 1, PageRequest::first(1_000)).await.unwrap().items;
        assert!(
            events.iter().all(|event| event.instance_id == "Fails-0" && event.execution_id == 1),
            "{events:?}"
        );
    }
}

async fn leave_out_ids(store: &Store) {
    let statements = match store {
        Store::Sqlite(_) => {
            let blank = "json_set(event_data, '$.instance_id', '', '$.execution_id', 0)";
            format!(
                "CREATE TRIGGER nameless AFTER INSERT ON test_log
                   WHEN json_extract(NEW.event_data, '$.type') IN ('OrchestrationFailed', 'OrchestrationCompleted') BEGIN
                   UPDATE test_log SET event_data = {blank} WHERE n = NEW.n;
                   UPDATE history SET event_data = {blank} WHERE instance_id = NEW.instance_id
                     AND execution_id = NEW.execution_id AND event_id = NEW.event_id;
                 END;"
            )
        }
        Store::Postgres(postgres) => {
            let schema = &postgres.schema;
            let blank = "regexp_replace(event_data, '\"instance_id\":\"[^\"]*\",\"execution_id\":[0-9]+', '\"instance_id\":\"\",\"execution_id\":0')";
            format!(
                "CREATE FUNCTION {schema}.nameless() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                   UPDATE {schema}.test_log SET event_data = {blank} WHERE n = NEW.n;
                   UPDATE {schema}.history SET event_data = {blank} WHERE instance_id = NEW.instance_id
                     AND execution_id = NEW.execution_id AND event_id = NEW.event_id;
                   RETURN NEW;
                 END $$;
                 CREATE TRIGGER nameless AFTER INSERT ON {schema}.test_log FOR EACH ROW
                   WHEN (NEW.event_data ~ '\"type\":\"Orchestration(Failed|Completed)\"') EXECUTE FUNCTION {schema}.nameless();"
            )
        }
    };
    sql::execute(store, &statements).await;
}
