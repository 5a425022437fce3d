#!/usr/bin/env bash
# tributary session: over a child's pipes and over TCP, live, with the other side killed in the
# middle, and with what is no other side.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

# --- A child process.
replicas a.db b.db
session_b="'$TRIBUTARY' session b.db"
sql a.db "INSERT INTO note VALUES(1, 'one', 'x', 1.5), (2, 'two', NULL, NULL); INSERT INTO tag VALUES(1, 'red')"
sql b.db "INSERT INTO note VALUES(9, 'nine', NULL, NULL)"
json 0 sync a.db --exec "$session_b"
field "j['equal'], j['sent']['rows'], j['received']['rows'], j['rows_changed']" '(True, 3, 1, 1)'
empty err
equal a.db b.db
json 0 sync a.db --exec "$session_b"
field "j['equal'], j['sent']['bytes'] + j['received']['bytes'] < 200" '(True, True)'
expect 0 sync a.db --exec "$session_b"
has out 'equal already'
sql b.db "UPDATE note SET title = 'ONE' WHERE id = 1"
expect 0 sync a.db --exec "$session_b"
has out '1 row'
expect 0 sync -q a.db --exec "$session_b"
empty out
empty err
equal a.db b.db
expect 0 sync a.db --exec "'$TRIBUTARY' session b.db --json"
has err '"equal": true'

# What is no other side: one clear line, the exit code of a failure.
sum=$(checksum a.db)
for command in true false 'exit 3' 'nonsense_that_is_no_command 2>/dev/null' 'echo hello; cat >/dev/null' \
  'head -c 1000 /dev/urandom' 'kill -9 $$' 'printf TRIB' 'cat /dev/zero'; do
  expect 5 sync a.db --exec "$command"
  one_line_error
done
expect 5 sync a.db --exec 'exit 3'
has err 'exit code 3'
has err 'tributary session'
expect 5 sync a.db --exec 'echo hello there'
has err 'it says: hello there'
expect 5 sync a.db --exec 'nonsense_that_is_no_command'
has err 'nonsense_that_is_no_command'
expect 5 sync a.db --exec "'$TRIBUTARY' session missing.db"
has err 'the other side: missing.db: no such file'
expect 1 sync a.db --exec "'$TRIBUTARY' session a.db"
has err 'same replica'
expect 5 sync a.db --exec "$session_b; exit 7"
has err 'exit code 7'
expect 3 sync missing.db --exec "$session_b"
unchanged a.db "$sum"
is "$(ls missing.db 2>/dev/null)" ''
expect 2 sync a.db b.db --exec "$session_b"
expect 2 sync a.db b.db --live
expect 2 sync a.db --live
expect 2 sync a.db tcp://nowhere
expect 3 sync a.db tcp://127.0.0.1:1
has err 'cannot connect'
expect 2 session a.db --listen here
expect 3 session missing.db --listen 0
expect 5 session a.db

# Different tables: all is exchanged, what has no place is kept and named.
make_db d.db 'CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, title TEXT NOT NULL, body TEXT, stars REAL)'
expect 0 init d.db
sql d.db "INSERT INTO note VALUES(5000, 'from d', NULL, NULL)"
json 1 sync a.db --exec "'$TRIBUTARY' session d.db"
field "j['equal'], j['tables_differ'], j['received']['rows']" "(False, ['table tag is kept for later there: it is not replicated'], 1)"
expect 0 status d.db
has out 'kept in d.db: 1 cell of tag, until the table is there'
is "$(sql a.db 'SELECT title FROM note WHERE id = 5000')" 'from d'
is "$(sql d.db 'SELECT count(*) FROM note')" "$(sql a.db 'SELECT count(*) FROM note')"

# A lock on the other side is said so, here, and the data is whole afterwards.
if command -v python3 >/dev/null; then
  python3 -c "import sqlite3, time; c = sqlite3.connect('b.db'); c.execute('BEGIN IMMEDIATE'); print(1, flush=True); time.sleep(3)" >locked &
  until_true 10 test -s locked
  expect 4 sync a.db --exec "'$TRIBUTARY' session b.db --timeout 0.2 2>/dev/null"
  has err 'locked'
  wait $!
fi
expect 0 sync a.db --exec "$session_b"
equal a.db b.db

# --- TCP.
serve b.db
expect 0 sync a.db "tcp://127.0.0.1:$port"
has out 'equal already'
sql a.db "UPDATE note SET body = 'tcp' WHERE id = 2"
json 0 sync a.db "tcp://:$port"
field "j['equal'], j['sent']['rows']" '(True, 1)'
equal a.db b.db
# A browser, and a client that says nothing, do no harm to others.
exec 3<>"/dev/tcp/127.0.0.1/$port"
exec 4<>"/dev/tcp/127.0.0.1/$port"
printf 'GET / HTTP/1.1\r\n\r\n' >&3
expect 0 sync a.db "tcp://127.0.0.1:$port"
exec 3>&- 4>&-
until_true 5 grep -q 'GET / HTTP' served
has served '1 row received'

