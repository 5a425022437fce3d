#!/usr/bin/env bash
# tributary init: which tables it takes, which it refuses, and that a refusal changes nothing.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

make_db a.db "$schema INSERT INTO note VALUES(1, 'one', NULL, 1.5), (2, 'two', 'text', NULL);
  CREATE VIEW titles AS SELECT title FROM note;
  CREATE TABLE nokey(x); INSERT INTO nokey VALUES(1);
  CREATE TABLE \"odd 'name\" (\"the key\" TEXT PRIMARY KEY NOT NULL, \"select\" INT);
  CREATE TABLE counted(id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, x);"
json 1 init a.db
field "j['database']" a.db
field "[t['result'] for t in j['tables'] if t['table'] == 'note']" "['replicated']"
field "[t['rows'] for t in j['tables'] if t['table'] == 'note']" '[2]'
field "[t['result'] for t in j['tables'] if t['table'] == 'nokey']" "['refused']"
field "[len(t['warning']) > 20 for t in j['tables'] if t['table'] == 'counted']" '[True]'
field "[t['result'] for t in j['tables'] if t['table'] == 'odd \'name']" "['replicated']"
field "[t for t in j['tables'] if t['table'] == 'titles']" '[]'
is "$(sql a.db 'SELECT count(*) FROM crsql_changes WHERE "table" = '\''note'\')" 6

# One warning for all tables that it concerns.
make_db w.db 'CREATE TABLE p(id INTEGER PRIMARY KEY AUTOINCREMENT); CREATE TABLE q(id INTEGER PRIMARY KEY AUTOINCREMENT)'
expect 0 init w.db
has out 'warning about p, q:'
is "$(grep -c AUTOINCREMENT out)" 1

# Again: nothing to do; the refused one still is.
version=$(sql a.db 'SELECT crsql_db_version()')
expect 1 init a.db
has out 'already replicated'
has out 'nokey'
is "$(sql a.db 'SELECT crsql_db_version()')" "$version"
expect 0 init a.db note tag
expect 0 init a.db NOTE
expect 1 init a.db nokey
one_line_error
has err 'nokey'
has err 'primary key'
expect 1 init a.db titles
has err 'view'
expect 1 init a.db nothere
has err 'no such table'
expect 1 init a.db sqlite_schema
expect 1 init a.db crsql_site_id
expect 1 init -q a.db nokey note

# Only those named.
make_db b.db "$schema"
expect 0 init b.db tag
has out 'tag'
lacks out 'note'
json 0 status b.db
field "[t['table'] for t in j['tables']]" "['tag']"
field "j['not_replicated']" "['note']"

# Nothing can be done: the file stays as it was, to the byte.
make_db c.db 'CREATE TABLE nokey(x); INSERT INTO nokey VALUES(1)'
make_db d.db 'CREATE TABLE u(id INTEGER PRIMARY KEY NOT NULL, mail TEXT UNIQUE)'
make_db e.db 'CREATE VIEW v AS SELECT 1'
make_db f.db 'CREATE TABLE k(name TEXT COLLATE NOCASE PRIMARY KEY NOT NULL)'
for file in c.db d.db e.db f.db; do
  sum=$(checksum $file)
  expect 1 init $file
  one_line_error
  unchanged $file "$sum"
done
expect 1 init d.db
has err 'UNIQUE constraint on mail'
has err 'u'

# Virtual tables and what lies under them.
if "$TRIBUTARY" sql -q --create --plain fts.db "CREATE VIRTUAL TABLE f USING fts5(x); $schema" 2>/dev/null; then
  expect 0 init fts.db
  has out 'virtual table'
  lacks out 'f_content'
  expect 1 init fts.db f
fi

# Somebody else writes: exit code 4 after the time given, nothing changed.
make_db g.db "$schema"
sum=$(checksum g.db)
mkfifo hold
"$TRIBUTARY" sql -q --plain g.db <hold 2>holder &
exec 7>hold
# The statements are read whole before they run, so the lock is held by a query that goes on.
echo "BEGIN EXCLUSIVE; WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 40000000)
  SELECT max(x) FROM c; ROLLBACK;" >&7
exec 7>&-
for _ in $(seq 50); do
  "$TRIBUTARY" status --timeout 0 g.db >/dev/null 2>&1
  [ $? = 4 ] && break
  sleep 0.1
done
for command in 'init g.db' 'sql g.db SELECT/**/1' 'check g.db' 'sync g.db g.db'; do
  # shellcheck disable=SC2086
  expect 4 $command --timeout 0.1
  one_line_error
  has err 'locked'
done
kill %1 2>/dev/null
wait
is "$(checksum g.db)" "$sum"
finish
