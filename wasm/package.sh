#!/usr/bin/env bash
# Puts the npm package together in build/wasm, from what CMake and npm have put beside it, and says
# how large it is. Called by ./run wasm.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
out=build/wasm

rm -rf $out.new && mkdir -p $out.new
tools=$PWD/build/wasm-tools/node_modules/.bin
"$tools/tsc" -p wasm --outDir $out.new --emitDeclarationOnly
# One file for each that is loaded by name: a worker that loads a dozen one after the other is slow.
"$tools/esbuild" wasm/src/{index,worker,node,worker_node,react}.ts --outdir=$out.new --bundle --format=esm \
  --target=es2022 --external:react '--external:node:*' --minify --sourcemap --log-level=warning
cp build/wasm-objects/wasm/tributary.wasm wasm/package.json wasm/README.md LICENSE $out.new/
rm -rf $out
mv $out.new $out

size() { cat "$@" | gzip -9 | wc -c; }
printf 'build/wasm: tributary.wasm %d bytes with gzip -9, scripts %d\n' \
  "$(size $out/tributary.wasm)" "$(size $out/index.js $out/worker.js)"
