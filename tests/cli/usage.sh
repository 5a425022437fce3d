#!/usr/bin/env bash
# The command line itself: help, version, options, suggestions, files that are no database.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

expect 0 --help
for command in init sync session clone status log diff check sql backup restore inspect wait; do
  has out "  $command"
done
has out 'Exit codes'
for command in init sync session clone status log diff check sql backup restore inspect wait; do
  for help in "$command --help" "--help $command" "help $command" "$command -h"; do
    # shellcheck disable=SC2086
    expect 0 $help
  done
  has out 'Examples:'
  has out "tributary $command"
done
checks=$((checks + 1))
for command in init sync session clone status log diff check sql backup restore inspect wait; do "$TRIBUTARY" $command --help; done >out
! grep -E '^.{81}' out || fail 'help is wider than 80 columns'
expect 0 --version
has out 'SQLite 3.'
lacks out $'\033'
expect 0 --help --color=always
has out $'\033'
NO_COLOR=1 expect 0 --help
lacks out $'\033'

expect 2
one_line_error
expect 2 stats x.db
has err 'did you mean status?'
expect 2 frobnicate
has err 'tributary --help'
expect 2 log x.db --sinc 3
has err 'did you mean --since?'
expect 2 log x.db --frobnicate
has err 'unknown option --frobnicate; see --help'
expect 2 log x.db --since
has err 'needs a value'
expect 2 log x.db --since many
has err "'many'"
expect 2 status x.db --timeout soon
expect 2 status x.db --color sometimes
expect 2 status --json=yes x.db
expect 2 status
has err 'missing argument'
expect 2 status a.db b.db
has err 'too many arguments'
expect 2 sync a.db
expect 2 sql x.db --create --readonly 'SELECT 1'
expect 2 log x.db --site xyz
is "$(ls)" "$(printf 'err\nout')" # none of these made a file

# Files that are no database, for every command: one line, exit code 3, nothing made or changed.
echo 'this is a text, longer than the header of a database' >text.db
head -c 8192 /dev/urandom >noise.db
: >empty.db
mkdir folder.db
make_db good.db "$schema"
head -c 100 good.db >short.db
{ head -c 16 good.db; head -c 8000 /dev/zero; } >header.db
for file in missing.db text.db noise.db empty.db folder.db short.db header.db ''; do
  sum=$([ ! -f "$file" ] || checksum "$file")
  for command in init status log check; do
    expect 3 "$command" "$file"
    one_line_error
    empty out
  done
  for command in sync diff; do
    expect 3 "$command" "$file" "$file"
    one_line_error
  done
  expect 3 sql "$file" 'SELECT 1'
  if [ -f "$file" ]; then unchanged "$file" "$sum"; fi
  [ ! -e missing.db ] || fail 'missing.db was made'
done
has err 'name of the database is empty'
expect 3 init missing.db
has err 'missing.db: no such file'
expect 3 init --json missing.db
empty out
expect 3 sql --create folder/none.db 'SELECT 1'

expect 3 status empty.db
has err 'is an empty file'

# A plain database is refused by what needs a replicated one, unchanged.
sum=$(checksum good.db)
for command in status log; do
  expect 1 "$command" good.db
  has err 'tributary init good.db'
  one_line_error
done
expect 1 sync good.db good.db
expect 1 diff good.db good.db
expect 0 check good.db
unchanged good.db "$sum"

# What is not what it was taken for, and what to give instead.
expect 2 good.db
has err 'tributary status good.db'
expect 0 help --json
cp good.db one.db
expect 0 init one.db
mkdir shared
expect 3 sync one.db shared
has err '--folder shared'
for elsewhere in ssh://host/one.db host:one.db 127.0.0.1:4567; do
  expect 3 sync one.db "$elsewhere"
  has err "$elsewhere: no such file"
  has err '--exec'
done
expect 3 sync one.db tcp://127.0.0.1:1
has err '--listen'
expect 3 session one.db --listen 1.2.3.4:1
has err 'an address of this machine'
for option in --watch --snapshot --verify --poll=1 --every=1; do
  expect 2 sync one.db good.db $option
  has err 'goes with --folder only'
done
expect 2 sync one.db --folder shared --exec true
has err 'not both'
expect 2 backup one.db --to shared --every 3
has err 'goes with --watch only'
for command in 'sync one.db --folder' 'backup one.db --to'; do
  # shellcheck disable=SC2086
  expect 3 $command text.db
  has err 'text.db: is a file, not a folder'
  # shellcheck disable=SC2086
  expect 3 $command no/such/folder
  has err 'no/such/folder: cannot make'
done
expect 3 restore text.db --to x.db
has err 'text.db: is a file, not a folder'
expect 3 restore shared --to no/such/x.db
has err 'no/such/x.db: cannot make the file'
expect 1 inspect good.db
has err 'see tributary status'
is "$(ls shared)" ''

# Names of files: spaces, dashes, what SQLite reads in a special way, without and with --.
for name in 'with space.db' ":memory:" 'file:x.db?mode=memory' '-dash.db' "quo'te\".db" 'ümläut.db'; do
  cp good.db "./$name"
  expect 0 init -- "$name"
  expect 0 status -q -- "$name"
  empty out
  [ -e "./$name" ] || fail "$name is not there"
done
expect 0 --quiet status -- -dash.db
expect 0 status ./-dash.db
expect 0 -- status ./-dash.db
finish
