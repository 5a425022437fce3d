#!/usr/bin/env bash
# The benchmark's command line and tables; its figures mean nothing here, so few rows are enough.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

if [ ! -x "${TRIBUTARY_BENCH:-}" ]; then
  echo 'skipped: tributary_bench is not built'
  exit 0
fi
TRIBUTARY=$TRIBUTARY_BENCH # what `expect` runs
scratch=$work/scratch
mkdir "$scratch"
export TMPDIR=$scratch

expect 0 --help
has out 'usage: tributary_bench'
has out '--growth'

# A table of Markdown that a terminal of 80 columns can show; nothing is left behind.
table() { # table COLUMNS LINES
  checks=$((checks + 3))
  ! grep -E '^.{81}' out || fail 'wider than 80 columns'
  is "$(grep '^|' out | tr -cd '|\n' | awk '{print length}' | sort -u)" $(($1 + 1))
  is "$(grep -c '^|' out)" "$2"
  is "$(ls -A "$scratch")" ''
  empty err
}
expect 0 --n 1000 --reps 1 --dir "$scratch" --json "$work/all.json"
table 5 26
has out '| 1,000 rows '
has out '| 1.4/2/1.3 |'
has out '| 1.8 todo  |'
mv "$work/all.json" out
if command -v python3 >/dev/null; then
  field 'len(j["results"]), j["failures"]' '(70, [])'
fi
expect 0 --n 2000,1000,2000 --shapes narrow,narrow --reps 1 --dir "$scratch"
table 3 25
has out '|        1,000 |        2,000 |'
expect 0 --n=1000 --shapes=todo --reps=1 --absolute --dir="$scratch"
has out '| todo, 1,000 rows '
checks=$((checks + 1))
! grep -E '^.{81}' out || fail 'wider than 80 columns'
expect 0 --n 1000 --reps 1 --triggers --dir "$scratch"
table 5 13
has out 'Empty triggers against plain SQLite'
has out '| open and read, 20 tables '

# What is wrong is said at once, in a line.
refuses() { # refuses TEXT ARGUMENTS...
  local text=$1
  shift
  expect 2 "$@"
  one_line_error
  empty out
  has err "$text"
}
refuses 'unknown option --frob' --frob
refuses 'unexpected argument todo' todo
refuses '--n needs a value' --n
refuses "bad value for --n: '5'" --n 5
refuses "bad value for --n: '1000,2000,3000,4000'" --n 1000,2000,3000,4000
refuses "bad value for --shapes: 'tall'" --shapes tall
refuses "bad value for --reps: '0'" --reps 0
refuses '--quick takes no value' --quick=1
refuses 'only one of' --quick --growth
refuses 'no-folder' --dir "$work/no-folder"
refuses 'cannot write' --json "$work/no-folder/x.json"
if [ -n "${TRIBUTARY_SO:-}" ]; then refuses 'no extension to measure' --so "$work/none.so"; fi

# Stopped, it prints what there is and removes its files.
"$TRIBUTARY_BENCH" --n 100000 --dir "$scratch" >out 2>err &
sleep 1
kill -INT $! # bash makes a background program ignore SIGINT, unless it sets a handler
wait $!
is $? 1
has out 'interrupted'
is "$(ls -A "$scratch")" ''

finish
