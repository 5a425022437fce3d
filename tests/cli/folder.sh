#!/usr/bin/env bash
# tributary sync --folder: replicas that only share a folder; what file-sync tools do to files is in
# folder_lossy.py.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

site() { sql "$1" 'SELECT lower(hex(crsql_site_id()))'; }
same() { # same DB...: equal replicas
  local db
  for db in "${@:2}"; do is "$(digest "$db")" "$(digest "$1")"; done
}
segments() { find "$1" -name '[0-9]*.trib' | wc -l; }

# Three replicas, each in turn, twice.
replicas a.db b.db c.db
sql a.db "INSERT INTO note VALUES(1, 'one', 'x', 1.5), (2, 'two', NULL, NULL); INSERT INTO tag VALUES(1, 'red')"
json 0 sync a.db --folder F
field "len(j['written']), j['written'][0]['rows'], j['segments_read']" '(1, 3, 0)'
json 0 sync b.db --folder F
field "len(j['written']), j['segments_read'], j['rows_changed']" '(0, 1, 3)'
sql b.db "UPDATE note SET title = 'of b' WHERE id = 1"
sql c.db "INSERT INTO note VALUES(3, 'three', x'00ff', 9e999)"
sql a.db "DELETE FROM note WHERE id = 2"
for db in b.db c.db a.db b.db c.db; do expect 0 sync "$db" --folder F; done
same a.db b.db c.db

# What one relays is not written again; no news, no writing.
before=$(find F -type f -exec sha256sum {} + | sort)
for db in a.db b.db c.db; do expect 0 sync "$db" --folder F; has out 'nothing new'; done
is "$(find F -type f -exec sha256sum {} + | sort)" "$before"
is "$(segments F)" 4

# Names begin anew where nothing is known, and count on.
is "$(find F -name '1-2.trib' | wc -l)" 1

# A newcomer: from the folder, with a site id of its own; or an empty replica.
expect 0 restore F --to d.db
is "$(digest d.db)" "$(digest a.db)"
checks=$((checks + 1))
[ "$(site d.db)" != "$(site a.db)" ] || fail 'two replicas of one site id'
replicas e.db
expect 0 sync e.db --folder F
same a.db e.db
sql d.db "INSERT INTO note VALUES(4, 'by the newcomer', NULL, NULL)"
expect 0 sync d.db --folder F
for db in a.db b.db c.db e.db; do expect 0 sync "$db" --folder F; done
same a.db b.db c.db d.db e.db
is "$(sql a.db 'SELECT title FROM note WHERE id = 4')" 'by the newcomer'
for db in a.db b.db c.db d.db e.db; do expect 0 check "$db"; done

# Changes that came another way are relayed to the folder.
replicas out.db
sql out.db "INSERT INTO note VALUES(5, 'never in the folder', NULL, NULL)"
expect 0 sync out.db a.db
expect 0 sync a.db --folder F
expect 0 sync b.db --folder F
same a.db b.db
# ... also single rows that promise nothing.
sql out.db "UPDATE note SET title = 'once more' WHERE id = 5"
sql out.db "SELECT quote(\"table\"), quote(pk), quote(cid), quote(val), col_version, db_version, quote(site_id), cl, seq
  FROM crsql_changes WHERE val = 'once more'" | tr '\t' ',' >cell
sql a.db "INSERT INTO crsql_changes(\"table\", pk, cid, val, col_version, db_version, site_id, cl, seq) VALUES($(cat cell))"
expect 0 sync a.db --folder F
json 0 sync b.db --folder F
field "j['segments_read']" 1
same a.db b.db
json 0 sync b.db --folder F
field "j['segments_read'], len(j['written'])" '(0, 0)'
expect 0 sync a.db --folder F
has out 'nothing new'

