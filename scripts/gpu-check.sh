#!/usr/bin/env bash
# Tests and measures the CUDA backend on a machine with a GPU that may have no Rust, no network and no checkout.
#
#   scripts/gpu-check.sh pack [FOLDER]    builds, and collects what the other machine needs in FOLDER
#   FOLDER/gpu-check.sh run [FIGURES]     there: tests, measures, and writes the figures as Markdown to FIGURES
#
# FOLDER is by default gpu-check below the compiled files, FIGURES FOLDER/figures.md. The other machine needs NVIDIA's driver, and
# either NVRTC's library or nvcc. QUERN_TESTS and QUERN_WORKER name binaries to pack instead of building them.
set -euo pipefail

# What a pack may weigh, MiB.
LARGEST=60

usage() {
    sed -n '2,/^[^#]/ s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
}

fail() {
    echo "gpu-check: $*" >&2
    exit 1
}

pack() {
    source "$(dirname "${BASH_SOURCE[0]}")/env.sh"
    local folder=${1:-$CARGO_TARGET_DIR/gpu-check}
    local tests=${QUERN_TESTS-} worker=${QUERN_WORKER-}
    if [[ -z $tests || -z $worker ]]; then
        # All of the workspace, as scripts/test.sh does it: nothing is compiled twice.
        "$ROOT/scripts/build.sh"
        local built
        built=$(cd "$ROOT" && cargo test --locked --release --workspace --no-run 2>&1) || fail "$built"
        tests=$(sed -n 's|.*Executable unittests src/lib.rs (\(.*/quern_worker-[0-9a-f]*\)).*|\1|p' <<<"$built")
        [[ -n $tests ]] || fail "no test binary of quern-worker among: $built"
        # Relative to the repository's root.
        [[ $tests == /* ]] || tests=$ROOT/$tests
        worker=$BIN/quern-worker
    fi
    mkdir -p "$folder/kernels"
    install -m 755 "$tests" "$folder/quern-worker-tests"
    install -m 755 "$worker" "$folder/quern-worker"
    strip "$folder/quern-worker-tests" "$folder/quern-worker"
    install -m 644 "$ROOT"/ml-worker/kernels/*.cu "$ROOT"/ml-worker/kernels/*.cuh "$folder/kernels/"
    install -m 755 "$ROOT/scripts/gpu-check.sh" "$folder/gpu-check.sh"
    local size
    size=$(du -sm "$folder" | cut -f1)
    echo "$folder: $size MiB"
    ((size <= LARGEST)) || fail "that is more than $LARGEST MiB"
}

# Whether NVRTC's library can be loaded.
has_nvrtc() {
    python3 - <<'PYTHON' 2>/dev/null
import ctypes
for name in ["libnvrtc.so"] + [f"libnvrtc.so.{major}" for major in (13, 12)]:
    try:
        ctypes.CDLL(name)
        raise SystemExit(0)
    except OSError:
        pass
raise SystemExit(1)
PYTHON
}

run() {
    local folder figures
    folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
    [[ -x $folder/quern-worker-tests ]] || fail "run the gpu-check.sh of a pack: see scripts/gpu-check.sh pack"
    figures=${1:-$folder/figures.md}
    # `cuda:0` must be the GPU that nvidia-smi names first.
    export CUDA_DEVICE_ORDER=PCI_BUS_ID
    local gpu
    gpu=$(nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader --id=0) || fail "nvidia-smi finds no GPU: $gpu"

    local libraries=(/usr/local/cuda/lib64 /usr/local/cuda/targets/*/lib)
    while IFS= read -r place; do libraries+=("$place"); done < <(python3 - <<'PYTHON' 2>/dev/null
import glob, site
for root in site.getsitepackages() + [site.getusersitepackages()]:
    for place in glob.glob(root + "/nvidia/*/lib"):
        print(place)
PYTHON
    )
    local place
    for place in "${libraries[@]}"; do
        [[ -d $place ]] && export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$place
    done
    # Kernels compiled here and now, not ones kept from another day.
    XDG_CACHE_HOME=$(mktemp -d)
    export XDG_CACHE_HOME
    trap 'rm -rf "$XDG_CACHE_HOME"' EXIT
    local how="NVRTC"
    if ! has_nvrtc; then
        command -v nvcc >/dev/null || PATH=$PATH:/usr/local/cuda/bin
        command -v nvcc >/dev/null || fail "neither NVRTC's library nor nvcc is on this machine"
        local capability=${gpu##*, }
        how="nvcc"
        # Three stages where a multiprocessor has room for two blocks with as many, as the worker has it.
        local stages=2
        [[ $capability != 9.0 ]] || stages=3
        nvcc -std=c++17 -ptx -arch="compute_${capability/./}" -DSTAGES=$stages \
            -o "$XDG_CACHE_HOME/quern.ptx" "$folder/kernels/quern.cu" || fail "nvcc refuses the kernels"
        export QUERN_KERNELS=$XDG_CACHE_HOME/quern.ptx
    fi

    echo "== tests on $gpu, kernels compiled by $how"
    local failed=0
    # A test that would skip for want of a GPU fails instead. One at a time, so that they do not wait for each other's products.
    QUERN_GPU=1 "$folder/quern-worker-tests" a_gpu --test-threads 1 || failed=1
    ((failed == 0)) || fail "the GPU does not give the CPU's bits: see above"

    echo "== figures, to $figures"
    {
        echo "# The CUDA backend on $gpu"
        echo
        echo "Kernels compiled by $how; $(nproc) processors, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)."
        echo
        "$folder/quern-worker" bench --device cuda:0 --threads "$(nproc)" --seconds "${SECONDS_EACH:-2}"
    } >"$figures" || failed=1
    cat "$figures"
    ((failed == 0)) || fail "not everything could be measured: see above"
}

case ${1-} in
pack) shift && pack "$@" ;;
run) shift && run "$@" ;;
*) usage ;;
esac
