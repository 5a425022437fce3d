#!/usr/bin/env bash
# tributary serve and its WebSocket clients: one-shot and live syncs, a room's first tables, a hub
# that is killed, and one that is told to stop.
# shellcheck source=tests/hub/lib_hub.sh
source "$(dirname "$0")/lib_hub.sh"

# --- Two copies that are never awake at the same time.
replicas a.db b.db c.db
sql a.db "INSERT INTO note VALUES(1, 'one', 'x', 1.5), (2, 'two', NULL, NULL); INSERT INTO tag VALUES(1, 'red')"
sql b.db "INSERT INTO note VALUES(9, 'nine', NULL, NULL)"
hub
json 0 sync a.db "$url/notes"
field "j['equal'], j['sent']['rows'], j['received']['rows']" '(True, 3, 0)'
json 0 sync b.db "$url/notes"
field "j['equal'], j['sent']['rows'], j['received']['rows']" '(True, 1, 3)'
expect 0 sync a.db "$url/notes"
has out '1 row changed here'
expect 0 sync a.db "$url/notes"
has out 'equal already'
equal a.db b.db

# The room is a database that any tool can query, with the tables of its first client.
is "$(sql rooms/notes.db 'SELECT count(*) FROM note')" 3
equal a.db rooms/notes.db
if command -v sqlite3 >/dev/null; then
  is "$(sqlite3 rooms/notes.db 'SELECT title FROM note WHERE id = 2')" two
fi

# Rooms know nothing of each other.
expect 0 sync c.db "$url/other"
is "$(sql c.db 'SELECT count(*) FROM note')" 0

# What an operator writes with a tool reaches the clients; a dry run changes nothing.
sql rooms/notes.db "UPDATE note SET body = 'by the operator' WHERE id = 9"
expect 0 sync b.db "$url/notes" --dry-run
is "$(sql b.db 'SELECT body IS NULL FROM note WHERE id = 9')" 1
expect 0 sync b.db "$url/notes"
is "$(sql b.db 'SELECT body FROM note WHERE id = 9')" 'by the operator'

# A client with other tables: kept in the room, and passed on.
make_db d.db 'CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, title TEXT NOT NULL, body TEXT, stars REAL, more TEXT);'
expect 0 init d.db
sql d.db "INSERT INTO note VALUES(50, 'fifty', NULL, NULL, 'more')"
expect 1 sync d.db "$url/notes"
has out 'more'
make_db e.db 'CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, title TEXT NOT NULL, body TEXT, stars REAL, more TEXT);'
expect 0 init e.db
expect 1 sync e.db "$url/notes"
is "$(sql e.db 'SELECT more FROM note WHERE id = 50')" more
expect 1 sync d.db "$url/notes"
# A copied file, and strangers, are told so.
expect 0 sync a.db "$url/notes"
cp a.db rooms/copy.db
expect 1 sync a.db "$url/copy"
has err 'same replica'

# --- Live: a change is there without anybody asking; Ctrl-C ends it well.
expect 0 sync b.db "$url/notes"
begun=$(grep -c session_begin hub.log)
more_begun() { [ "$(grep -c session_begin hub.log)" -ge $((begun + 2)) ]; }
"$TRIBUTARY" sync a.db "$url/notes" --live >live.a 2>&1 &
live_a=$!
"$TRIBUTARY" sync b.db "$url/notes" --watch >live.b 2>&1 &
live_b=$!
servers+=("$live_a" "$live_b")
until_true 5 more_begun
sql a.db "INSERT INTO note VALUES(100, 'live', NULL, NULL)"
until_true 5 has_title b.db live
sql b.db "INSERT INTO note VALUES(101, 'back', NULL, NULL)"
until_true 5 has_title a.db back
sql rooms/notes.db "INSERT INTO note VALUES(102, 'operator', NULL, NULL)"
until_true 5 has_title a.db operator
kill -INT "$live_a"
wait "$live_a"
is $? 0

# --- Killed in the middle, it has what it acknowledged; --watch connects again.
kill -9 "$hub"
wait "$hub" 2>/dev/null
sql b.db "INSERT INTO note VALUES(103, 'while it was down', NULL, NULL)"
old_port=$port
: >hub.log
"$TRIBUTARY" serve --dir rooms --listen "127.0.0.1:$old_port" 2>>hub.log &
hub=$!
servers+=("$hub")
until_true 10 logged session_begin
expect 0 sync a.db "$url/notes"
until_true 5 has_title rooms/notes.db 'while it was down'
expect 0 sync a.db "$url/notes"
has_title a.db 'while it was down' || fail 'not resumed'
has live.b 'connecting again'

# A folder may be given by a link, as systemd's StateDirectory of a DynamicUser is.
mkdir apart
ln -s apart linked
"$TRIBUTARY" serve --dir linked --listen 127.0.0.1:0 2>linked.log </dev/null &
linked=$!
servers+=("$linked")
until_true 5 grep -q listening linked.log
expect 0 sync a.db "$(sed -n 's/.*"url":"\([^"]*\)".*/\1/p' linked.log)/v1/rooms/notes"
equal a.db apart/notes.db
kill "$linked"

# Two hubs do not share a folder, nor a port.
expect 4 serve --dir rooms --listen 127.0.0.1:0
has err 'another tributary serve uses rooms'
expect 4 serve --dir rooms2 --listen "127.0.0.1:$old_port"
has err "port $old_port"

# --- SIGTERM: goodbye to who is there, and complete files without a journal.
stop_hub
logged '"event":"stopped"' || fail "$(cat hub.log)"
# Who comes while it stops is refused: --watch may be that quick.
is "$(grep '"error"' hub.log | grep -v 'the hub is shutting down')" ''
is "$(compgen -G 'rooms/notes.db-*')" ''
until_true 5 grep -q goodbye live.b
kill -INT "$live_b"
wait "$live_b"
is $? 0
expect 0 check rooms/notes.db
equal b.db rooms/notes.db

# --- Nobody there, and what is no hub.
expect 3 sync a.db "ws://127.0.0.1:$old_port/v1/rooms/notes"
has err 'cannot connect'
one_line_error
expect 2 sync a.db 'ws://'
expect 2 sync a.db "$url/notes" --exec true
expect 2 sync a.db b.db --token-file x
expect 2 serve
has err '--dir'
expect 2 serve --dir rooms --listen nowhere
expect 2 serve --dir rooms --listen 0.0.0.0:0
has err '--tokens'
expect 2 serve --dir rooms --tls-cert x
expect 3 serve --dir /proc/none/rooms
finish
