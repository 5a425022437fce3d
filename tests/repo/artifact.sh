#!/usr/bin/env bash
# tributary.so as a stranger's process gets it: exports only its entry points, needs only the C
# library, is under 900 KB stripped. The other products exist,
# and a C program links the static library.
set -u
so=$TRIBUTARY_SO
bad=0
fail() { echo "FAIL: $*"; bad=1; }

exports=$(nm -D --defined-only "$so" | awk '{print $NF}' | sort | tr '\n' ' ')
[ "$exports" = 'sqlite3_crsqlite_init sqlite3_tributary_init ' ] || fail "exports: $exports"

needed=$(readelf -d "$so" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
for library in $needed; do
  case $library in libc.so.* | libm.so.* | ld-linux*) ;; *) fail "needs $library" ;; esac
done

stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
strip -o "$stripped" "$so"
size=$(stat -c %s "$stripped")
[ "$size" -lt $((900 * 1024)) ] || fail "$size bytes stripped, the limit is 900 KB"

echo "exports: $exports; needs: ${needed//$'\n'/ }; $size bytes stripped"
for file in libtributary.a tributary include/tributary.h; do
  [ -e "$TRIBUTARY_BUILD/$file" ] || fail "$file was not built"
done

# A C program that links the one archive, its own SQLite and the C++ runtime.
dir=$(mktemp -d)
trap 'rm -rf "$stripped" "$dir"' EXIT
cat >"$dir/consumer.c" <<'C'
#include <sqlite3.h>
#include <stdio.h>
#include "tributary.h"

int main(void) {
  sqlite3* db;
  char* error = NULL;
  if (sqlite3_open(":memory:", &db) != SQLITE_OK) return 1;
  if (sqlite3_tributary_init(db, &error, NULL) != SQLITE_OK) {
    fprintf(stderr, "%s\n", error ? error : "init failed");
    return 1;
  }
  return sqlite3_close(db);
}
C
consume() {
  cc -Wall -Werror -I"$TRIBUTARY_BUILD/include" -I"$TRIBUTARY_BUILD/../deps/sqlite" "$dir/consumer.c" \
    "$TRIBUTARY_BUILD/libtributary.a" "$TRIBUTARY_BUILD/libtributary_sqlite.a" \
    -lstdc++ -lm -lpthread -ldl -o "$dir/consumer" && "$dir/consumer"
}
consume || fail 'a C program that links libtributary.a'
exit $bad
