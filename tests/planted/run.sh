#!/usr/bin/env bash
# Plants one bug of bugs.txt at a time in a copy of the source and tells whether the quick tests or
# a short simulation catch it. Not part of ctest: it takes minutes for each.
#
#   tests/planted/run.sh              all
#   tests/planted/run.sh NAME...      only these
#   tests/planted/run.sh --check      only whether each still changes its file
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
# Always the same folder: ccache then has what the last run built.
work=$root/build/planted
mkdir -p "$root/build"
mkdir "$work" || { echo "another run is under way, or was killed: remove $work"; exit 1; }
trap 'rm -rf "$work"' EXIT
check=0
if [ "${1-}" = --check ]; then check=1 && shift; fi

# One copy, and one build folder, so that each bug rebuilds only what it touches.
for item in CMakeLists.txt CMakePresets.json crdt ext sync tests wasm examples; do
  [ -e "$root/$item" ] && cp -a "$root/$item" "$work/"
done
mkdir "$work/build"
ln -s "$(readlink -f "$root/build/deps")" "$work/build/deps"
cd "$work" || exit 1

build() {
  [ -d build/release ] || cmake --preset release >configure.log 2>&1 || return 1
  ninja -j1 -C build/release crdt_tests folder_tests session_tests ext_tests_pinned \
    fuzz_session sim faults_test >build.log 2>&1
}

# try SECONDS PROGRAM ARGUMENTS...: if it fails, prints its name and the first thing that it found.
try() {
  local seconds=$1 program=$2 code=0 found
  shift 2
  timeout "$seconds" "build/release/tests/$program" "$@" >test.log 2>&1 || code=$?
  [ $code = 0 ] && return 0
  found=$(sed -n 's/^\[  FAILED  \] \([^ ,]*\).*/\1/p; s/^\(FAILED: .*\)/\1/p' test.log | head -n 1)
  [ $code = 124 ] && found="time out after $seconds s"
  echo "$program (${found:-exit code $code})"
  return 1
}

caught() {
  try 120 crdt_tests && try 120 folder_tests && try 300 session_tests &&
    try 300 ext_tests_pinned && try 120 fuzz/fuzz_session && try 120 sim --seconds 20 &&
    try 300 faults_test --script short --points 1 && try 300 faults_test --script changesets
}

if [ $check = 0 ]; then
  build </dev/null || { tail -n 20 ./*.log; echo "the source as it is does not build"; exit 1; }
  by=$(caught </dev/null) || { echo "the source as it is fails already: $by"; exit 1; }
fi

uncaught=0
while IFS='|' read -r name file expression; do
  name=${name// /} file=${file// /}
  case $name in '' | '#'*) continue ;; esac
  if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then continue; fi
  cp -p "$file" original
  sed -i "${expression# }" "$file"
  if cmp -s "$file" original; then
    echo "$name: changes nothing, $file is another now"
    uncaught=$((uncaught + 1))
    continue
  fi
  if [ $check = 0 ]; then
    # A bug that does not build says nothing about the tests.
    if ! build </dev/null; then
      echo "$name: DOES NOT BUILD: $(grep -m 1 -E 'error|FAILED' build.log)"
      uncaught=$((uncaught + 1))
    elif by=$(caught </dev/null); then
      echo "$name: NOT CAUGHT"
      uncaught=$((uncaught + 1))
    else echo "$name: caught by $by"; fi
  fi
  cp original "$file"
done <"$root/tests/planted/bugs.txt"
[ $uncaught = 0 ]
