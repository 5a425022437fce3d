#!/usr/bin/env bash
# Read-your-writes: tokens, tributary wait, sync --live --until.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
token() { sql "$1" 'SELECT crsql_token()'; }

replicas a.db b.db
empty_token=$(token a.db)
sql a.db "INSERT INTO note VALUES(1, 'one', NULL, NULL)"
expect 0 sync a.db b.db
sql a.db "UPDATE note SET title = 'mine' WHERE id = 1"
sql a.db "UPDATE note SET body = 'mine' WHERE id = 1"
token=$(token a.db)
site=$(sql a.db 'SELECT lower(hex(crsql_site_id()))')
json 0 status a.db
field "j['token']" "$token"
expect 0 status a.db
has out "$token"

is "$(sql a.db "SELECT crsql_has('$token')")$(sql b.db "SELECT crsql_has('$token')")" 10

# Seen: at once. Not seen: exit code 1, what is missing, and what to do.
sum=$(checksum b.db)
expect 0 wait a.db "$token"
has out 'has seen it'
expect 0 wait b.db "$empty_token" --for 0
expect 1 wait b.db "$token" --for 0
empty out
one_line_error
has err 'b.db: not seen yet'
has err "${site:0:8} the token names transaction 3, and here is all up to 1"
has err '--for'
started=$(date +%s%N)
expect 1 wait b.db "$token" --for 0.5
checks=$((checks + 1))
[ $(($(date +%s%N) - started)) -ge 500000000 ] || fail 'did not wait'
has err 'waited 500 ms'
json 1 wait b.db "$token" --for 0
field "j['seen'], j['missing']" "(False, [{'site': '${site:0:16}', 'has': 1, 'named': 3}])"
empty err
json 0 wait a.db "$token"
field "j['seen'], j['missing']" '(True, [])'
expect 0 wait -q a.db "$token"
empty out
unchanged b.db "$sum"

# It comes while somebody waits; in WAL mode, too.
for mode in DELETE WAL; do
  sql b.db "PRAGMA journal_mode = $mode" >out
  sql a.db "UPDATE note SET stars = coalesce(stars, 0) + 1 WHERE id = 1"
  token=$(token a.db)
  "$TRIBUTARY" wait b.db "$token" --for 20 --json >waited 2>err &
  waiter=$!
  sleep 0.3
  is "$(cat waited)" ''
  "$TRIBUTARY" sync -q a.db b.db --timeout 20 || fail 'sync'
  wait $waiter
  is $? 0
  has waited '"seen": true'
done
sql b.db "PRAGMA journal_mode = DELETE" >out

# A live session that ends once it is seen: what the other side gets meanwhile.
replicas c.db
serve a.db
sql c.db "INSERT INTO note VALUES(7, 'of c', NULL, NULL)"
token=$(token c.db)
"$TRIBUTARY" sync b.db "tcp://127.0.0.1:$port" --live --until "$token" --for 20 >live.out 2>live.err </dev/null &
live=$!
sleep 0.3
checks=$((checks + 1))
kill -0 $live 2>/dev/null || fail 'ended before it was seen'
expect 0 sync -q c.db a.db --timeout 20
wait $live
is $? 0
empty live.err
is "$(sql b.db 'SELECT title FROM note WHERE id = 7')" 'of c'
expect 0 wait b.db "$token" --for 0
expect 0 sync b.db "tcp://127.0.0.1:$port" --live --until "$token" # seen already
sql c.db "INSERT INTO note VALUES(8, 'stays there', NULL, NULL)"
expect 1 sync b.db "tcp://127.0.0.1:$port" --live --until "$(token c.db)" --for 0.3
has err 'b.db: not seen yet'
one_line_error
stop_server

# What is no token, no time, no replica.
for bad in '' garbage 'A' '2026-11-23 12:00' "${token}x*" "${token:0:6}"; do
  expect 2 wait b.db "$bad"
  has err 'is no token'
  one_line_error
done
expect 2 wait b.db "$token" --for soon
has err "'soon'"
expect 2 wait b.db
has err 'missing argument'
expect 3 wait missing.db "$token"
make_db plain.db 'CREATE TABLE t(x)'
expect 1 wait plain.db "$token"
has err 'tributary init plain.db'
expect 2 sync a.db --exec "'$TRIBUTARY' session b.db" --until "$token"
has err '--live'
expect 2 sync a.db --exec "'$TRIBUTARY' session b.db" --live --until garbage
has err 'is no token'
expect 2 sync a.db b.db --until "$token"
finish
