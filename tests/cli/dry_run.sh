#!/usr/bin/env bash
# --dry-run of sync in all its forms, backup and restore: says what the real one then does, and
# changes nothing, to the byte and to the nanosecond.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
mkdir d

# What lies in d: every file, its content, size and times; but for the empty WAL and its index, which
# reading a database in WAL mode leaves.
state() {
  find d ! -name '*.db-shm' ! \( -name '*.db-wal' -empty \) \
    \( -type f -printf '%p %s %T@ %i ' -exec sha256sum {} \; -o -print \) | sort
}
# dry CODE ARGUMENTS...: as JSON in `out`, with nothing changed, and for people too.
dry() {
  local before
  before=$(state)
  expect "$1" "${@:2}" --dry-run
  has out 'dry run, nothing was'
  json "$@" --dry-run
  field "j['dry_run']" True
  is "$(state)" "$before"
}
value() { python3 -c 'import json, sys; j = json.load(open("out")); print(eval(sys.argv[1]))' "$1"; }
figures="[[j[d][k] for k in ('transactions', 'rows', 'cells', 'bytes', 'applied')] for d in ('a_to_b', 'b_to_a')], j['conflicts'], j['conflict_details'], j['digest'], j['equal']"

# --- Two files: exact, where both overwrote the same, too.
replicas d/a.db d/b.db
sql d/a.db "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 500)
  INSERT INTO note SELECT i, 'n' || i, hex(randomblob(20)), i FROM s"
dry 0 sync d/a.db d/b.db
field "j['a_to_b']['rows'], j['b_to_a']['rows'], j['equal']" '(500, 0, True)'
expect 0 sync d/a.db d/b.db
sql d/a.db "UPDATE note SET title = 'of a' WHERE id < 50; DELETE FROM note WHERE id = 60"
sql d/b.db "UPDATE note SET title = 'of b' WHERE id BETWEEN 40 AND 70; INSERT INTO tag VALUES(9999, 'dangling')"
dry 0 sync d/a.db d/b.db
want=$(value "$figures")
field "j['conflicts'], j['dangling_references']" '(11, 1)'
expect 0 sync d/a.db d/b.db --dry-run
has out '11 conflicts'
has out 'would be equal'
has out 'points to a row'
json 0 sync d/a.db d/b.db
is "$(value "$figures")" "$want"
dry 0 sync d/a.db d/b.db
field "j['a_to_b']['cells'] + j['b_to_a']['cells'], j['equal']" '(0, True)'
# In WAL mode, and while another program reads and writes.
sql d/b.db 'PRAGMA journal_mode = WAL' >out
sql d/b.db "UPDATE note SET body = 'wal' WHERE id = 1"
dry 0 sync d/a.db d/b.db
field "j['b_to_a']['cells']" 1
# Tables and columns that one side lacks are named, with what would be kept.
make_db d/less.db 'CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, title TEXT NOT NULL, body TEXT)'
expect 0 init d/less.db
dry 1 sync d/a.db d/less.db
field "[p['table'] for p in j['parked']], j['equal'], j['a_to_b']['rows']" "(['note', 'tag'], False, 570)"
cp d/a.db d/copy.db
before=$(state)
expect 1 sync d/a.db d/copy.db --dry-run
has err 'copied'
expect 3 sync d/a.db d/missing.db --dry-run
expect 2 sync d/a.db d/./a.db --dry-run
is "$(state)" "$before"

# --- A session: what we would send is exact; of the other direction there is a bound.
sql d/a.db "UPDATE note SET stars = -1 WHERE id < 20; INSERT INTO note(id, title) VALUES(5000, 'news')"
for i in 1 2 3; do sql d/b.db "UPDATE note SET stars = $i WHERE id = 100"; done
dry 0 sync d/a.db --exec "'$TRIBUTARY' session d/b.db"
field "j['equal'], j['to_send']['rows'], j['to_receive']['is_bound']" '(False, 20, True)'
sent=$(value "j['to_send']['transactions'], j['to_send']['rows'], j['to_send']['cells']")
bound=$(value "j['to_receive']['transactions_at_most']")
expect 0 sync d/a.db --exec "'$TRIBUTARY' session d/b.db" --dry-run
has out 'at most'
serve d/b.db
dry 0 sync d/a.db "tcp://127.0.0.1:$port"
is "$(value "j['to_send']['transactions'], j['to_send']['rows'], j['to_send']['cells']")" "$sent"
lacks served 'tributary:'
stop_server
json 0 sync d/a.db --exec "'$TRIBUTARY' session d/b.db"
is "$(value "j['sent']['transactions'], j['sent']['rows'], j['sent']['cells']")" "$sent"
checks=$((checks + 1))
[ "$(value "j['received']['transactions']")" -le "$bound" ] || fail "more than $bound came"
field "j['received']['transactions'] > 0" True
dry 0 sync d/a.db --exec "'$TRIBUTARY' session d/b.db"
field "j['equal']" True
dry 1 sync d/a.db --exec "'$TRIBUTARY' session d/less.db"
field "j['to_receive']['is_bound'], len(j['tables_differ'])" '(True, 2)'
expect 2 sync d/a.db --exec "'$TRIBUTARY' session d/b.db" --live --dry-run
has err 'not both'

# --- A folder: one that is not there yet, one with news both ways, one where old segments go.
files="[(w['rows'], w['cells'], w['transactions'], w['file'].split('/')[1]) for w in j['written']], j['segments_read'], j['bytes_read'], j['rows_changed'], j['removed']"
both() { # both ARGUMENTS...: a dry run foretells the figures of the real one
  dry 0 "$@"
  want=$(value "$files")
  json 0 "$@"
  is "$(value "$files")" "$want"
}
both sync d/a.db --folder d/F
expect 0 sync d/b.db --folder d/F
sql d/a.db "UPDATE note SET stars = 7 WHERE id < 9"
sql d/b.db "DELETE FROM note WHERE id > 480"
expect 0 sync d/b.db --folder d/F
both sync d/a.db --folder d/F
field "j['segments_read'], len(j['written'])" '(1, 1)'
both sync d/b.db --folder d/F
both sync d/b.db --folder d/F
field "j['segments_read'], len(j['written'])" '(0, 0)'
expect 0 sync d/b.db --folder d/F --dry-run
has out 'nothing new'
sql d/a.db "UPDATE note SET stars = 8 WHERE id < 9"
both sync d/a.db --folder d/F --snapshot
expect 0 sync d/b.db --folder d/F
both sync d/a.db --folder d/F
field "j['removed']" 1
expect 2 sync d/a.db --folder d/F --watch --dry-run
expect 3 sync d/a.db --folder d/no/such --dry-run
has err 'd/no/such'
before=$(state)
expect 3 sync d/a.db --folder d/b.db --dry-run
has err 'd/b.db: is a file'
is "$(state)" "$before"

# --- Backup and restore.
both backup d/a.db --to d/B
sql d/a.db "UPDATE note SET stars = 9 WHERE id < 9"
both backup d/a.db --to d/B
dry 0 backup d/a.db --to d/B
field "j['written']" '[]'
dry 0 restore d/B --to d/new.db
field "j['segments'], j['rows_at_most'] >= 480" '(2, True)'
expect 2 backup d/a.db --to d/B --watch --dry-run
expect 1 restore d/B --to d/a.db --dry-run
file=$(find d/B -name '1-*.trib')
printf 'X' | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") - 3)) conv=notrunc status=none
expect 5 restore d/B --to d/new.db --dry-run
has err "$(basename "$file")"
finish
