#!/bin/bash
# A hot standby: a copy of the primary at the first start, its own data directory from then on. Run as root by the image,
# as its own entry point is; everything of the database is done as postgres.
set -euo pipefail

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  install -d -o postgres -g postgres -m 700 "$PGDATA"
  # A copy that was broken off would be taken for a database.
  find "$PGDATA" -mindepth 1 -delete
  PGPASSWORD=$(cat /run/secrets/replication) gosu postgres pg_basebackup --host primary --username replication \
    --pgdata "$PGDATA" --wal-method stream --checkpoint fast --write-recovery-conf --slot standby
fi
exec docker-entrypoint.sh "$@"
