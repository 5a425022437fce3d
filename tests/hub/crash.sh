#!/usr/bin/env bash
# A hub that is killed again and again while clients sync: what a client was told is there is there.
# shellcheck source=tests/hub/lib_hub.sh
source "$(dirname "$0")/lib_hub.sh"

replicas a.db b.db
hub --rate 0
fixed=$port
# One row, one sync; who was told that all went well writes it down.
client() {
  local n
  for n in $(seq "$2" 2 400); do
    [ ! -e stop ] || return 0
    "$TRIBUTARY" sql -q "$1" "INSERT INTO note VALUES($n, 'row', NULL, NULL)" 2>/dev/null </dev/null
    "$TRIBUTARY" sync -q "$1" "$url/kills" </dev/null 2>/dev/null && echo "$n" >>"acked.$2"
  done
}
client a.db 1 &
first=$!
client b.db 2 &
second=$!
for pause in 0.31 0.17 0.42 0.05 0.23 0.37 0.11 0.29; do
  sleep $pause
  kill -9 "$hub"
  wait "$hub" 2>/dev/null
  : >hub.log
  "$TRIBUTARY" serve --dir rooms --listen "127.0.0.1:$fixed" --rate 0 2>>hub.log </dev/null &
  hub=$!
  servers+=("$hub")
done
sleep 0.3
touch stop
wait "$first" "$second"
kill -9 "$hub"
wait "$hub" 2>/dev/null
acked=$(cat acked.* | sort -n | paste -sd, -)
count=$(cat acked.* | wc -l)
echo "$count syncs that were acknowledged, 9 kills"
is "$((count > 10))" 1
is "$(sql rooms/kills.db "SELECT count(*) FROM note WHERE id IN ($acked)")" "$count"
expect 0 check rooms/kills.db

# And all of it comes together.
until_true 5 hub
expect 0 sync a.db "$url/kills"
expect 0 sync b.db "$url/kills"
expect 0 sync a.db "$url/kills"
equal a.db b.db
equal a.db rooms/kills.db
stop_hub
finish
