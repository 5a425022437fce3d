#!/usr/bin/env bash
# tributary backup and restore: points in time, tokens, schemas, damage; and inspect.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"


make_db a.db "PRAGMA user_version = 42; $schema
  CREATE INDEX note_title ON note(title);
  CREATE VIEW starred AS SELECT title FROM note WHERE stars > 3;
  CREATE VIRTUAL TABLE words USING fts5(title, content=note, content_rowid=id);
  CREATE TABLE changed(n);
  CREATE TRIGGER count_changes AFTER UPDATE ON note BEGIN INSERT INTO changed VALUES(new.id); END;"
expect 0 init a.db note tag
expect 0 backup a.db --to B # an empty database is a point, too
points=() digests=() tokens=() times=()
point() { # point SQL: a change, a backup of it, and what must come back
  sql a.db "$1"
  json 0 backup a.db --to B
  times+=("$(python3 -c 'import json; print(json.load(open("out"))["written"][-1]["time_ms"])')")
  digests+=("$(digest a.db)")
  tokens+=("$(sql a.db 'SELECT crsql_token()')")
  points+=("$(sql a.db 'SELECT count(*), total(stars) FROM note')")
  sleep 0.01
}
point "INSERT INTO note VALUES(1, 'one', NULL, 1), (2, 'two', NULL, 2)"
point "UPDATE note SET stars = 5; INSERT INTO tag VALUES(1, 'red')"
point "DELETE FROM note WHERE id = 1; INSERT INTO note VALUES(3, 'three', x'00', 3)"
point "INSERT INTO note VALUES(1, 'again', NULL, 9); UPDATE note SET stars = stars + 1"
point "DELETE FROM note"
at() { # at MILLISECONDS: as --at takes it
  python3 -c 'import datetime, sys; t = int(sys.argv[1]); print(datetime.datetime.utcfromtimestamp(t // 1000).strftime("%Y-%m-%d %H:%M:%S") + ".%03d" % (t % 1000))' "$1"
}
for i in "${!points[@]}"; do
  expect 0 restore B --to "t$i.db" --at "$(at "${times[$i]}")"
  is "$(digest "t$i.db")" "${digests[$i]}"
  is "$(sql "t$i.db" 'SELECT count(*), total(stars) FROM note')" "${points[$i]}"
  expect 0 restore B --to "k$i.db" --at "${tokens[$i]}"
  is "$(digest "k$i.db")" "${digests[$i]}"
  is "$(sql "k$i.db" 'SELECT count(*) FROM crsql_check')" 0
done
expect 0 restore B --to last.db
is "$(digest last.db)" "${digests[-1]}"
# The whole shape comes back.
shape="SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE '%crsql%' AND name NOT LIKE 'sqlite_%' ORDER BY name"
is "$(sql k1.db "$shape")" "$(sql a.db "$shape")"
is "$(sql k1.db 'PRAGMA user_version')" 42
is "$(sql k1.db "SELECT rowid FROM words WHERE words MATCH 'two'")" 2
is "$(sql k1.db 'SELECT count(*) FROM changed')" 0

# Nothing new, no file; a backup reads only.
sum=$(checksum a.db) files=$(find B -type f | wc -l)
expect 0 backup a.db --to B
has out 'nothing has changed'
unchanged a.db "$sum"
is "$(find B -type f | wc -l)" "$files"

# What was restored is a replica of its own: versions are never used twice, and it syncs.
sql k1.db "UPDATE note SET title = 'from the past' WHERE id = 2"
sql a.db "INSERT INTO note VALUES(50, 'meanwhile', NULL, NULL)"
expect 0 sync a.db k1.db
expect 0 diff a.db k1.db
sql k1.db "INSERT INTO note VALUES(51, 'of the restored', NULL, NULL)"
expect 0 sync a.db k1.db
is "$(sql a.db 'SELECT count(DISTINCT site_id) FROM crsql_changes')" 2
# A copy of the file put back is refused.
cp t0.db t0.copy
sql t0.db "UPDATE note SET stars = 0"
expect 0 backup t0.db --to B2
expect 1 backup t0.copy --to B2
has err 'older copy'

# Columns change: each point has its own shape.
expect 0 backup a.db --to B
sql a.db "ALTER TABLE note ADD COLUMN extra TEXT"
sql a.db "SELECT crsql_as_crr('note')" >out
sql a.db "UPDATE note SET extra = 'x'"
expect 0 backup a.db --to B
added=$(digest a.db)
expect 0 restore B --to added.db
is "$(digest added.db)" "$added"
sleep 0.01
sql a.db "CREATE INDEX by_stars ON note(stars)"
expect 0 backup a.db --to B # no row has changed, but the shape has
expect 0 restore B --to index.db
is "$(sql index.db "SELECT count(*) FROM sqlite_schema WHERE name = 'by_stars'")" 1
is "$(digest index.db)" "$added"
expect 0 restore B --to old.db --at "$(at "${times[2]}")"
is "$(digest old.db)" "${digests[2]}"

# Continuous.
site=$(sql a.db 'SELECT lower(hex(crsql_site_id()))')
"$TRIBUTARY" backup -q a.db --to C --watch &
watcher=$!
for i in 1 2 3; do
  sql --timeout 20 a.db "INSERT INTO note(id, title) VALUES(60 + $i, 'w')"
  version=$(sql --readonly --timeout 20 a.db 'SELECT crsql_db_version()')
  for _ in $(seq 100); do
    "$TRIBUTARY" inspect --json C 2>err | grep -q "\"reach\": {.*\"$site\": ${version}[,}]" && break
    sleep 0.1
  done
