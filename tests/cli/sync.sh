#!/usr/bin/env bash
# tributary sync: both ways, through third copies, with conflicts, repeatedly, and what it refuses.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

replicas a.db b.db c.db
sql a.db "INSERT INTO note VALUES(1, 'one', 'x', 1.5), (2, 'two', NULL, NULL); INSERT INTO tag VALUES(1, 'red')"
json 0 sync a.db b.db
field "j['equal'], j['a_to_b']['rows'], j['a_to_b']['cells'], j['b_to_a']['cells'], j['conflicts']" '(True, 3, 7, 0, 0)'
field "j['a_to_b']['bytes'] > 40 and j['a_to_b']['applied'] >= 3" True
expect 0 diff a.db b.db
is "$(sql b.db 'SELECT * FROM note ORDER BY id')" "$(sql a.db 'SELECT * FROM note ORDER BY id')"

# Equal already: nothing moves, nothing is written.
sum_a=$(checksum a.db) sum_b=$(checksum b.db)
json 0 sync b.db a.db
field "j['equal'], j['a_to_b']['cells'], j['b_to_a']['cells']" '(True, 0, 0)'
expect 0 sync a.db b.db
has out 'equal already'
unchanged a.db "$sum_a"
unchanged b.db "$sum_b"

# Conflicts: one cell; delete against update; both inserted one key.
sql a.db "UPDATE note SET title = 'von a' WHERE id = 1; DELETE FROM note WHERE id = 2; INSERT INTO note(id, title) VALUES(9, 'nine')"
sql b.db "UPDATE note SET title = 'von b', body = 'only b' WHERE id = 1; UPDATE note SET body = 'lost' WHERE id = 2; INSERT INTO note(id, title) VALUES(9, 'neun')"
expect 1 diff a.db b.db
json 0 sync a.db b.db
field "j['conflicts']" 3
field "sorted((d['key'], d.get('column', ''), d['winner']) for d in j['conflict_details'])" \
  "[('1', 'title', 'b'), ('2', '', 'a'), ('9', 'title', 'a')]"
field "[d['why'] for d in sorted(j['conflict_details'], key=lambda d: d['key'])]" \
  "['the larger value wins', 'a delete beats a change', 'the larger value wins']"
expect 0 diff a.db b.db
is "$(sql a.db 'SELECT id, title, body FROM note ORDER BY id')" $'1\tvon b\tonly b\n9\tnine\t'

# The cell changed more often wins, though its value is smaller; what was made anew beats the delete.
sql a.db "UPDATE note SET stars = 9 WHERE id = 1"
sql b.db "UPDATE note SET stars = 5 WHERE id = 1; UPDATE note SET stars = 4 WHERE id = 1"
expect 0 sync a.db b.db
has out 'changed more often wins, 3 : 2'
has out '✓ b.db: 4.0'
is "$(sql a.db 'SELECT stars FROM note WHERE id = 1')" '4.0'
sql a.db "DELETE FROM note WHERE id = 9"
sql b.db "DELETE FROM note WHERE id = 9; INSERT INTO note(id, title) VALUES(9, 'neun')"
expect 0 sync a.db b.db
has out 'made anew beats deleted'
is "$(sql a.db 'SELECT title FROM note WHERE id = 9')" neun

# Relayed: c never meets a, a's older transactions reach it late, after newer ones of b.
sql a.db "INSERT INTO note(id, title) VALUES(20, 'early')"
sql b.db "INSERT INTO note(id, title) VALUES(21, 'b')"
expect 0 sync b.db c.db
expect 0 sync a.db b.db
expect 0 sync b.db c.db
expect 0 diff a.db c.db
is "$(sql c.db 'SELECT title FROM note WHERE id = 20')" early
json 0 sync a.db c.db
field "j['a_to_b']['cells'] + j['b_to_a']['cells']" 0

# A chain of many small transactions moves only what is new.
for i in 1 2 3 4 5; do sql a.db "UPDATE note SET stars = $i WHERE id = 20"; done
json 0 sync a.db b.db
field "j['a_to_b']['cells']" 1
sql c.db "UPDATE note SET stars = 100 WHERE id = 21"
json 0 sync b.db c.db
field "j['a_to_b']['cells'], j['b_to_a']['cells']" '(1, 1)'
json 0 sync c.db a.db
field "j['a_to_b']['cells'], j['b_to_a']['cells']" '(1, 0)'

# Small batches: transactions stay whole, the result is the same.
sql a.db "WITH RECURSIVE s(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM s WHERE i < 400) INSERT INTO note(id, title) SELECT i, 'n' || i FROM s"
sql a.db "UPDATE note SET body = 'changed' WHERE id > 390"
expect 0 sync --batch 1 a.db b.db
expect 0 diff a.db b.db
expect 0 sync --batch 7 b.db c.db
expect 0 diff a.db c.db

