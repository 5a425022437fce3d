#!/usr/bin/env bash
# tributary sql: output forms, errors, and that writes are tracked.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

expect 3 sql new.db 'SELECT 1'
is "$(ls new.db 2>/dev/null)" ''
expect 0 sql --create new.db "$schema" "INSERT INTO note VALUES(1, 'one', x'00ff', 2.5), (2, 'zwei', NULL, 3)"
empty out
expect 0 sql new.db 'SELECT id, title, body, stars FROM note' 'SELECT 42 AS answer'
has out 'id  title  body     stars'
has out "1   one    x'00ff'  2.5"
has out 'answer'
expect 0 sql --raw new.db 'SELECT id, title FROM note'
is "$(cat out)" $'1\tone\n2\tzwei'
json 0 sql new.db 'SELECT * FROM note WHERE id = 1; SELECT 1 AS x WHERE 0; -- the end'
field 'j' "[[{'id': 1, 'title': 'one', 'body': {'blob': '00ff'}, 'stars': 2.5}], []]"
is "$(echo 'SELECT count(*) FROM note' | "$TRIBUTARY" sql --raw new.db)" 2
is "$(echo 'SELECT count(*) FROM note' | "$TRIBUTARY" sql --raw new.db -)" 2
expect 0 sql -q new.db 'SELECT 1'
empty out

expect 5 sql new.db "INSERT INTO note VALUES(3, 'three', NULL, NULL); SELEC"
one_line_error
has err 'syntax error'
is "$(sql new.db 'SELECT count(*) FROM note')" 3
expect 5 sql new.db "BEGIN; DELETE FROM note"
has err 'rolled back'
is "$(sql new.db 'SELECT count(*) FROM note')" 3
json 5 sql new.db 'SELECT 1; SELECT nothing'
expect 3 sql --readonly new.db 'DELETE FROM note'
is "$(sql --readonly new.db 'SELECT count(*) FROM note')" 3
printf 'content' >file.txt
is "$(sql new.db "SELECT CAST(readfile('file.txt') AS TEXT)")" content
expect 5 sql new.db "SELECT readfile('nothere')"

# --plain makes and reads ordinary databases; a read-only look adds nothing either.
expect 0 sql --create --plain plain.db 'CREATE TABLE t(x PRIMARY KEY NOT NULL)'
sum=$(checksum plain.db)
expect 0 sql --readonly plain.db 'SELECT * FROM t'
unchanged plain.db "$sum"

# Tracked.
expect 0 init new.db
sql new.db "UPDATE note SET title = 'ONE' WHERE id = 1"
is "$(sql new.db "SELECT val FROM crsql_changes WHERE cid = 'title' AND col_version = 2")" ONE
expect 5 sql --plain new.db "UPDATE note SET title = 'untracked'"
is "$(sql new.db 'SELECT title FROM note WHERE id = 1')" ONE
finish