# Live: both push what other programs write, until one says goodbye.
"$TRIBUTARY" sync a.db "tcp://127.0.0.1:$port" --live >live.out 2>live.err </dev/null &
live=$!
sleep 0.5
for i in 1 2 3; do
  sql a.db "INSERT INTO note VALUES(1000 + $i, 'live', NULL, $i)"
  has_a() { [ "$(sql b.db "SELECT count(*) FROM note WHERE title = 'live'")" = "$i" ]; }
  until_true 10 has_a
  sql b.db "UPDATE note SET body = 'pushed' WHERE id = 1000 + $i"
  has_b() { [ "$(sql a.db "SELECT count(*) FROM note WHERE body = 'pushed'")" = "$i" ]; }
  until_true 10 has_b
done
kill -INT "$live"
wait "$live"
is $? 0
has live.out 'both are equal'
empty live.err
equal a.db b.db
stop_server

# --- Killed in the middle, again and again, on both sides: nothing is lost, nothing half there.
replicas big.db copy.db
for i in 1 2 3 4 5 6 7 8; do
  sql -q big.db "WITH RECURSIVE s(i) AS (SELECT $i * 10000 UNION ALL SELECT i + 1 FROM s WHERE i < $i * 10000 + 4999)
    INSERT INTO note SELECT i, 'n' || i, hex(randomblob(60)), i FROM s"
done
sql -q copy.db "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 5000)
  INSERT INTO note SELECT -i, 'n' || i, hex(randomblob(60)), i FROM s"
reached=0
for cut in 100 90000 400000 900000; do
  # Only so many bytes get there.
  expect 5 sync big.db --exec "stdbuf -o0 head -c $cut | '$TRIBUTARY' session copy.db 2>/dev/null"
  expect 0 check copy.db
  rows=$(sql copy.db 'SELECT count(*) FROM note WHERE id > 0')
  [ $((rows % 5000)) = 0 ] && [ "$rows" -ge "$reached" ] || fail "$rows rows after $reached"
  reached=$rows
done
[ "$reached" -gt 0 ] || fail 'nothing of what arrived was kept'
for delay in 0.03 0.1 0.2 0.3; do
  "$TRIBUTARY" sync -q big.db --exec "timeout -s KILL $delay '$TRIBUTARY' session copy.db" >out 2>err </dev/null
  # In a subshell: bash reports what was killed.
  (timeout -s KILL $delay "$TRIBUTARY" sync -q big.db --exec "'$TRIBUTARY' session copy.db") 2>/dev/null
  expect 0 check copy.db
  expect 0 check big.db
done
json 0 sync big.db --exec "'$TRIBUTARY' session copy.db"
field "j['equal']" True
is "$(sql copy.db 'SELECT count(*) FROM note')" 45000
equal big.db copy.db

# --- Chinook.
if [ -r "${SHARED_DATA:-}/chinook.sqlite" ]; then
  cp "$SHARED_DATA/chinook.sqlite" chinook.db
  chmod u+w chinook.db
  sql --plain chinook.db "SELECT sql || ';' FROM sqlite_schema WHERE sql IS NOT NULL
    AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type = 'index', rowid" >structure
  expect 0 init chinook.db
  for copy in one.db two.db; do
    "$TRIBUTARY" sql -q --create --plain $copy <structure || fail "cannot make $copy"
    expect 0 init $copy
  done
  expect 5 sync chinook.db --exec "stdbuf -o0 head -c 50000 | '$TRIBUTARY' session one.db 2>/dev/null"
  json 0 sync chinook.db --exec "'$TRIBUTARY' session one.db"
  field "j['equal'], j['sent']['rows'], j['sent']['bytes'] < 300000" '(True, 15607, True)'
  serve one.db
  json 0 sync two.db "tcp://127.0.0.1:$port"
  field "j['equal'], j['received']['rows']" '(True, 15607)'
  sql one.db "UPDATE Track SET UnitPrice = UnitPrice + 1 WHERE GenreId = 1; DELETE FROM Playlist WHERE PlaylistId = 3"
  sql two.db "UPDATE Track SET Name = upper(Name) WHERE GenreId = 1; UPDATE Playlist SET Name = 'x' WHERE PlaylistId = 3"
  expect 0 sync two.db "tcp://127.0.0.1:$port"
  expect 0 sync chinook.db "tcp://127.0.0.1:$port"
  stop_server
  expect 0 diff chinook.db one.db
  expect 0 diff chinook.db two.db
else
  echo 'skipped: Chinook is not here'
fi
finish