# A transaction that travels in many pieces is one.
sql a.db "UPDATE note SET body = 'long' || id WHERE id >= 100"
json 0 sync --batch 500 a.db b.db
field "j['a_to_b']['transactions'], j['a_to_b']['rows']" '(1, 301)'
expect 0 sync b.db c.db

# Cells brought by another tool assert nothing: what else that transaction wrote must still come.
sql a.db "BEGIN; UPDATE note SET title = 'both' WHERE id IN (1, 9); UPDATE note SET body = 'both' WHERE id = 1; COMMIT"
sql a.db 'SELECT quote("table"), quote(pk), quote(cid), quote(val), col_version, db_version, quote(site_id), cl, seq
  FROM crsql_changes WHERE cid = '\''title'\'' AND val = '\''both'\'' ORDER BY db_version DESC LIMIT 1' |
  tr '\t' ',' >cell
sql b.db "INSERT INTO crsql_changes(\"table\", pk, cid, val, col_version, db_version, site_id, cl, seq) VALUES($(cat cell))"
expect 0 sync a.db b.db
expect 0 diff a.db b.db

# Exact values travel exactly.
sql a.db "INSERT INTO note VALUES(1000, 'a' || char(0) || 'b', x'00ff', -0.5), (1001, '', 9223372036854775807, 9e999),
  (-1, 'ü🦆', '', 1e-300)"
expect 0 sync a.db b.db
expect 0 diff a.db b.db
is "$(sql b.db 'SELECT quote(hex(title)), typeof(body), quote(body) FROM note WHERE id IN (1000, 1001) ORDER BY id')" \
  "$(sql a.db 'SELECT quote(hex(title)), typeof(body), quote(body) FROM note WHERE id IN (1000, 1001) ORDER BY id')"

# Dangling references are told, not refused; mended in one copy.
expect 0 sync a.db c.db
sql a.db 'DELETE FROM tag WHERE note = 20; DELETE FROM note WHERE id = 20'
sql c.db "INSERT INTO tag VALUES(20, 'late')"
json 0 sync a.db c.db
field "j['dangling_references']" 1
expect 1 check a.db
has out "(20, 'late')"
sql c.db "DELETE FROM tag WHERE note = 20"
expect 0 sync c.db a.db
expect 0 check a.db

# A CHECK that only complete rows fulfil: they arrive cell by cell.
for file in k1.db k2.db; do
  make_db $file "CREATE TABLE k(id TEXT PRIMARY KEY NOT NULL, a TEXT, scope TEXT NOT NULL CHECK (scope IN ('I', 'M')),
    low INT NOT NULL, high INT NOT NULL, CHECK (low < high))"
  expect 0 init $file
done
sql k1.db "INSERT INTO k VALUES('x', NULL, 'I', 5, 7), ('y', 'a', 'M', -3, -2)"
expect 0 sync k1.db k2.db
expect 0 diff k1.db k2.db

# What cannot work, and that nothing changed.
expect 2 sync a.db ./a.db
has err 'same file'
ln -s a.db link.db
expect 2 sync a.db link.db
cp a.db copy.db
expect 1 sync a.db copy.db
has err 'copied'
one_line_error
expect 3 sync a.db missing.db
is "$(ls missing.db 2>/dev/null)" ''

# Different tables: all is exchanged, what has no place is kept and named, exit code 1.
make_db d.db 'CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, title TEXT NOT NULL, body TEXT)'
expect 0 init d.db
sql d.db "INSERT INTO note VALUES(5000, 'from d', NULL)"
expect 1 sync a.db d.db
has out 'cells of tag, until'
has out 'cells of note.stars, until'
is "$(sql a.db 'SELECT title FROM note WHERE id = 5000')" 'from d'
is "$(sql d.db 'SELECT count(*) FROM note')" "$(sql a.db 'SELECT count(*) FROM note')"
json 1 sync a.db d.db
field "j['equal'], [p['table'] for p in j['parked']], j['a_to_b']['cells']" "(False, ['note', 'tag'], 0)"
sql d.db "ALTER TABLE note ADD COLUMN stars REAL; CREATE TABLE tag(note INTEGER NOT NULL, name TEXT NOT NULL, PRIMARY KEY(note, name))"
expect 0 init d.db
json 0 sync a.db d.db
field "j['equal'], j['a_to_b']['cells'], j['parked']" '(True, 0, [])'
expect 0 diff a.db d.db

# Quiet and in between: only the exit code.
expect 0 sync -q a.db b.db
empty out
empty err
expect 0 sync a.db b.db --conflicts 0
finish
