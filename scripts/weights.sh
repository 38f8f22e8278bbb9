#!/usr/bin/env bash
# Measures the weights of Quern's pallets on this machine and writes pallets/*/src/weights.rs. Builds
# the SDK's pallet benchmarking first, which takes a while. Run it on a quiet machine.
#
#   scripts/weights.sh [PALLET …]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
"$ROOT/scripts/setup.sh"
cd "$ROOT"
pallets=("$@")
((${#pallets[@]})) || pallets=(audits difficulty governance rewards tasks tickets work)

# Folders of their own: the benchmarks' features would otherwise recompile everything else.
tools=$(dirname "$CARGO_TARGET_DIR")/bencher
export OPENSSL_NO_VENDOR=1 SKIP_WASM_BUILD=1

# The versions that the node is built with.
cp Cargo.lock scripts/bencher/
(cd scripts/bencher && CARGO_TARGET_DIR=$tools/tool cargo build --release)

# The runtime alone and as WASM: natively it is not needed. The flags are those of substrate-wasm-builder.
flags='-C link-arg=--export=__heap_base -C link-arg=--import-memory -C link-arg=--export-table --cfg substrate_runtime'
CARGO_TARGET_DIR=$tools/runtime RUSTFLAGS=$flags cargo rustc --locked --release \
    --target wasm32v1-none -p quern-runtime --lib --crate-type cdylib \
    --no-default-features --features runtime-benchmarks

for pallet in "${pallets[@]}"; do
    "$tools/tool/release/quern-bencher" --runtime "$tools/runtime/wasm32v1-none/release/quern_runtime.wasm" \
        --genesis-builder-preset development --pallet "pallet_$pallet" --extrinsic '*' --steps 20 --repeat 10 \
        --template scripts/weights.hbs --output "pallets/$pallet/src/weights.rs"
    rustfmt --edition 2024 "pallets/$pallet/src/weights.rs"
done
