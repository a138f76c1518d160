#!/bin/sh
# Makes the passwords of the quick start, each in a file of its own below secrets/. Those that are there stay.
#   deploy/compose/secrets.sh
set -eu
directory="$(cd "$(dirname "$0")" && pwd)/secrets"
mkdir -p "$directory"
# Compose hands each file into its containers as it is, where users of different numbers read it. On this side nobody
# else gets past the directory.
chmod 700 "$directory"
for name in postgres shop replication exporter grafana; do
  file=$directory/$name
  [ -s "$file" ] && continue
  # Letters and digits only: some go into a URL or a connection string.
  (umask 022 && LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c 32 >"$file")
  echo "made $file"
done
