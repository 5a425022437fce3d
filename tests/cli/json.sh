#!/usr/bin/env bash
# --json of every command that the help names: whatever happens, standard output is valid JSON, or
# empty where the command failed, which one line on standard error tells.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || { echo 'skipped: python3 is not here'; exit 0; }
tried=()

# result CODE ARGUMENTS...: a result, which is JSON; one document a line with --watch.
result() {
  json "$@"
  tried+=("$2")
  checks=$((checks + 1))
  [ -s out ] || fail 'no result'
}
# told CODE ARGUMENTS...: what is wrong is the result, or part of it, and a line on standard error.
told() {
  json "$@"
  tried+=("$2")
  one_line_error
}

# failure CODE ARGUMENTS...: no result.
failure() {
  expect "$@" --json
  tried+=("$2")
  empty out
  one_line_error
  lacks err '{'
}

make_db bad.db 'CREATE TABLE nokey(x)'
# shellcheck disable=SC2154 # schema: lib.sh has it
make_db a.db "$schema; CREATE TABLE \"odd \"\"name
\\ü\"(\"k\"\"\" TEXT PRIMARY KEY NOT NULL)"
make_db b.db "$schema"
make_db plain.db "$schema"
echo 'no database' >text.db
: >empty

result 0 init a.db
result 0 init a.db note
result 0 init b.db
told 1 init bad.db
failure 3 init text.db
told 1 init a.db nosuch
sql a.db "INSERT INTO note VALUES(1, 'a' || char(0, 7, 10) || '\"\\ü' || x'ff', x'00ff', 9e999), (2, 'two', NULL, -0.0)"
token=$(sql a.db 'SELECT crsql_token()')

for command in status log check; do
  result 0 $command a.db
  failure 3 $command text.db
  failure 3 $command missing.db
done
result 0 log a.db --table note --key 1
failure 1 log a.db --table note --key 7
result 0 clone a.db cloned.db
failure 1 clone a.db cloned.db
failure 3 clone missing.db other.db
failure 1 status plain.db
failure 2 status
failure 2 status a.db --frobnicate
result 0 check plain.db
sql --plain b.db "PRAGMA foreign_keys = OFF" >out
sql b.db "INSERT INTO tag VALUES(99, 'dangling')"
result 1 check b.db

result 1 diff a.db b.db
result 0 diff a.db a.db
failure 1 diff a.db plain.db
result 1 sync a.db b.db --dry-run
result 1 sync a.db b.db # a table is kept for later
failure 3 sync a.db text.db
failure 2 sync a.db a.db
failure 2 sync a.db
result 1 sync a.db --exec "'$TRIBUTARY' session b.db --json 2>session"
tried+=(session)
checks=$((checks + 1))
python3 -m json.tool session >/dev/null || fail 'session: no valid JSON'
result 1 sync a.db --exec "'$TRIBUTARY' session b.db" --dry-run
failure 5 sync a.db --exec false
failure 3 sync a.db tcp://127.0.0.1:1
failure 3 session missing.db --listen 0
failure 2 session a.db --listen here
# What it says while it runs is a log of JSON lines: tests/hub/.
failure 2 serve
failure 3 serve --dir /proc/none/rooms --listen 0
result 0 sync a.db --folder F
result 0 sync a.db --folder F --dry-run
failure 3 sync a.db --folder no/such

result 0 backup a.db --to B
result 0 backup a.db --to B
failure 2 backup a.db
failure 1 backup plain.db --to B
result 0 restore B --to new.db --dry-run
result 0 restore B --to new.db --at "$token"
failure 1 restore B --to new.db
failure 3 restore missing --to x.db
failure 2 restore B --to x.db --at garbage
result 0 inspect B
result 0 inspect "$(find B -name '1-*.trib')" --content
result 0 inspect "$(find B -name 'schema*.trib')"
failure 3 inspect missing
told 1 inspect empty
told 1 inspect text.db
result 0 wait a.db "$token"
result 1 wait b.db "$(sql new.db "INSERT INTO note VALUES(5, 'n', NULL, 1); SELECT crsql_token()")" --for 0
failure 2 wait a.db garbage
failure 3 wait missing.db "$token"

result 0 sql a.db 'SELECT * FROM note; SELECT 1 WHERE 0; DELETE FROM tag WHERE 0'
result 0 sql a.db "SELECT CAST(x'ff22005c' AS TEXT), 1e308 * 10, -1e308 * 10, 0.1, 9223372036854775807, x'', NULL, '' AS \"k\"\"\""
result 0 sql a.db ''
failure 3 sql missing.db 'SELECT 1'
told 5 sql a.db 'SELECT nosuch'
told 5 sql a.db 'SELECT 1; SELECT nosuch'
field 'j' "[[{'1': 1}]]"

expect 0 --version --json
checks=$((checks + 1))
python3 -m json.tool out >/dev/null || fail 'version: no valid JSON'

# Watching: a document for each round, each on its own line.
"$TRIBUTARY" backup a.db --to W --watch --json >watched 2>err &
watcher=$!
sleep 0.3
sql --timeout 20 a.db "UPDATE note SET stars = 3"
for _ in $(seq 100); do
  [ "$(wc -l <watched)" -ge 2 ] && break
  sleep 0.1
done
kill $watcher
wait $watcher
is $? 0
checks=$((checks + 1))
[ "$(wc -l <watched)" -ge 2 ] || fail 'no second document'
while read -r line; do
  checks=$((checks + 1))
  python3 -m json.tool <<<"$line" >/dev/null || fail "no valid JSON: $line"
done <watched

# All that the help names was tried.
expect 0 help
named=$(sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p' out | sort)
checks=$((checks + 1))
[ "$(wc -w <<<"$named")" -ge 13 ] || fail 'the help names no commands'
is "$(printf '%s\n' "${tried[@]}" | sort -u)" "$named"
finish
