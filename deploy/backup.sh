#!/bin/sh
# Copies the warehouse while nobody writes to it: backup.sh DATA_FOLDER TARGET_FOLDER
# A run that wants to write waits meanwhile (up to a minute), as for any other run.
set -eu
data=${1:?data folder} target=${2:?target folder}
umask 077
mkdir -p "$target"
flock --timeout 600 "$data/warehouse.duckdb.lock" sh -eu -c '
  rm -rf "$2/new"
  mkdir "$2/new"
  for file in warehouse.duckdb warehouse.duckdb.wal; do
    if [ -e "$1/$file" ]; then cp -p "$1/$file" "$2/new/$file"; fi
  done
' backup "$data" "$target"
[ -e "$target/new/warehouse.duckdb" ] || { echo "error: no warehouse in $data" >&2; exit 2; }
rm -rf "$target/warehouse"
mv "$target/new" "$target/warehouse"
