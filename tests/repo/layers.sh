#!/usr/bin/env bash
# Who may include whom (the map in README.md). The compiler cannot tell, as all folders share one
# include root and Debian's sqlite3.h lies beside the C library's headers.
set -u
cd "${TRIBUTARY_SOURCE:-$(dirname "$0")/../..}" || exit 1
bad=0

# deny FOLDER REGEX WHY: no file of the folder may include what matches.
deny() {
  local hits
  hits=$(grep -rnE --include='*.h' --include='*.cc' "^ *# *include *[<\"]($2)" "$1" 2>/dev/null) || return 0
  echo "$3:"$'\n'"$hits"
  bad=1
}

deny crdt 'sqlite|ext/|sync/|tests/|google/protobuf' 'crdt/ must know neither SQLite nor the layers above'
deny crdt '(thread|mutex|random|fstream|chrono|filesystem|ctime|time\.h|unistd\.h)[>"]' 'crdt/ has no clock, I/O, threads or randomness'
deny ext 'sync/[^c]|sync/c[^h]|tests/|google/protobuf' 'ext/ may include crdt/, sync/changeset/, SQLite and Abseil'
deny sync/changeset 'sqlite|ext/|sync/cli|tests/' 'sync/changeset/ must know neither SQLite nor the layers above'
deny sync/folder 'sqlite|ext/|sync/cli|tests/' 'sync/folder/ must know neither SQLite nor the layers above'
deny sync/transport 'sqlite|ext/|sync/cli|tests/' 'sync/transport/ moves bytes: it must know neither SQLite nor the layers above'
deny sync/hub 'sync/cli|tests/' 'sync/hub/ must not know the command line'
deny sync/session 'ext/|sync/cli|sync/transport|tests/' 'sync/session/ must know neither the layers above nor how its bytes travel'
deny sync 'ext/([^t]|t[^r])|tests/' 'sync/ sees of ext/ only its public header'
deny wasm 'ext/([^t]|t[^r])|crdt/|sync/(cli|transport|folder)|tests/' 'wasm/ sees of ext/ only its public header, of sync/ only sessions'
for folder in crdt ext; do deny "$folder" 'iostream[>"]' 'iostream puts 440 KB of locale code into tributary.so'; done

hits=$(grep -rlE '^ *# *include *[<"]sqlite3' sync/session | grep -v '/sqlite_replica\.h$')
if [ -n "$hits" ]; then
  echo "of sync/session/ only sqlite_replica may talk to SQLite:"$'\n'"$hits"
  bad=1
fi
once=$(grep -rlE --include='*.h' --include='*.cc' '^ *# *include *[<"]sqlite3ext\.h' ext 2>/dev/null | wc -l)
if [ "$once" -gt 1 ]; then
  echo "sqlite3ext.h is to be included by one file of ext/, not by $once"
  bad=1
fi
exit $bad
