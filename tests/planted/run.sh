#!/usr/bin/env bash
# Plants one bug of bugs.txt at a time in a copy of the source and tells whether the quick tests or
# a short simulation catch it. Not part of ctest: it takes minutes for each.
#
#   tests/planted/run.sh              all
#   tests/planted/run.sh NAME...      only these
#   tests/planted/run.sh --check      only whether each still changes its file
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
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
  ninja -j1 -C build/release crdt_tests ext_tests_pinned sim faults_test >build.log 2>&1
}

caught() {
  local tests=build/release/tests
  timeout 120 $tests/crdt_tests >test.log 2>&1 || { echo crdt_tests; return; }
  timeout 300 $tests/ext_tests_pinned >test.log 2>&1 || { echo ext_tests_pinned; return; }
  timeout 120 $tests/sim --seconds 20 >test.log 2>&1 || { echo sim; return; }
  timeout 300 $tests/faults_test --script short --points 1 >test.log 2>&1 ||
    { echo faults_test; return; }
}

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
    by="the compiler"
    build </dev/null && by=$(caught </dev/null)
    if [ -n "$by" ]; then echo "$name: caught by $by"; else
      echo "$name: NOT CAUGHT"
      uncaught=$((uncaught + 1))
    fi
  fi
  cp original "$file"
done <"$root/tests/planted/bugs.txt"
[ $uncaught = 0 ]