# A missing segment: what builds on it waits, and comes once it is there.
mkdir G
sql a.db "INSERT INTO note VALUES(10, 'g', NULL, NULL)"
replicas x.db y.db z.db
sql x.db "INSERT INTO note VALUES(1, 'first', NULL, NULL)"
expect 0 sync x.db --folder G
first=$(find G -name '1-1.trib')
expect 0 sync y.db --folder G
sql y.db "UPDATE note SET title = 'second' WHERE id = 1"
expect 0 sync y.db --folder G
mv "$first" kept
expect 0 sync z.db --folder G
has out 'waiting'
is "$(sql z.db 'SELECT count(*) FROM note')" 0
mv kept "$first"
expect 0 sync z.db --folder G
is "$(sql z.db 'SELECT title FROM note')" second
# ... or its author, or anybody who has it, writes it again.
rm "$first"
replicas w.db
expect 0 sync y.db --folder G
expect 0 sync w.db --folder G
is "$(sql w.db 'SELECT title FROM note')" second

# Damaged: named, not used; the author mends it.
expect 0 sync x.db --folder G
sql x.db "INSERT INTO note VALUES(2, 'damaged', NULL, NULL)"
json 0 sync x.db --folder G
file=G/$(python3 -c 'import json; print(json.load(open("out"))["written"][0]["file"])')
cp "$file" kept
printf 'X' | dd of="$file" bs=1 seek=$(($(stat -c %s "$file") - 5)) conv=notrunc status=none
expect 1 sync z.db --folder G
has out "${file#G/}"
has out 'checksum'
expect 1 inspect --verify G
has out 'frame 2 at byte'
expect 1 inspect "$file"
has err 'frame 2 at byte'
is "$(sql z.db 'SELECT count(*) FROM note')" 1
expect 1 sync x.db --folder G --verify
expect 0 inspect --verify G
expect 0 sync z.db --folder G
is "$(sql z.db 'SELECT count(*) FROM note')" 2
# Cut off: looks like a file that is still being copied.
sql x.db "INSERT INTO note VALUES(3, 'cut', NULL, NULL)"
json 0 sync x.db --folder G
file=G/$(python3 -c 'import json; print(json.load(open("out"))["written"][0]["file"])')
cp "$file" kept
for size in 0 20 100 $(($(stat -c %s kept) - 1)); do
  head -c "$size" kept >"$file"
  expect 1 sync z.db --folder G
  has out "${file#G/}"
  expect 1 inspect "$file"
done
cp kept "$file"
expect 0 sync z.db --folder G
is "$(sql z.db 'SELECT count(*) FROM note')" 3

