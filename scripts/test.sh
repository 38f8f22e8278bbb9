#!/usr/bin/env bash
# Runs every test: unit, property and golden-vector tests, and the end-to-end tests that drive the
# real binaries. Arguments go to the tests: `scripts/test.sh a_seal` runs those whose name has it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
"$ROOT/scripts/build.sh"
cd "$ROOT"
cargo test --locked --release --workspace -- "$@"
