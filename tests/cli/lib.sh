# shellcheck shell=bash
# Read by the test scripts of the command line. Environment: TRIBUTARY (the program), TRIBUTARY_SO,
# TRIBUTARY_SOURCE (the repository), SHARED_DATA (test databases, optional). Each script works in a
# folder of its own and ends with `finish`.
set -uo pipefail
: "${TRIBUTARY:?is the path of the tributary program}"
source_dir=${TRIBUTARY_SOURCE:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
if [ -z "${SHARED_DATA:-}" ] && [ -d "$source_dir/../shared/data" ]; then
  SHARED_DATA=$(cd "$source_dir/../shared/data" && pwd)
fi
work=$(mktemp -d)
servers=() # what serve has started and may still run
clean_up() {
  [ ${#servers[@]} = 0 ] || kill "${servers[@]}" 2>/dev/null
  rm -rf "$work"
}
trap clean_up EXIT
cd "$work" || exit 1
unset NO_COLOR
failures=0 checks=0

fail() {
  failures=$((failures + 1))
  printf 'FAIL line %s: %s\n' "${BASH_LINENO[-2]}" "$*"
  [ ! -s out ] || sed 's/^/  out: /' out | head -20
  [ ! -s err ] || sed 's/^/  err: /' err | head -20
}

# expect CODE ARGUMENTS...: runs the tool; its output is in the files out and err.
expect() {
  local want=$1 got
  shift
  checks=$((checks + 1))
  "$TRIBUTARY" "$@" >out 2>err </dev/null
  got=$?
  [ "$got" = "$want" ] || fail "tributary $* ended with $got, not $want"
}

has() { # has FILE TEXT
  checks=$((checks + 1))
  grep -qF -- "$2" "$1" || fail "no '$2' in $1"
}

lacks() {
  checks=$((checks + 1))
  ! grep -qF -- "$2" "$1" || fail "'$2' in $1"
}

is() { # is GOT WANT
  checks=$((checks + 1))
  [ "$1" = "$2" ] || fail "got '$1', not '$2'"
}

one_line_error() { is "$(wc -l <err)" 1; }
empty() { is "$(cat "$1")" ''; }

# json CODE ARGUMENTS...: like expect, with --json, whose output must be valid.
json() {
  local want=$1
  shift
  expect "$want" "$@" --json
  checks=$((checks + 1))
  if command -v python3 >/dev/null; then python3 -m json.tool out >/dev/null || fail "no valid JSON"; fi
}

# field EXPRESSION: of the JSON in out, as Python sees it in `j`. The second argument is expected.
field() {
  command -v python3 >/dev/null || return 0
  is "$(python3 -c 'import json, sys; j = json.load(open("out")); print(eval(sys.argv[1]))' "$1" 2>&1)" "$2"
}

# sql DB SQL: prints the raw result; must succeed.
sql() {
  "$TRIBUTARY" sql --raw "$@" 2>err </dev/null || fail "sql: $*"
}

digest() { sql "$1" 'SELECT crsql_digest()'; }
equal() { is "$(digest "$1")" "$(digest "$2")"; }

# until_true SECONDS COMMAND...: waits for it to succeed.
until_true() {
  local tries=$(($1 * 20))
  shift
  checks=$((checks + 1))
  while ! "$@"; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { fail "still not: $*"; return; }
    sleep 0.05
  done
}

# make NAME SQL: a plain database.
make_db() {
  rm -f "$1"
  "$TRIBUTARY" sql -q --create --plain "$1" "$2" 2>err </dev/null || fail "cannot make $1"
}

schema='CREATE TABLE note(id INTEGER PRIMARY KEY NOT NULL, title TEXT NOT NULL, body TEXT, stars REAL);
  CREATE TABLE tag(note INTEGER NOT NULL REFERENCES note(id), name TEXT NOT NULL, PRIMARY KEY(note, name));'

# replicas NAME...: databases with that schema, initialised; the first has content for the others.
replicas() {
  local name
  for name in "$@"; do
    make_db "$name" "$schema"
    "$TRIBUTARY" init -q "$name" 2>err || fail "init $name"
  done
}

checksum() { sha256sum <"$1"; }

# unchanged FILE SUM: byte for byte, and no litter beside it.
unchanged() {
  is "$(checksum "$1")" "$2"
  is "$(compgen -G "$1-*")" ''
}

# serve DB [OPTIONS]: a session that listens; sets port and server, and writes to served.
serve() {
  : >served # of an earlier one
  "$TRIBUTARY" session "$@" --listen 0 2>served </dev/null &
  server=$!
  servers+=("$server")
  for _ in $(seq 100); do
    port=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' served)
    [ -z "$port" ] || return 0
    sleep 0.1
  done
  fail "session $* does not listen"
}

stop_server() {
  kill "$server"
  wait "$server"
  is $? 0
}

finish() {
  if [ "$failures" -gt 0 ]; then
    echo "$failures of $checks checks failed"
    exit 1
  fi
  echo "$checks checks"
}
