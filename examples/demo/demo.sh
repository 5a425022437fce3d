#!/usr/bin/env bash
# Three copies of a real database, edited apart, become one. Run by `./run demo [DB]`.
#
#   demo.sh         the world's countries, subdivisions, languages, currencies and scripts
#   demo.sh DB      a copy of your own database; DB itself is only read
#
# TRIBUTARY_BUILD: folder of the tributary program. TRIBUTARY_BENCH: the benchmark, optional.
# TRIBUTARY_DEMO_DIR: where the copies go and stay; without it a folder that is removed at the end.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
original=${1:-}
tributary=$(cd "${TRIBUTARY_BUILD:?is the folder of the tributary program}" && pwd)/tributary
[ -x "$tributary" ] || { echo "demo: there is no $tributary" >&2; exit 1; }
case $original in '' | /*) ;; *) original=$PWD/$original ;; esac
if [ -n "${TRIBUTARY_DEMO_DIR:-}" ]; then
  mkdir -p "$TRIBUTARY_DEMO_DIR"
  cd "$TRIBUTARY_DEMO_DIR"
  rm -f {plain,alice,bob,carol}.db{,-journal,-wal,-shm}
else
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
fi

bold='' dim='' reset='' colors=(--color never)
declare -A color_of=([alice]='' [bob]='' [carol]='')
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-}" != dumb ]; then
  bold=$'\033[1;36m' dim=$'\033[2m' reset=$'\033[0m' colors=(--color always)
  color_of=([alice]=$'\033[35m' [bob]=$'\033[33m' [carol]=$'\033[34m')
fi
title() { printf '\n%s%s%s\n' "$bold" "$*" "$reset"; }
note() { printf '%s%s%s\n' "$dim" "$*" "$reset"; }
show() { # a command as the user would type it, then its result
  local words=() word
  for word in "$@"; do
    case $word in *' '*) words+=("\"$word\"") ;; *) words+=("$word") ;; esac
  done
  printf '%s$ tributary %s%s\n' "$dim" "${words[*]}" "$reset"
  "$tributary" "$@" "${colors[@]}"
}
raw() { "$tributary" sql --raw --readonly "$@"; }

# edit COPY SQL [WORDS]: one edit, in a transaction of its own, with foreign keys enforced. What is
# printed is the SQL, or the words.
edit() {
  printf '  %s%-6s%s %s\n' "${color_of[$1]}" "$1" "$reset" "${3:-$2}"
  "$tributary" sql -q "$1.db" "PRAGMA foreign_keys = ON; $2" 2>error ||
    note "         not possible here: $(sed 's/^tributary: //' error)"
}

# All that makes the structure of a database, as SQL, without its contents.
structure=$(
  cat <<'SQL'
SELECT sql || ';' FROM sqlite_schema AS s
WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name NOT LIKE '%crsql\_%' ESCAPE '\'
  AND NOT EXISTS (SELECT 1 FROM pragma_table_list AS l WHERE l.name = s.name AND l.type = 'shadow')
ORDER BY type = 'view', type = 'trigger', type = 'index', rowid
SQL
)

# shellcheck source=examples/demo/edits.sh
source "$here/edits.sh"

title '1. A database that was never made for sync'
if [ -n "$original" ]; then
  raw "$original" 'SELECT 1' >/dev/null # says what is wrong with it, if anything is
  "$tributary" sql -q --readonly --plain "$original" "VACUUM INTO 'plain.db'"
  note "a copy of $original"
else
  "$tributary" sql -q --create --plain plain.db <"$here/iso_codes.sql"
  note "built from Debian's iso-codes"
fi
cp plain.db alice.db
show init alice.db || [ $? = 1 ] # 1: some tables were refused, and it says why
tables=$(raw alice.db "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%\_\_crsql\_itrig' ESCAPE '\\'")
[ "$tables" -gt 0 ] || { echo 'demo: no table of it can be replicated' >&2; exit 1; }

title '2. Two more copies: the same tables, empty, and a first sync'
encoding=$(raw plain.db 'PRAGMA encoding')
for copy in bob carol; do
  { echo "PRAGMA encoding = '$encoding';"; raw plain.db "$structure"; } | "$tributary" sql -q --create --plain $copy.db
  "$tributary" init -q $copy.db || [ $? = 1 ]
  show sync alice.db $copy.db
done

title '3. Each is edited on its own: offline, at the same time'
if [ -n "$original" ]; then edit_any; else edit_world; fi

title '4. They meet, in a ring: who changed the same thing, who won, and why'
note 'every copy decides alike, in whatever order they meet'
for pair in 'alice bob' 'bob carol' 'carol alice'; do
  read -r one other <<<"$pair"
  show sync "$one.db" "$other.db" --conflicts 20
done

title '5. All three are one'
show diff alice.db bob.db
show diff bob.db carol.db
digests=$(for copy in alice bob carol; do raw $copy.db 'SELECT crsql_digest()'; done | sort -u)
[ "$(wc -l <<<"$digests")" = 1 ] || { echo "demo: the digests differ: $digests" >&2; exit 1; }
echo "one digest for all: $digests"
if [ -z "$original" ]; then show_world; mend_world; fi
for copy in alice bob carol; do
  "$tributary" sql --raw --readonly $copy.db 'SELECT "table", problem FROM crsql_check' >problems
  [ ! -s problems ] || { echo "demo: problems in $copy.db" >&2; cat problems >&2; exit 1; }
done

if [ -x "${TRIBUTARY_BENCH:-}" ]; then
  title '6. What it costs, against plain SQLite (small; ./run bench has the whole table)'
  "$TRIBUTARY_BENCH" --quick
fi
