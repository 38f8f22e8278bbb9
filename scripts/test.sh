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
        # The CUDA kernels are compiled by NVRTC, which needs no GPU. Where it cannot be had, that test skips.
        nvrtc=("$venv"/lib/python3*/site-packages/nvidia/cuda_nvrtc/lib)
        if [[ ! -d ${nvrtc[0]} && $(uname -m) == x86_64 ]]; then
            "$venv/bin/python" -m pip install -q --retries 0 nvidia-cuda-nvrtc-cu12 || true
            nvrtc=("$venv"/lib/python3*/site-packages/nvidia/cuda_nvrtc/lib)
        fi
        if [[ -d ${nvrtc[0]} ]]; then
            # Behind the machine's own, if it has one.
            export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}${nvrtc[0]}
        fi
    fi
fi

# The metadata is also read by a stock client library of JavaScript, which needs Node.js with npm. Where they cannot be had,
# that part of its test skips.
if [[ -z ${QUERN_NODE_MODULES-} ]]; then
    js=$(dirname "$CARGO_TARGET_DIR")/js
    if command -v npm >/dev/null && command -v node >/dev/null &&
        node -e 'process.exit(parseInt(process.versions.node) < 18)' &&
        ! cmp -s tests/js/package-lock.json "$js/installed.json"; then
        mkdir -p "$js"
        cp tests/js/package.json tests/js/package-lock.json "$js/"
        { npm --prefix "$js" ci --ignore-scripts --no-audit --no-fund --fetch-retries 0 >/dev/null &&
            cp "$js/package-lock.json" "$js/installed.json"; } || rm -rf "$js"
    fi
    if [[ -d $js/node_modules ]]; then
        export QUERN_NODE_MODULES=$js/node_modules
    fi
fi

cargo test --locked --release --workspace --no-fail-fast -- "$@"