# Renamed by a conflict, twice there, and files of others.
replicas r.db
mkdir H
for dir in G/*/; do mkdir "H/$(basename "$dir") (1)"; for f in "$dir"*.trib; do
  cp "$f" "H/$(basename "$dir") (1)/$(basename "$f" .trib).sync-conflict-20261123.trib"; cp "$f" "H/$(basename "$dir") (1)/"
done; done
echo hello >H/readme.txt
mkdir H/.stfolder
expect 0 sync r.db --folder H
same z.db r.db

# Many small segments become one; once all have read it, the small ones go. Then a snapshot.
for i in $(seq 70); do
  sql a.db "UPDATE note SET stars = $i WHERE id = 1"
  "$TRIBUTARY" sync -q a.db --folder F || fail "sync $i"
done
count=$(segments F)
for db in b.db c.db d.db e.db; do expect 0 sync "$db" --folder F; done
json 0 sync a.db --folder F
field "j['removed'] > 60" True
checks=$((checks + 1))
[ "$(segments F)" -lt $((count - 60)) ] || fail "still $(segments F) of $count segments"
replicas n.db
expect 0 sync n.db --folder F
same a.db b.db c.db d.db e.db n.db
sql b.db "UPDATE note SET stars = -1 WHERE id = 1"
expect 0 sync b.db --folder F --snapshot
for _ in 1 2; do for db in a.db c.db d.db e.db n.db b.db; do expect 0 sync "$db" --folder F; done; done
is "$(segments F)" 1
# A damaged snapshot replaces nothing; who finds it damaged writes what the folder then lacks.
sql a.db 'UPDATE note SET stars = -2 WHERE id = 1'
expect 0 sync a.db --folder F
sql b.db 'UPDATE note SET stars = -3 WHERE id = 1'
json 0 sync b.db --folder F --snapshot
snapshot=F/$(python3 -c 'import json; print(json.load(open("out"))["written"][-1]["file"])')
cp "$snapshot" kept
printf 'X' | dd of="$snapshot" bs=1 seek=$(($(stat -c %s "$snapshot") - 5)) conv=notrunc status=none
expect 1 sync c.db --folder F
has out "${snapshot#F/}"
for db in a.db d.db e.db n.db a.db; do "$TRIBUTARY" sync -q "$db" --folder F; done
replicas l.db
"$TRIBUTARY" sync -q l.db --folder F
same b.db a.db c.db l.db
cp kept "$snapshot"
for _ in 1 2; do for db in a.db b.db c.db d.db e.db n.db l.db; do expect 0 sync "$db" --folder F; done; done
is "$(segments F)" 1
replicas m.db
json 0 sync m.db --folder F
field "j['segments_read']" 1
same a.db b.db m.db

# Killed while writing: no half segment, and the litter goes.
replicas big.db
sql big.db "WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 60000)
  INSERT INTO note SELECT i, hex(randomblob(40)), hex(randomblob(60)), i FROM s"
for wait in 0.05 0.1 0.2 0.3; do
  "$TRIBUTARY" sync -q big.db --folder K &
  sleep $wait
  kill -9 $! 2>/dev/null
  wait $! 2>/dev/null
  checks=$((checks + 1))
  [ ! -d K ] || "$TRIBUTARY" inspect -q --verify K 2>err || fail 'a damaged segment after a kill'
done
expect 0 sync big.db --folder K
is "$(find K -name '.*.tmp' | wc -l)" 0
replicas got.db
for wait in 0.1 0.2 0.3; do # a reader killed goes on where it was
  "$TRIBUTARY" sync -q got.db --folder K &
  sleep $wait
  kill -9 $! 2>/dev/null
  wait $! 2>/dev/null
done
expect 0 sync got.db --folder K
same big.db got.db

# Two syncs of one database at a time.
for i in 1 2 3; do
  sql big.db "UPDATE note SET stars = -$i WHERE id % 10 = $i"
  "$TRIBUTARY" sync -q --timeout 60 big.db --folder K &
  one=$!
  "$TRIBUTARY" sync -q --timeout 60 big.db --folder K &
  two=$!
  checks=$((checks + 2))
  wait $one || fail 'first of two'
  wait $two || fail 'second of two'
done
expect 0 inspect --verify K
expect 0 sync got.db --folder K
same big.db got.db

# Watching: both ways, until told to stop.
replicas v.db
sql v.db 'SELECT 1' >/dev/null
"$TRIBUTARY" sync -q v.db --folder W --watch &
one=$!
replicas u.db
"$TRIBUTARY" sync -q u.db --folder W --watch &
two=$!
sql --timeout 20 v.db "INSERT INTO note VALUES(1, 'live', NULL, NULL)"
sql --timeout 20 u.db "INSERT INTO note VALUES(2, 'too', NULL, NULL)"
for _ in $(seq 100); do
  [ "$(sql --readonly v.db 'SELECT count(*) FROM note')$(sql --readonly u.db 'SELECT count(*) FROM note')" = 22 ] && break
  sleep 0.1
done
is "$(sql u.db 'SELECT title FROM note ORDER BY id')" $'live\ntoo'
kill -TERM $one $two
wait $one
is $? 0
wait $two
is $? 0
same v.db u.db

# What cannot work.
expect 2 sync a.db --folder
expect 2 sync a.db
expect 2 sync a.db b.db --folder F
expect 3 sync missing.db --folder F
expect 3 sync a.db --folder no/such/folder
cp a.db older.db
sql a.db "UPDATE note SET stars = 77 WHERE id = 1"
expect 0 sync a.db --folder F
expect 1 sync older.db --folder F
has err 'older copy'
one_line_error
make_db other.db 'CREATE TABLE other(id INTEGER PRIMARY KEY NOT NULL)'
expect 0 init other.db
sum=$(checksum other.db)
expect 1 sync other.db --folder F
has err 'no table in common'
one_line_error
unchanged other.db "$sum"
finish
