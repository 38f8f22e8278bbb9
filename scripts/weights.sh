#!/usr/bin/env bash
# Measures the weights of Quern's pallets on this machine and writes pallets/*/src/weights.rs.
# Installs the SDK's frame-omni-bencher first, which takes a while. Run it on a quiet machine.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
"$ROOT/scripts/setup.sh"
cd "$ROOT"
tools=$(dirname "$CARGO_TARGET_DIR")/bencher
if [[ ! -x $tools/bin/frame-omni-bencher ]]; then
    CARGO_TARGET_DIR=$tools/target cargo install frame-omni-bencher --version 0.28.0 --locked --root "$tools"
fi
# Its own folder: the benchmarks' features would otherwise recompile everything else.
export CARGO_TARGET_DIR=$tools/runtime
cargo build --locked --release -p quern-runtime --features runtime-benchmarks
wasm=$CARGO_TARGET_DIR/release/wbuild/quern-runtime/quern_runtime.compact.compressed.wasm
for pallet in difficulty rewards work; do
    "$tools/bin/frame-omni-bencher" v1 benchmark pallet --runtime "$wasm" \
        --pallet "pallet_$pallet" --extrinsic '*' --steps 20 --repeat 10 \
        --template scripts/weights.hbs --output "pallets/$pallet/src/weights.rs" "$@"
done
cargo fmt -p pallet-difficulty -p pallet-rewards -p pallet-work
