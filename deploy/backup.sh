#!/bin/sh
# Copies the warehouse while nobody writes to it: backup.sh DATA_FOLDER TARGET_FOLDER
# Runs that want the file wait: those of the sensors for half an hour, verbs for a minute.
set -eu
[ $# = 2 ] || { echo "usage: backup.sh DATA_FOLDER TARGET_FOLDER" >&2; exit 2; }
data=$1 target=$2
umask 077
# looked for before the lock: whoever makes a lock file owns it
[ -e "$data/warehouse.duckdb" ] || { echo "error: no warehouse.duckdb in $data" >&2; exit 2; }
mkdir -p "$target"
flock --timeout 600 "$data/warehouse.duckdb.lock" sh -eu -c '
  rm -rf "$2/new"
  mkdir "$2/new"
  for file in warehouse.duckdb warehouse.duckdb.wal; do
    if [ -e "$1/$file" ]; then cp -p "$1/$file" "$2/new/$file"; fi
  done
' backup "$data" "$target"
rm -rf "$target/warehouse"
mv "$target/new" "$target/warehouse"
