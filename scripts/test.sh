#!/usr/bin/env bash
# Runs every test: unit, property and golden-vector tests, and the end-to-end tests that drive the
# real binaries. Arguments go to the tests: `scripts/test.sh a_seal` runs those whose name has it.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
"$ROOT/scripts/build.sh"
cd "$ROOT"

# Seals are also checked by the executable specification, which needs Python with numpy and blake3.
# Where they cannot be had, that test skips.
if [[ -z ${QUERN_PYTHON-} ]]; then
    venv=$(dirname "$CARGO_TARGET_DIR")/venv
    if [[ ! -x $venv/bin/python ]] && command -v python3 >/dev/null; then
        { python3 -m venv "$venv" && "$venv/bin/python" -m pip install -q --retries 0 numpy blake3; } ||
            rm -rf "$venv"
    fi
    if [[ -x $venv/bin/python ]]; then
        export QUERN_PYTHON=$venv/bin/python
    fi
fi

cargo test --locked --release --workspace -- "$@"
