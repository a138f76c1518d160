-- A role for duroxide-exporter: it reads one schema of the framework and can write nothing.
--
--   psql -d DATABASE -v role=duroxide_exporter -v schema=orders -f monitoring_role.sql
--   psql -d DATABASE -c '\password duroxide_exporter'
--
-- Run it as an administrator, on the primary: roles and grants reach standbys by replication. It can be run again at
-- any time, and is run once more for each further schema. README.md says what each grant is for;
-- monitoring_role_drop.sql takes everything back.
--
--   role         its name; created without a password, so nobody can log in with one until \password has set it
--   schema       the schema of the framework's tables; written in lower case, as the framework folds it
--   owner        the role that migrates the schema: the application's own (default: the owner of the tables)
--   pg_monitor   no: without the right to see replication (default: yes)
--   connections  how many the role may have at once (default: three for each schema that it reads in this database)

\set ON_ERROR_STOP on
\set QUIET on
\if :{?role}
\else
  \set role ''
\endif
\if :{?schema}
\else
  \set schema ''
\endif
\if :{?owner}
\else
  select coalesce((select tableowner from pg_tables where schemaname = :'schema' and tablename = '_duroxide_migrations'),
                  (select nspowner::regrole::text from pg_namespace where nspname = :'schema'), '') as owner \gset
\endif
\if :{?pg_monitor}
\else
  \set pg_monitor yes
\endif
\if :{?connections}
\else
  \set connections 0
\endif

begin;
set local client_min_messages = warning;

-- Everything that would go wrong later, told before anything is changed.
select set_config('monitoring_role.mistake', coalesce(case
  when pg_is_in_recovery() then
    'this is a standby; run it on the primary, from which roles and grants are replicated'
  when :'role' = '' or :'schema' = '' then
    'give -v role=NAME and -v schema=NAME'
  when not exists (select from pg_namespace where nspname = :'schema') then
    format('database %I has no schema %I; the application creates it when it first starts', current_database(), :'schema')
  when not exists (select from pg_roles where rolname = :'owner') then
    format('there is no role %I that could be the owner', :'owner')
  when :'role' = :'owner' then
    format('role %I owns the schema and may write; give the monitoring role another name', :'role')
  when exists (select from pg_roles where rolname = :'role'
               and (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)) then
    format('role %I exists and may do much more than read; give the monitoring role another name', :'role')
end, ''), true) as mistake \gset
do $$ begin
  if current_setting('monitoring_role.mistake') <> '' then
    raise exception using message = current_setting('monitoring_role.mistake');
  end if;
end $$;

-- The role. `default_transaction_read_only` is a second lock: a session may switch it off, but has no right to write.
select format('create role %I login', :'role')
where not exists (select from pg_roles where rolname = :'role') \gexec
alter role :"role" with login;
alter role :"role" set default_transaction_read_only = on;
-- Above the exporter's own limit (--poll-timeout, 30 s): for what it could not cancel itself.
alter role :"role" set statement_timeout = '60s';
-- A transaction forgotten open would keep dead rows of the busy queues from being removed.
alter role :"role" set idle_in_transaction_session_timeout = '60s';

-- What is there ...
grant connect on database :"DBNAME" to :"role";
grant usage on schema :"schema" to :"role";
grant select on all tables in schema :"schema" to :"role";
grant select on all sequences in schema :"schema" to :"role";
-- ... and what later migrations will create.
alter default privileges for role :"owner" in schema :"schema" grant select on tables to :"role";
alter default privileges for role :"owner" in schema :"schema" grant select on sequences to :"role";

\if :pg_monitor
  grant pg_monitor to :"role";
\endif

-- Runs for other schemas add up.
select format('alter role %I connection limit %s', :'role', case when :connections > 0 then :connections else greatest(
  (select rolconnlimit from pg_roles where rolname = :'role'),
  (select 3 * count(*) from pg_tables where tablename = '_duroxide_migrations'
   and has_schema_privilege(:'role', schemaname, 'usage')), 3) end) \gexec

commit;

select format('%s can read schema %s; tables that %s creates in it will be readable too', :'role', :'schema', :'owner')
  as told \gset
\echo :told
select string_agg(distinct tableowner, ', ') as others, count(*) > 0 as other_owners
from pg_tables where schemaname = :'schema' and tableowner <> :'owner' \gset
\if :other_owners
  \warn 'Some tables of the schema belong to' :others 'instead: if that role migrates it, run this again with it as -v owner'
\endif