done
kill -INT $watcher 2>/dev/null; kill -TERM $watcher
wait $watcher
is $? 0
expect 0 restore C --to watched.db
is "$(digest watched.db)" "$(digest a.db)"

# Restore points stay, also where the folder is synced through.
cp -r B S
points_before=$(find S -name '[0-9]*.trib' | wc -l)
expect 0 sync a.db --folder S --snapshot
expect 0 sync a.db --folder S
checks=$((checks + 1))
[ "$(find S -name '[0-9]*.trib' | wc -l)" -ge "$points_before" ] || fail 'restore points were deleted'
expect 0 restore S --to s2.db --at "$(at "${times[2]}")"
is "$(digest s2.db)" "${digests[2]}"

# Damage and loss are found before anything is made.
cp -r B D
file=$(find D -name '[0-9]*.trib' | sort | sed -n 2p)
printf 'X' | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") - 3)) conv=notrunc status=none
expect 1 inspect --verify D
has out "$(basename "$file")"
expect 1 inspect "$file"
has err 'checksum'
expect 1 backup a.db --to D --verify # written again
expect 0 restore D --to mended.db
is "$(digest mended.db)" "$(digest a.db)"
cp -r C E
rm "$(find E -name '1-*.trib')"
expect 5 restore E --to none.db
has err 'builds on what is not there'
is "$(ls none.db* 2>/dev/null)" ''
expect 5 restore E --to none.db --partial
rm -r E && cp -r C E
rm E/*/schema-*
expect 3 restore E --to none.db
has err 'schema-'

# inspect: files, JSON, changesets of SQL, what is none.
json 0 inspect B
field "len(j['segments']) >= 6, j['problems']" '(True, [])'
expect 0 inspect B
has out 'from'
json 0 inspect "$(find B -name '1-1.trib')"
field "[f['kind'] for f in j['frames']], j['frames'][1]['rows']" "(['segment', 'changeset'], 2)"
json 0 inspect --content "$(find B -name '1-1.trib')"
field "j['frames'][1]['content']['rows'][0]['table']" note
expect 0 inspect "$(find B -name 'schema*' | head -1)"
has out 'CREATE TABLE note'
sql a.db "SELECT changeset FROM crsql_changesets(NULL)" >cs || true
"$TRIBUTARY" sql --raw a.db 'SELECT changeset FROM crsql_changesets(NULL)' | head -c -1 >changeset.bin
json 0 inspect changeset.bin
field "j['frames'][0]['kind'], j['frames'][0]['last']" "('changeset', True)"
expect 1 inspect a.db
has err 'not a frame'
expect 3 inspect missing
: >nothing
expect 1 inspect nothing

# What cannot work.
expect 1 restore B --to a.db
has err 'exists already'
expect 2 restore B --to x.db --at yesterday-ish
expect 1 restore B --to x.db --at 2001-01-01
has err 'oldest'
expect 2 backup a.db
expect 3 restore missing --to x.db
mkdir empty
expect 1 restore empty --to x.db
is "$(ls x.db* 2>/dev/null)" ''

# Databases nobody made for it.
real() { # real FILE CHANGE...
  expect 0 backup "$1" --to "R$1" --quiet
  local want=("$(digest "$1")") i=0 sql_text
  expect 0 init "$1" --quiet
  for sql_text in "${@:2}"; do
    sql "$1" "$sql_text"
    expect 0 backup "$1" --to "R$1"
    want+=("$(digest "$1")")
  done
  expect 0 restore "R$1" --to "again.$1"
  is "$(digest "again.$1")" "${want[-1]}"
  expect 0 diff "$1" "again.$1"
  json 0 inspect "R$1"
  for time in $(python3 -c 'import json; print(*sorted(s["time_ms"] for s in json.load(open("out"))["segments"]))'); do
    expect 0 restore "R$1" --to "p$i.$1" --at "$(at "$time")"
    is "$(digest "p$i.$1")" "${want[$i]}"
    i=$((i + 1))
  done
  is "$i" "${#want[@]}"
}
if [ -r "${SHARED_DATA:-}/chinook.sqlite" ]; then
  cp "$SHARED_DATA/chinook.sqlite" chinook.db
  expect 0 init chinook.db --quiet
  real chinook.db "UPDATE Track SET Name = upper(Name)" "DELETE FROM PlaylistTrack WHERE PlaylistId = 1" \
    "UPDATE Customer SET Company = 'x' WHERE CustomerId % 2"
else
  echo 'skipped: Chinook is not here'
fi
if [ -r "${SHARED_DATA:-}/northwind.sql" ]; then
  { echo 'PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY;'; cat "$SHARED_DATA/northwind.sql"; } |
    "$TRIBUTARY" sql -q --create --plain northwind.db || fail 'cannot make Northwind'
  "$TRIBUTARY" init -q northwind.db
  real northwind.db "UPDATE Products SET UnitPrice = UnitPrice * 2" "DELETE FROM \"Order Details\" WHERE Quantity < 5"
else
  echo 'skipped: Northwind is not here'
fi
finish
