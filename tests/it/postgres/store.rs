//! A store, made by plain SQL: the tables that are read, and a few rows. The framework's own provider would bring
//! OpenSSL into this package.

use cluster::Server;

use super::exporter::SECRET;

/// Which of the framework's providers made the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    Pg,
    PgOpt,
}

/// A database of its own with a role that may read the store in it.
pub(super) struct Store<'a> {
    pub(super) server: &'a Server,
    pub(super) database: String,
    pub(super) schema: &'static str,
    pub(super) role: String,
    pub(super) password: String,
}

impl<'a> Store<'a> {
    /// A store of duroxide-pg in the schema `orders`, and a role with every right that helps.
    pub(super) fn new(server: &'a Server) -> Self {
        let store = Self::without_rights(server);
        store.sql(&store.grants());
        store
    }

    /// The same; the role may log in, and no more.
    pub(super) fn without_rights(server: &'a Server) -> Self {
        let store = Self::without_tables(server);
        store.sql(&tables(store.schema, Flavour::Pg));
        store
    }

    /// A database and a role; no schema.
    pub(super) fn without_tables(server: &'a Server) -> Self {
        let database = server.create_database();
        let (role, password) = (format!("monitor_{database}"), format!("{SECRET}-{database}"));
        server.psql("postgres", &format!("create role {role} login password '{password}'"));
        Self { server, database, schema: "orders", role, password }
    }

    /// Statements, by the superuser.
    pub(super) fn sql(&self, sql: &str) -> String {
        self.server.psql(&self.database, sql)
    }

    /// With user, password and schema.
    pub(super) fn url(&self) -> String {
        self.url_with(&self.password)
    }

    /// With another password.
    pub(super) fn url_with(&self, password: &str) -> String {
        let url = self.server.url_as(&self.role, password, &self.database);
        format!("{url}?schema={}", self.schema)
    }

    /// Without a password.
    pub(super) fn open_url(&self) -> String {
        self.url().replacen(&format!(":{}@", self.password), "@", 1)
    }

    /// Everything that the role of `deploy/sql` has.
    pub(super) fn grants(&self) -> String {
        let Self { schema, role, .. } = self;
        format!(
            "grant usage on schema {schema} to {role};
             grant select on all tables in schema {schema} to {role};
             grant select on all sequences in schema {schema} to {role};
             grant pg_monitor to {role};"
        )
    }
}

/// The tables as the migrations of today leave them, and rows: one instance waits for an activity that is ready, one
/// for a timer, one has ended.
pub(super) fn tables(schema: &str, flavour: Flavour) -> String {
    let (worker, migrations) = match flavour {
        Flavour::Pg => (
            ", instance_id text, execution_id bigint, activity_id bigint",
            "(1, 'initial_schema'), (2, 'create_stored_procedures'), (26, 'the_newest')",
        ),
        Flavour::PgOpt => ("", "(1, 'initial_schema'), (2, 'deletion_and_pruning'), (11, 'the_newest')"),
    };
    let worker_columns = if worker.is_empty() { "" } else { ", instance_id, execution_id, activity_id" };
    let worker_values = if worker.is_empty() { "" } else { ", 'waits', 1, 2" };
    format!(
        r#"
create schema {schema};
set search_path = {schema};
create table instances (instance_id text primary key, orchestration_name text not null, orchestration_version text,
  current_execution_id bigint not null default 1, created_at timestamptz not null, updated_at timestamptz not null,
  parent_instance_id text, custom_status text, custom_status_version bigint not null default 0);
create table executions (instance_id text, execution_id bigint, status text not null default 'Running', output text,
  started_at timestamptz not null, completed_at timestamptz, duroxide_version_major int, duroxide_version_minor int,
  duroxide_version_patch int, primary key (instance_id, execution_id));
create table history (instance_id text, execution_id bigint, event_id bigint, event_type text not null,
  event_data text not null, created_at timestamptz not null, primary key (instance_id, execution_id, event_id));
create table orchestrator_queue (id bigserial primary key, instance_id text not null, work_item text not null,
  visible_at timestamptz not null, lock_token text, locked_until bigint, created_at timestamptz not null,
  attempt_count int not null default 0);
create table worker_queue (id bigserial primary key, work_item text not null, visible_at timestamptz not null,
  lock_token text, locked_until bigint, created_at timestamptz not null, attempt_count int not null default 0,
  session_id text, tag text{worker});
create table instance_locks (instance_id text primary key, lock_token text not null, locked_until bigint not null,
  locked_at bigint not null);
create table sessions (session_id text primary key, worker_id text not null, locked_until bigint not null,
  last_activity_at bigint not null);
create table kv_store (instance_id text, key text, value text not null, execution_id bigint,
  last_updated_at_ms bigint, primary key (instance_id, key));
create table _duroxide_migrations (version bigint primary key, name text not null,
  applied_at timestamptz not null default now());
insert into _duroxide_migrations values {migrations};
insert into instances select id, 'Order', '1.0.0', 1, now(), now() from unnest(array['ended', 'sleeps', 'waits']) id;
insert into executions select id, 1, 'Running', null, now(), null from unnest(array['sleeps', 'waits']) id;
insert into executions values ('ended', 1, 'Completed', '"an output"', now(), now());
insert into history select id, 1, 1, 'Event', format('{{"event_id":1,"source_event_id":null,"instance_id":"%s",'
  '"execution_id":1,"timestamp_ms":1795408935949,"duroxide_version":"0.1.32","type":"OrchestrationStarted",'
  '"name":"Order","version":"1.0.0","input":"an input","parent_instance":null,"parent_id":null}}', id), now()
  from unnest(array['ended', 'sleeps', 'waits']) id;
insert into history values ('waits', 1, 2, 'Event', '{{"event_id":2,"source_event_id":null,"instance_id":"waits",'
  '"execution_id":1,"timestamp_ms":1795408935950,"duroxide_version":"0.1.32","type":"ActivityScheduled",'
  '"name":"Charge","input":"card"}}', now());
insert into worker_queue (work_item, visible_at, created_at{worker_columns}) values (
  '{{"ActivityExecute": {{"id": 2, "name": "Charge", "input": "card", "instance": "waits", "execution_id": 1}}}}',
  now(), now(){worker_values});
insert into orchestrator_queue (instance_id, work_item, visible_at, created_at) values ('sleeps',
  '{{"TimerFired":{{"instance":"sleeps","execution_id":1,"id":2,"fire_at_ms":4102444800000}}}}', '2100-01-01', now());
"#
    )
}
