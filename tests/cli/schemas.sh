#!/usr/bin/env bash
# Replicas of different schemas: A has columns and tables that B and C get later. All is exchanged
# meanwhile, in any order and over every way there is, and nothing that anybody wrote is lost.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

parked() { sql "$1" "SELECT count(*) FROM crsql_parked"; }

# via WAY EXIT X Y: one exchange between x.db and y.db.
via() {
  case $1 in
  files) expect "$2" sync "$3.db" "$4.db" ;;
  exec) expect "$2" sync "$3.db" --exec "'$TRIBUTARY' session $4.db" ;;
  tcp)
    serve "$4.db"
    expect "$2" sync "$3.db" "tcp://127.0.0.1:$port"
    stop_server
    ;;
  esac
}

upgrade() { # what the new version of the program does to a copy
  sql "$1" "ALTER TABLE note ADD COLUMN priority INT; ALTER TABLE note RENAME COLUMN body TO content;
    CREATE TABLE list(id TEXT PRIMARY KEY NOT NULL, name TEXT); SELECT crsql_as_crr('list')" >/dev/null
}

start() { # three equal copies, then a is upgraded, and all write
  rm -rf ./*.db ./*.db-* F
  replicas a.db b.db c.db
  sql a.db "INSERT INTO note VALUES(1, 'one', 'x', 1.5), (2, 'two', 'y', 2.5); INSERT INTO tag VALUES(1, 'red')"
  expect 0 sync a.db b.db
  expect 0 sync b.db c.db
  upgrade a.db
  sql a.db "UPDATE note SET priority = 5 WHERE id = 1; INSERT INTO list VALUES('l', 'shopping');
    INSERT INTO note VALUES(3, 'three', 'of a', 0.5, 7)"
  sql b.db "UPDATE note SET body = 'of b' WHERE id = 1; INSERT INTO note VALUES(4, 'four', 'of b', NULL)"
  sql c.db "UPDATE note SET body = 'of c' WHERE id = 2; INSERT INTO note VALUES(5, 'five', 'of c', NULL);
    INSERT INTO tag VALUES(2, 'blue'); DELETE FROM tag WHERE name = 'red'"
}

all_there() { # once all are upgraded and have met
  local db
  for db in a.db b.db c.db; do
    is "$(sql $db 'SELECT crsql_digest()')" "$(sql a.db 'SELECT crsql_digest()')"
    is "$(sql $db 'SELECT id, title, content, priority FROM note ORDER BY id' | tr '\t\n' ',;')" \
      '1,one,of b,5;2,two,of c,;3,three,of a,7;4,four,of b,;5,five,of c,;'
    is "$(sql $db 'SELECT id, name FROM list')" $'l\tshopping'
    is "$(sql $db 'SELECT note, name FROM tag')" $'2\tblue'
    is "$(parked $db)" 0
    expect 0 check $db
  done
  expect 0 diff a.db b.db
  expect 0 diff a.db c.db
}

# A, B and C meet in any order, C never A itself in some. What B has no place for it passes on.
for way in files exec tcp; do
  for order in 'ab bc ca' 'bc ab bc' 'ca bc ab' 'ba cb ac'; do
    start
    for pair in $order; do
      code=1
      case $pair in bc | cb) code=0 ;; esac
      # B and C are equal, too, when both keep the same for later.
      via $way $code "${pair:0:1}" "${pair:1:1}"
    done
    checks=$((checks + 1))
    [ "$(parked b.db)" -gt 0 ] || fail "$way $order: nothing is kept in b.db"
    for db in b.db c.db; do upgrade $db; done
    for pair in ab bc ca; do via $way 0 "${pair:0:1}" "${pair:1:1}"; done
    all_there
  done
done

# Through a folder.
for order in 'a b c' 'c b a' 'b a c'; do
  start
  for _ in 1 2; do
    for db in $order; do "$TRIBUTARY" sync -q "$db.db" --folder F >out 2>err || [ $? = 1 ] || fail "sync $db"; done
  done
  expect 0 inspect --verify F
  expect 1 sync b.db --folder F
  has out 'note.content, note.priority'
  lacks out 'not taken'
  json 1 sync c.db --folder F
  field "sorted({p['table'] for p in j['parked']}), j['refused']" "(['list', 'note'], [])"
  for db in b.db c.db; do upgrade $db; done
  for _ in 1 2; do for db in $order; do expect 0 sync "$db.db" --folder F; done; done
  all_there
  # A newcomer of the old shape, and one of the new.
  replicas old.db
  expect 1 sync old.db --folder F
  is "$(sql old.db 'SELECT count(*) FROM note')" 5
  expect 0 restore F --to new.db
  is "$(sql new.db 'SELECT crsql_digest()')" "$(sql a.db 'SELECT crsql_digest()')"
  upgrade old.db
  expect 0 sync old.db --folder F
  is "$(sql old.db 'SELECT crsql_digest()')" "$(sql a.db 'SELECT crsql_digest()')"
done

# What is said, where; a dry run says the same and does nothing.
start
sum=$(checksum b.db)
expect 1 sync --dry-run a.db b.db
has out 'kept in b.db: 1 cell of list'
unchanged b.db "$sum"
expect 1 sync a.db b.db
has out 'kept in b.db: 1 cell of list, until the table is there: CREATE TABLE "list"(...), then tributary init b.db list'
has out 'kept in b.db: 3 cells of note.content, note.priority, until the table has them: ALTER TABLE "note" ADD COLUMN'
lacks out 'kept in a.db'
has out 'all was exchanged'
json 1 sync a.db b.db
field "j['equal'], j['a_to_b']['cells'], j['b_to_a']['cells']" '(False, 0, 0)'
field "[(p['database'], p['table'], p['columns'], p['cells']) for p in j['parked']]" \
  "[('b.db', 'list', [], 1), ('b.db', 'note', ['content', 'priority'], 3)]"
expect 0 status b.db
has out 'kept in b.db: 1 cell of list'
json 0 status b.db
field "[(p['table'], p['cells']) for p in j['parked']]" "[('list', 1), ('note', 3)]"
expect 0 status a.db
lacks out 'kept'
json 1 sync b.db --exec "'$TRIBUTARY' session a.db"
field "len(j['parked']), 'table list is kept for later here: it is not replicated' in j['tables_differ']" '(2, True)'
expect 0 check b.db
expect 1 diff a.db b.db
sql b.db 'CREATE TABLE list(id TEXT PRIMARY KEY NOT NULL, name TEXT)'
expect 0 status b.db
has out 'until the table is replicated: tributary init b.db list'
expect 0 init b.db list
is "$(sql b.db 'SELECT name FROM list')" shopping

# A column that was added, and nothing that comes: a sync looks all the same.
sql b.db 'ALTER TABLE note RENAME COLUMN body TO content; ALTER TABLE note ADD COLUMN priority INT'
expect 0 sync a.db b.db
has out 'equal'
is "$(sql b.db 'SELECT priority FROM note WHERE id = 1')" 5

# A value that a STRICT type refuses, another key, and names in another encoding.
make_db loose.db 'CREATE TABLE t(id INTEGER PRIMARY KEY NOT NULL, "n ä" TEXT, m TEXT); CREATE TABLE k(a TEXT PRIMARY KEY NOT NULL, v)'
make_db strict.db "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(id INTEGER PRIMARY KEY NOT NULL, m INT) STRICT;
  CREATE TABLE k(a TEXT NOT NULL, b TEXT NOT NULL DEFAULT '', v, PRIMARY KEY(a, b))"
expect 0 init loose.db
expect 0 init strict.db
sql loose.db "INSERT INTO t VALUES(1, 'ü', 'x'), (2, NULL, '7'); INSERT INTO k VALUES('k', 1)"
expect 1 sync loose.db strict.db
has out 'cells of t.n ä, until the table has it: ALTER TABLE "t" ADD COLUMN "n ä"'
has out 'cell of t, until it fits: '
has out 'of k, until it fits: '
has out 'another primary key'
is "$(sql strict.db 'SELECT id FROM t ORDER BY id')" 2 # a row of which nothing fits waits, too
sql strict.db 'ALTER TABLE t ADD COLUMN "n ä" TEXT'
expect 1 sync loose.db strict.db
lacks out 'n ä'
is "$(sql strict.db 'SELECT id, m FROM t ORDER BY id' | tr '\t\n' ',;')" '1,;2,7;'
is "$(sql strict.db 'SELECT hex(CAST("n ä" AS TEXT)) FROM t WHERE id = 1')" "$(sql strict.db "SELECT hex('ü')")"

# A new copy made with the new name has never had the old one, under which this comes. Once the other
# has the new name, too, their digests show it, and everything is exchanged once.
make_db old.db 'CREATE TABLE n(id INTEGER PRIMARY KEY NOT NULL, body TEXT)'
make_db new.db 'CREATE TABLE n(id INTEGER PRIMARY KEY NOT NULL, content TEXT)'
expect 0 init old.db
expect 0 init new.db
sql old.db "INSERT INTO n VALUES(1, 'x')"
expect 1 sync old.db new.db
sql old.db 'ALTER TABLE n RENAME COLUMN body TO content'
expect 0 sync old.db new.db
is "$(sql new.db 'SELECT content FROM n')" x

# Live: what is written for a column that is not there is kept at once.
start
serve b.db
"$TRIBUTARY" sync a.db "tcp://127.0.0.1:$port" --live >live.out 2>live.err </dev/null &
live=$!
sql --timeout 20 a.db 'UPDATE note SET priority = 77 WHERE id = 2'
for _ in $(seq 100); do
  [ "$(sql --timeout 20 b.db 'SELECT count(*) FROM crsql_parked WHERE val = 77')" = 0 ] || break
  sleep 0.1
done
is "$(sql --timeout 20 b.db 'SELECT count(*) FROM crsql_parked WHERE val = 77')" 1
kill -INT "$live"
wait "$live"
is $? 1
empty live.err
has live.out 'kept for later there'
stop_server
upgrade b.db
expect 0 sync a.db b.db
is "$(sql b.db 'SELECT priority FROM note WHERE id = 2')" 77

# All tables renamed: still the same database. A wrong one is refused, and nothing has changed.
sql a.db 'ALTER TABLE note RENAME TO memo; ALTER TABLE tag RENAME TO label; ALTER TABLE list RENAME TO folder'
sql b.db "UPDATE note SET priority = 6 WHERE id = 1"
expect 1 sync a.db b.db
is "$(sql a.db 'SELECT priority FROM memo WHERE id = 1')" 6
expect 1 sync a.db --exec "'$TRIBUTARY' session b.db"
sql b.db 'ALTER TABLE note RENAME TO memo; ALTER TABLE tag RENAME TO label; ALTER TABLE list RENAME TO folder'
expect 0 sync a.db b.db
make_db wrong.db 'CREATE TABLE other(id INTEGER PRIMARY KEY NOT NULL, x)'
expect 0 init wrong.db
sql wrong.db 'INSERT INTO other VALUES(1, 2)'
sum=$(checksum a.db)
expect 1 sync a.db wrong.db
has err 'no table in common'
one_line_error
expect 1 sync a.db --exec "'$TRIBUTARY' session wrong.db"
has err 'no table in common'
unchanged a.db "$sum"
is "$(parked wrong.db)" 0
finish
