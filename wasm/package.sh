#!/usr/bin/env bash
# Puts the npm package together in build/wasm, from what CMake and npm have put beside it, and says
# how large it is. Called by ./run wasm.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=build/wasm
tsc=build/wasm-tools/node_modules/.bin/tsc

rm -rf $out.new && mkdir -p $out.new
# Comments are for those who read the types.
"$tsc" -p wasm --outDir $out.new --removeComments --declaration false
"$tsc" -p wasm --outDir $out.new --emitDeclarationOnly
cp build/wasm-objects/wasm/tributary.wasm wasm/package.json wasm/README.md LICENSE $out.new/
rm -rf $out
mv $out.new $out

size() { cat "$@" | gzip -9 | wc -c; }
mapfile -t scripts < <(find $out -name '*.js' ! -name '*node*' ! -name 'react.js' | sort)
printf 'build/wasm: tributary.wasm %d bytes with gzip -9, scripts %d\n' \
  "$(size $out/tributary.wasm)" "$(size "${scripts[@]}")"
