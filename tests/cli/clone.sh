#!/usr/bin/env bash
# tributary clone, and what sync says of a file that was copied by hand.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

replicas a.db
sql a.db "INSERT INTO note VALUES (1, 'milk', NULL, 1.5), (2, 'bread', NULL, 2)"
sql a.db "UPDATE note SET title = 'oat milk' WHERE id = 1; DELETE FROM note WHERE id = 2"
sum=$(checksum a.db)

# A replica of its own that knows all: a sync has nothing to move.
expect 0 clone a.db b.db
has out 'b.db is a replica of its own (site '
has out '2 tables'
empty err
unchanged a.db "$sum"
is "$(digest b.db)" "$(digest a.db)"
[ "$(sql a.db 'SELECT hex(crsql_site_id())')" != "$(sql b.db 'SELECT hex(crsql_site_id())')" ] || fail 'one site id'
is "$(sql b.db 'SELECT crsql_db_version()')" 0
expect 0 check b.db
json 0 sync a.db b.db
field 'j["equal"]' True
is "$(compgen -G 'b.db?*')" ''

# Both go on.
sql a.db "INSERT INTO note VALUES (3, 'of a', NULL, 1)"
sql b.db "INSERT INTO note VALUES (4, 'of b', NULL, 1); UPDATE note SET stars = 9 WHERE id = 1"
expect 0 sync a.db b.db
is "$(digest b.db)" "$(digest a.db)"
is "$(sql a.db 'SELECT count(*), max(stars) FROM note')" $'3\t9.0'

json 0 clone a.db c.db
field 'j["original"] + j["database"] + str(j["tables"])' 'a.dbc.db2'
field 'len(j["site_id"])' 32
is "$(python3 -c 'import json; print(json.load(open("out"))["site_id"])')" "$(sql c.db 'SELECT lower(hex(crsql_site_id()))')"
expect 0 clone -q a.db d.db
empty out

# WAL stays WAL, with what is in the WAL; tables that are not replicated come along.
sql a.db 'PRAGMA journal_mode = WAL; CREATE TABLE plain(x); INSERT INTO plain VALUES (7)' >out
expect 0 clone a.db wal.db
is "$(sql wal.db 'PRAGMA journal_mode; SELECT x FROM plain')" 'wal
7'
rm -f wal.db-*

# Under a writer: a consistent moment, and nothing is lost afterwards.
for i in $(seq 40); do
  echo "BEGIN; INSERT INTO note VALUES (100 + $i, 'w', NULL, 0); INSERT INTO tag VALUES (100 + $i, 'w'); COMMIT;"
done | "$TRIBUTARY" sql -q a.db 2>writer.err &
writer=$!
for i in 1 2 3; do
  expect 0 clone a.db "w$i.db"
  is "$(sql "w$i.db" 'SELECT (SELECT count(*) FROM note WHERE id > 100) - (SELECT count(*) FROM tag)')" 0
done
wait "$writer"
empty writer.err
for i in 1 2 3; do
  expect 0 sync a.db "w$i.db"
  is "$(digest "w$i.db")" "$(digest a.db)"
done

# Refused: nothing is made, nothing is overwritten.
sum=$(checksum b.db)
expect 1 clone a.db b.db
has err 'b.db: exists already; clone makes a new file'
one_line_error
expect 1 clone a.db a.db
unchanged b.db "$sum"
expect 3 clone a.db no/where.db
has err 'its folder is missing'
expect 3 clone none.db x.db
make_db plain.db 'CREATE TABLE t(a PRIMARY KEY)'
expect 1 clone plain.db x.db
has err 'tributary init plain.db'
expect 2 clone a.db
expect 2 clone a.db x.db y.db
is "$(compgen -G 'x.db*')" ''

# Copied by hand, and both written to: sync says after which version, and loses nothing.
replicas p.db
sql p.db "INSERT INTO note VALUES (1, 'milk', NULL, 1)"
sql p.db "INSERT INTO note VALUES (2, 'bread', NULL, 1)"
cp p.db q.db
sleep 0.01
sql p.db "UPDATE note SET title = 'of p' WHERE id = 1; INSERT INTO note VALUES (3, 'of p', NULL, 1)"
sql q.db "UPDATE note SET stars = 5 WHERE id = 1; INSERT INTO note VALUES (4, 'of q', NULL, 1)"
expect 1 sync p.db q.db
has err 'the same replica'
has err 'they parted after version 2'
one_line_error
remedy=$(sed -n "s/.*tributary sql q.db '\(.*\)'$/\1/p" err)
is "$remedy" 'SELECT crsql_new_site_id(2)'
sql q.db "$remedy" >out
expect 0 sync p.db q.db
expect 0 check q.db
is "$(digest p.db)" "$(digest q.db)"
is "$(sql p.db 'SELECT id, title, stars FROM note ORDER BY id' | tr '\n\t' ' |')" '1|of p|5.0 2|bread|1.0 3|of p|1.0 4|of q|1.0 '

# Nothing was written since: any of the two may get the id.
cp p.db r.db
expect 1 sync r.db p.db
has err "tributary sql p.db 'SELECT crsql_new_site_id("
finish
