#!/usr/bin/env bash
# tributary status, log, diff and check.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

replicas a.db b.db
sql a.db "INSERT INTO note VALUES(1, 'one', 'x', 1.5), (2, 'two', NULL, NULL)"
sql a.db "UPDATE note SET title = 'zwei' WHERE id = 2"
sql a.db "INSERT INTO tag VALUES(2, 'red'); DELETE FROM note WHERE id = 1"
expect 0 sync -q a.db b.db

# status
json 0 status a.db
field "len(j['site_id']), j['db_version'] >= 4, j['peers']" '(32, True, [])'
field "[(t['table'], t['rows']) for t in j['tables']]" "[('note', 1), ('tag', 1)]"
field "[t['tombstones'] for t in j['tables']]" '[1, 0]'
site=$(sql a.db 'SELECT lower(hex(crsql_site_id()))')
json 0 status b.db
field "[p['site_id'] for p in j['peers']]" "['$site']"
expect 0 status a.db
has out "$site"
has out "$(sql a.db 'SELECT crsql_digest()')"
expect 0 status -q a.db
empty out

# Reading changes nothing, even the time of the file.
sum=$(checksum a.db)
for command in status log check; do expect 0 $command a.db; done
unchanged a.db "$sum"
cp a.db readonly.db
chmod 444 readonly.db
expect 0 status readonly.db
expect 0 log readonly.db

# log
expect 0 log a.db
has out 'this replica'
has out "- note"
has out "'zwei'"
json 0 log a.db
field "sum(t['row_count'] for t in j['transactions']) >= 3 and all(t['own'] for t in j['transactions'])" True
field "[r['kind'] for t in j['transactions'] for r in t['rows'] if r['key'] == [1] and r['table'] == 'note']" "['delete']"
field "[r['columns'] for t in j['transactions'] for r in t['rows'] if r['kind'] == 'update']" "[{'title': 'zwei'}]"
json 0 log b.db
field "any(t['own'] for t in j['transactions'])" False
json 0 log a.db --table tag
field "{r['table'] for t in j['transactions'] for r in t['rows']}" "{'tag'}"
version=$(sql a.db 'SELECT crsql_db_version()')
expect 0 log a.db --since "$version"
has out 'no changes'
json 0 log a.db --since=$((version - 1))
field "[t['db_version'] for t in j['transactions']]" "[$version]"
expect 0 log a.db --site "${site:0:5}"
has out "${site:0:8}"
expect 0 log a.db --site 00000000000000000000
has out 'no changes'
expect 1 log a.db --table nothere
one_line_error

# log --key: one row, why it is as it is
expect 0 log a.db --table note --key 2
has out 'note 2  alive, causal length 1'
has out "title   'zwei'        2  ${site:0:8} (this)"
has out 'implied'
expect 0 log b.db --table note --key 1
has out "note 1  deleted, causal length 2, by ${site:0:8} in its transaction"
json 0 log b.db --table note --key 2
field "[(c['column'], c['value'], c['version'], c['clock']) for c in j['clocks'] if c['column'] == 'title']" "[('title', 'zwei', 2, 'explicit')]"
field "{c['site_id'] for c in j['clocks'] if 'site_id' in c}, j['alive']" "({'$site'}, True)"
json 0 log a.db --table tag --key '[2, "red"]'
field "[c['column'] for c in j['clocks']], j['causal_length']" "(['-1'], 1)"
expect 0 log -q a.db --table note --key 2
empty out
expect 1 log a.db --table note --key 77
has err 'never heard of a row of note 77'
expect 5 log a.db --table tag --key 2
has err 'the key of table tag is (note, name)'
expect 2 log a.db --key 2
has err 'goes with --table'
expect 2 log a.db --table note --key 2 --since 1
# status shows the same of a row
expect 0 log a.db --table note --key 2
cp out log.out
expect 0 status a.db --table note --key 2
is "$(cat out)" "$(cat log.out)"
expect 1 status a.db --table nowhere --key 2
has err 'table nowhere is not replicated'
expect 2 status a.db --table note
expect 2 status a.db --key 2
sql a.db "WITH RECURSIVE s(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM s WHERE i < 150) INSERT INTO note(id, title) SELECT i, 'n' || i FROM s"
expect 0 log a.db --since "$version"
has out '41 more rows'
expect 0 log a.db --since "$version" --limit 0
lacks out 'more'
is "$(grep -c '+ note' out)" 51

# diff
expect 1 diff a.db b.db
has out '31 more'
has out '51 rows differ in 1 table'
expect 0 sync -q a.db b.db
expect 0 diff a.db b.db
has out 'equal'
sql a.db "UPDATE note SET stars = 1, body = 'line
break' WHERE id = 100; DELETE FROM note WHERE id = 101; INSERT INTO note VALUES(9007199254740993, 'big', NULL, NULL)"
sql b.db "UPDATE note SET stars = 2 WHERE id = 100; INSERT INTO note VALUES(-5, 'minus', x'00', NULL); INSERT INTO tag VALUES(100, 'blue')"
expect 1 diff a.db b.db
has out '~ 100  body '"'line\\nbreak'"' | NULL  stars 1.0 | 2.0'
has out '> 101'
has out "< 9007199254740993  title 'big'"
has out "> -5  title 'minus'"
has out "> (100, 'blue')"
json 1 diff a.db b.db
field "j['equal'], j['differing_rows']" '(False, 5)'
field "[r['columns'] for r in j['tables'][0]['rows'] if r['kind'] == 'changed']" \
  "[{'body': {'a': 'line\\nbreak', 'b': None}, 'stars': {'a': 1.0, 'b': 2.0}}]"
field "[r['row']['body'] for r in j['tables'][0]['rows'] if r['key'] == [-5]]" "[{'blob': '00'}]"
json 1 diff a.db b.db tag
field "j['differing_rows']" 1
expect 1 diff a.db b.db nothere
expect 1 diff -q a.db b.db
empty out
expect 1 diff --limit 1 a.db b.db
has out '3 more'

# Files of another text encoding sort differently.
make_db utf16.db "PRAGMA encoding = 'UTF-16le'; CREATE TABLE w(k TEXT PRIMARY KEY NOT NULL, v) WITHOUT ROWID"
make_db utf8.db "CREATE TABLE w(k TEXT PRIMARY KEY NOT NULL, v) WITHOUT ROWID"
for file in utf16.db utf8.db; do
  expect 0 init $file
done
sql utf16.db "INSERT INTO w VALUES('a', 1), ('Ā', 2), ('z', 3), ('🦆', 4), ('｡', 5), ('', 6)"
expect 0 sync utf16.db utf8.db
expect 0 diff utf16.db utf8.db
sql utf8.db "DELETE FROM w WHERE k = 'Ā'"
expect 1 diff utf16.db utf8.db
has out '1 row differs'

# check
json 0 check b.db
field "j['ok'], j['replicated'], j['problems']" '(True, True, [])'
sql b.db "INSERT INTO tag VALUES(777, 'nobody')"
json 1 check b.db
field "[(p['kind'], p['table']) for p in j['problems']]" "[('reference', 'tag')]"
expect 1 check b.db
has out "(777, 'nobody')"
cp a.db damaged.db
size=$(stat -c %s damaged.db)
head -c $((size / 2)) /dev/urandom | dd of=damaged.db bs=1 seek=$((size / 4)) conv=notrunc 2>/dev/null
sum=$(checksum damaged.db)
"$TRIBUTARY" check damaged.db >out 2>err
code=$?
[ $code = 1 ] || [ $code = 3 ] || fail "check of a damaged file ended with $code"
is "$(checksum damaged.db)" "$sum"
finish
