-- Takes back everything that monitoring_role.sql granted in this database, in all its schemas, and drops the role once
-- it has no rights in another database either.
--
--   psql -d DATABASE -v role=duroxide_exporter -f monitoring_role_drop.sql
--
-- Run it as an administrator, on the primary, in each database of the role.

\set ON_ERROR_STOP on
\set QUIET on
\if :{?role}
\else
  \set role ''
\endif

begin;

select set_config('monitoring_role.mistake', coalesce(case
  when pg_is_in_recovery() then 'this is a standby; run it on the primary'
  when :'role' = '' then 'give -v role=NAME'
  when not exists (select from pg_roles where rolname = :'role') then format('there is no role %I', :'role')
  -- Not made by monitoring_role.sql, then.
  when exists (select from pg_class where relowner = (select oid from pg_roles where rolname = :'role')) then
    format('role %I owns tables in this database; it is no monitoring role', :'role')
end, ''), true) as mistake \gset
do $$ begin
  if current_setting('monitoring_role.mistake') <> '' then
    raise exception using message = current_setting('monitoring_role.mistake');
  end if;
end $$;

-- Later tables and sequences.
select format('alter default privileges for role %I in schema %I revoke all on %s from %I', defaclrole::regrole::name,
              defaclnamespace::regnamespace::name, case defaclobjtype when 'S' then 'sequences' else 'tables' end, :'role')
from pg_default_acl, aclexplode(defaclacl)
where grantee = (select oid from pg_roles where rolname = :'role') and defaclnamespace <> 0
  and defaclobjtype in ('r', 'S') \gexec
-- What is there.
select format(sql, nspname, :'role')
from (select distinct nspname from pg_namespace n left join pg_class c on c.relnamespace = n.oid,
        aclexplode(n.nspacl || c.relacl)
      where grantee = (select oid from pg_roles where rolname = :'role')) as granted,
  (values ('revoke all on all tables in schema %I from %I'), ('revoke all on all sequences in schema %I from %I'),
          ('revoke all on schema %I from %I')) as revokes (sql) \gexec
revoke all on database :"DBNAME" from :"role";

-- The rest goes with the role: its settings and its membership in pg_monitor.
select coalesce(string_agg(distinct datname, ', '), '') as elsewhere, count(*) > 0 as is_elsewhere
from pg_shdepend left join pg_database on pg_database.oid = dbid or (dbid = 0 and classid = 'pg_database'::regclass and objid = pg_database.oid)
where refclassid = 'pg_authid'::regclass and refobjid = (select oid from pg_roles where rolname = :'role')
  and datname is distinct from current_database() \gset
\if :is_elsewhere
  \warn :role 'stays: it still has rights in' :elsewhere '- run this there, too'
\else
  drop role :"role";
\endif

commit;
