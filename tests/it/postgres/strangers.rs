//! What the owner of a schema made beside the store's tables is not run: the exporter's role may be allowed more.

use cluster::Server;
use duroxide_exporter::{InstanceFilter, PageRequest, SearchQuery, connect};

use super::exporter::{Serving, check};
use super::store::Store;

/// Functions that fit a call better than what the server has, or as well. Each fails, whoever runs it.
const TRAPS: &str = r"
create function trap() returns void language plpgsql as $$ begin raise exception 'run as %', current_user; end $$;
do $$ declare what text; begin
  foreach what in array array[
    'left(text, integer)', 'right(text, integer)', 'strpos(text, text)', 'starts_with(text, text)', 'octet_length(text)', 'lower(text)',
    'floor(numeric)', 'floor(double precision)', 'isfinite(timestamptz)', 'to_timestamp(double precision)',
    'to_timestamp(numeric)', 'age(xid)', 'clock_timestamp()', 'unnest(text[])', 'unnest(bigint[])', 'concat_ws(text, inet, text)',
    'pg_is_in_recovery()', 'has_table_privilege(oid, text)', 'pg_total_relation_size(oid)', 'txid_current_snapshot()']
  loop
    execute format('create function %s returns text language plpgsql as %L', what,
      'begin raise exception ''run as %'', current_user; end');
  end loop;
  foreach what in array array['text', 'bigint', 'boolean', 'integer', 'timestamptz'] loop
    execute format('create function state(text, %s) returns text language plpgsql as %L', what,
      'begin raise exception ''run as %'', current_user; end');
    execute format('create aggregate count(%s) (sfunc = state, stype = text)', what);
    execute format('create aggregate array_agg(%s) (sfunc = state, stype = text)', what);
    execute format('create aggregate max(%s) (sfunc = state, stype = text)', what);
    execute format('create aggregate sum(%s) (sfunc = state, stype = text)', what);
  end loop;
  foreach what in array array['text, text', 'bigint, bigint', 'bigint, integer', 'timestamptz, timestamptz', 'text, varchar'] loop
    execute format('create function compare(%s) returns boolean language plpgsql as %L', what,
      'begin raise exception ''run as %'', current_user; end');
    execute format('create operator = (leftarg = %s, rightarg = %s, function = compare)', split_part(what, ',', 1), split_part(what, ',', 2));
    execute format('create operator <= (leftarg = %s, rightarg = %s, function = compare)', split_part(what, ',', 1), split_part(what, ',', 2));
    execute format('create operator > (leftarg = %s, rightarg = %s, function = compare)', split_part(what, ',', 1), split_part(what, ',', 2));
  end loop;
end $$;
";

#[test]
fn functions_operators_and_aggregates_of_the_owner_are_not_run() {
    let store = Store::new(Server::shared());
    let parts = |store: &Store<'_>| {
        let read = check(&store.url()).readable();
        ["instances", "queues", "notes", "warnings"].map(|part| read[part].clone())
    };
    let before = parts(&store);
    let path = "set search_path =";
    store.sql(&format!("{path} orders, pg_catalog; {TRAPS} {path} public, pg_catalog; {TRAPS}"));
    // Also where a role has a path of its own.
    store.sql(&format!("alter role {} set search_path = orders, public, pg_catalog", store.role));
    assert_eq!(parts(&store), before);
    let serving = Serving::start(&store.url(), &["--history.backfill=true"], &[]);
    serving.wait_until_up();
    serving.eventually("history", |body| body.contains("duroxide_activities_scheduled_total{"));
    assert!(!serving.log().contains("run as"), "{}", serving.log());

    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let api = connect(&store.url()).unwrap();
        let page = api.list_instances_filtered(InstanceFilter::default(), PageRequest::default()).await;
        assert_eq!(page.unwrap().items.len(), 3);
        let found = api.search_instances(SearchQuery::new("input").payloads(true)).await.unwrap();
        assert_eq!(found.items.len(), 3);
        assert_eq!(api.get_metrics().await.unwrap().total_events, Some(4));
        assert_eq!(api.get_queue_depths().await.unwrap().worker_queue, 1);
        assert!(api.get_instance_waits("waits").await.is_ok());
    });
}

#[test]
fn views_and_types_of_the_owner_are_refused() {
    for (change, words) in [
        (
            "alter table orders.sessions rename to other; create view orders.sessions as select * from orders.other",
            "sessions in schema orders is no table",
        ),
        (
            "create type orders.state as enum ('Running', 'Completed'); alter table orders.executions alter status drop default;
             alter table orders.executions alter status type orders.state using status::orders.state",
            "lacks executions.status",
        ),
    ] {
        let store = Store::new(Server::shared());
        store.sql(change);
        store.sql(&store.grants());
        check(&store.url()).refused("schema", words);
    }
}
