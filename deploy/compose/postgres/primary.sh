#!/bin/bash
# Run once by the image, when the data directory is new: roles, database and schema of the shop; the role that may only
# read, made as in production; and the role that the standby replicates with.
set -euo pipefail

psql=(psql -v ON_ERROR_STOP=1 --no-psqlrc --quiet --username postgres)

# Passwords are read by psql itself, so that they stand in no command line.
"${psql[@]}" --dbname postgres <<'SQL'
\set shop `cat /run/secrets/shop`
\set replication `cat /run/secrets/replication`
create role shop login password :'shop';
create database shop owner shop;
create role replication login replication password :'replication';
-- Here rather than by pg_basebackup, which would find it in the way when it is tried again.
select pg_create_physical_replication_slot('standby') \g /dev/null
SQL
"${psql[@]}" --dbname shop <<'SQL'
-- Before the shop is started for the first time, so that the exporter's rights are there before its tables are.
create schema orders authorization shop;
SQL
"${psql[@]}" --dbname shop -v role=duroxide_exporter -v schema=orders -f /sql/monitoring_role.sql
"${psql[@]}" --dbname shop <<'SQL'
\set exporter `cat /run/secrets/exporter`
alter role duroxide_exporter password :'exporter';
SQL

echo 'host replication replication samenet scram-sha-256' >>"$PGDATA/pg_hba.conf"
