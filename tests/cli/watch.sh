#!/usr/bin/env bash
# --watch while somebody writes all the time: few segments, and in the end all is there.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
segments() { find "$1" -name '[0-9]*.trib' | wc -l; }

replicas a.db
sql a.db 'PRAGMA journal_mode = WAL' >out
"$TRIBUTARY" backup -q a.db --to B --watch --every 1.5 &
backup=$!
"$TRIBUTARY" sync -q a.db --folder F --watch &
sync=$!
started=$(date +%s%N)
for i in $(seq 25); do # with pauses longer than those that part one burst from the next
  sql --timeout 20 a.db "INSERT INTO note(id, title) VALUES($i, 'w')"
  sleep 0.13
done
elapsed_ms=$((($(date +%s%N) - started) / 1000000))
version=$(sql a.db 'SELECT crsql_db_version()')
site=$(sql a.db 'SELECT lower(hex(crsql_site_id()))')
for folder in B F; do
  for _ in $(seq 100); do
    "$TRIBUTARY" inspect --json $folder 2>err | grep -q "\"reach\": {.*\"$site\": ${version}[,}]" && break
    sleep 0.1
  done
done
kill -TERM $backup $sync
wait $backup
is $? 0
wait $sync
is $? 0
# One at the beginning, one at the end, and one in each period, which may have begun before.
checks=$((checks + 2))
[ "$(segments B)" -le $((elapsed_ms / 1500 + 3)) ] || fail "$(segments B) backups in $elapsed_ms ms"
[ "$(segments F)" -le $((elapsed_ms / 1000 + 3)) ] || fail "$(segments F) segments in $elapsed_ms ms"
for folder in B F; do
  expect 0 restore $folder --to $folder.db
  is "$(digest $folder.db)" "$(digest a.db)"
done
expect 2 backup a.db --to B --watch --every often
has err '--every'
finish
