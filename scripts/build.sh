#!/usr/bin/env bash
# Builds every binary. Always the whole workspace, and with the tests' dependencies: one set of
# features for all, so that nothing is compiled twice.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
"$ROOT/scripts/setup.sh"
cd "$ROOT"
cargo build --locked --release --workspace --all-targets
