#!/usr/bin/env bash
# The examples: each does what it says, and is under 150 lines.
# shellcheck source=tests/cli/lib.sh
source "$(dirname "$0")/lib.sh"

while IFS= read -r file; do
  checks=$((checks + 1))
  [ "$(wc -l <"$file")" -lt 150 ] || fail "$file has 150 lines or more"
done < <(find "$source_dir/examples" -type f ! -name '*.md')

if [ ! -f "${TRIBUTARY_SO:-}" ]; then # a sanitizer build has none
  echo 'skipped: no tributary.so'
  finish
  exit
fi

if command -v cc >/dev/null && echo '#include <sqlite3.h>' | cc -E - >/dev/null 2>&1; then
  checks=$((checks + 1))
  cc -Wall -Wextra -Werror -o two_copies "$source_dir/examples/c/two_copies.c" -lsqlite3 2>err || fail 'C does not compile'
  ./two_copies "$TRIBUTARY_SO" >out 2>err || fail 'the C example failed'
  is "$(sed -n 's/^both  *: *//p' out | sort -u)" 'oat milk (done); tea;'
else
  echo 'skipped: no C compiler, or no sqlite3.h'
fi

if /usr/bin/python3 -c 'import sqlite3; sqlite3.connect(":memory:").enable_load_extension(True)' 2>/dev/null; then
  checks=$((checks + 1))
  /usr/bin/python3 "$source_dir/examples/python/shopping_list.py" "$TRIBUTARY_SO" >out 2>err || fail 'the Python example failed'
  has out "('milk', 3, 'market')"
  has out "('tea', 1, 'market')"
  lacks out 'soap'
  has out 'all three are equal'
else
  echo 'skipped: no python3 that may load extensions'
fi
finish
