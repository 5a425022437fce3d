#!/usr/bin/env bash
# ./run bench hub: what a hub can bear, with all clients on the same machine.
# shellcheck source=tests/hub/lib_load.bash
source "$(dirname "$0")/lib_load.bash"
seconds() { awk "BEGIN { printf \"%.1f\", $2 - $1 }"; }

# A hub of its own for each figure of memory.
start roomsa
load idle 1000 1
load idle 500 500
stop
start roomsb
load stream 50 1 5
load stream 50 10 5
load stream 50 100 5
load writers 50 1000 1
load writers 50 1000 50
load writers 20 1000 1 receive
load fanout 100 300 10
load fanout 500 100 50
stop

start roomsc
rows=${HUB_BENCH_ROWS:-1000000}
load fill "$rows"
"$TRIBUTARY" sql -q --create --plain new.db 'CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, title TEXT, body TEXT)'
"$TRIBUTARY" init -q new.db
begin=$(date +%s.%N)
"$TRIBUTARY" sync -q new.db "$url/v1/rooms/big"
echo "a newcomer to $rows rows, by changesets: $(seconds "$begin" "$(date +%s.%N)") s"
begin=$(date +%s.%N)
curl -s -o snapshot.db "http://127.0.0.1:$port/v1/rooms/big/snapshot"
"$TRIBUTARY" clone -q snapshot.db clone.db
"$TRIBUTARY" sync -q clone.db "$url/v1/rooms/big"
echo "a newcomer to $rows rows, by snapshot, clone and sync: $(seconds "$begin" "$(date +%s.%N)") s," \
  "$(($(stat -c %s snapshot.db) / 1000000)) MB"
"$TRIBUTARY" diff -q new.db clone.db
echo "hub after all that: $(awk '/VmRSS/ {printf "%.0f", $2 / 1024}' "/proc/$hub/status") MB"
stop
