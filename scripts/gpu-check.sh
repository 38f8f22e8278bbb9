#!/usr/bin/env bash
# Tests and measures the CUDA backend on a machine with a GPU that may have no Rust, no network and no checkout.
#
#   scripts/gpu-check.sh pack [FOLDER]    builds, and collects what the other machine needs in FOLDER
#   FOLDER/gpu-check.sh run [FIGURES]     there: tests, measures, profiles, and writes the figures as Markdown to FIGURES
#
# FOLDER is by default gpu-check below the compiled files, FIGURES FOLDER/figures.md; logs are beside the figures. The other machine
# needs NVIDIA's driver, and either NVRTC's library or nvcc; cuBLASLt's library, ncu and compute-sanitizer are used where they are
# there. All of it takes at most LIMIT_S seconds (540), SECONDS_EACH seconds (2) for each figure. QUERN_TESTS and QUERN_WORKER name
# binaries to pack instead of building them.
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
    [[ $("$tests" --list 2>/dev/null) == *a_gpu* ]] || fail "$tests has no tests of a GPU"
    mkdir -p "$folder/kernels"
    install -m 755 "$tests" "$folder/quern-worker-tests"
    install -m 755 "$worker" "$folder/quern-worker"
    strip "$folder/quern-worker-tests" "$folder/quern-worker"
    rm -f "$folder"/kernels/*
    install -m 644 "$ROOT"/ml-worker/kernels/*.cu "$ROOT"/ml-worker/kernels/*.cuh "$folder/kernels/"
    install -m 755 "$ROOT/scripts/gpu-check.sh" "$folder/gpu-check.sh"
    local size
    size=$(du -sm "$folder" | cut -f1)
    echo "$folder: $size MiB"
    ((size <= LARGEST)) || fail "that is more than $LARGEST MiB"
}

# Has the dynamic linker find the libraries of CUDA that are on this machine, wherever they are, by names without a version as well,
# of which links are made in folder $1: packages for running programs, PyTorch's among them, have names with a version alone.
# Of several major versions it is the highest up to $2, else the lowest.
find_libraries() {
    local places=() place name file found best major
    IFS=: read -ra places <<<"${LD_LIBRARY_PATH-}"
    places+=(/usr/local/nvidia/lib64 /usr/local/cuda/lib64 /usr/local/cuda/targets/*/lib)
    while IFS= read -r place; do places+=("$place"); done < <(
        { PATH=$PATH:/sbin ldconfig -p || true; } 2>/dev/null | sed -n 's|.*lib\(nvrtc\|cublasLt\)\.so.* => \(.*\)/[^/]*|\2|p' | sort -u
        python3 - 2>/dev/null <<'PYTHON'
import glob, site
for root in site.getsitepackages() + [site.getusersitepackages()]:
    for place in sorted(glob.glob(root + "/nvidia/*/lib")):
        print(place)
PYTHON
    )
    mkdir -p "$1"
    LD_LIBRARY_PATH=$1
    for place in "${places[@]}"; do
        [[ -z $place || ! -d $place ]] || LD_LIBRARY_PATH+=:$place
    done
    export LD_LIBRARY_PATH
    for name in libnvrtc.so libcublasLt.so; do
        found='' best=-1000
        for place in "${places[@]}"; do
            for file in "$place/$name" "$place/$name".[0-9]*; do
                [[ -n $place && -e $file ]] || continue
                file=$(realpath "$file")
                [[ ${file##*/} =~ \.so\.([0-9]+) ]] && major=${BASH_REMATCH[1]} || major=$2
                ((major <= $2)) || major=-$major
                ((major <= best)) || found=$file best=$major
            done
        done
        [[ -z $found ]] || ln -s "$found" "$1/$name"
    done
}

# The highest major version of CUDA whose libraries go with the driver and with a device of compute capability $1: those of another
# than the driver's make kernels that it cannot load, and those from 13 on do not know devices before 7.5.
newest_cuda() {
    local newest
    newest=$(nvidia-smi | sed -n 's/.*CUDA Version: *\([0-9]*\).*/\1/p')
    newest=${newest:-12}
    ((${1/./} >= 75 || newest <= 12)) || newest=12
    echo "$newest"
}

# Whether NVRTC's library, linked in folder $1, can be loaded.
has_nvrtc() {
    [[ -e $1/libnvrtc.so ]] || return 1
    ! command -v python3 >/dev/null || python3 -c 'import ctypes; ctypes.CDLL("libnvrtc.so")' 2>/dev/null
}

# Where a program of CUDA's toolkit is.
tool() {
    PATH=$PATH:/usr/local/cuda/bin command -v "$1"
}

# Runs a command for at most $1 seconds, and not beyond the time for all; says on stream 3 how long it took.
limited() {
    local left=$((DEADLINE - SECONDS)) start=$SECONDS status=0
    ((left <= $1)) || left=$1
    shift
    if ((left <= 0)); then
        printf '\nNo time is left for this.\n'
        return 1
    fi
    timeout --kill-after 10 "$left" "$@" || status=$?
    ((status != 124 && status != 137)) || printf '\nStopped after %s s.\n' "$left"
    echo "== $((SECONDS - start)) s" >&3
    return "$status"
}

# The Markdown table of what ncu measured in file $1.
table() {
    python3 - "$1" <<'PYTHON'
import csv, sys

# Names, units, launches.
rows = list(csv.reader(line for line in open(sys.argv[1]) if line.startswith('"')))
assert len(rows) > 2
STALLED = "smsp__average_warps_issue_stalled_"
for launch in rows[2:]:
    cells = dict(zip(rows[0], launch))
    def figure(name):
        return float(cells[name].replace(",", ""))
    # Warps that wait for each that issues, the two commonest reasons.
    waits = sorted(((figure(name), name[len(STALLED):].split("_per_issue")[0]) for name in cells if name.startswith(STALLED)), reverse=True)
    percents = [figure(name) for name in cells if ".pct_of_peak" in name]
    print("|", " | ".join(
        [cells["Kernel Name"].split("(")[0], cells["Grid Size"].strip("()").split(",")[0], f'{figure("gpu__time_duration.sum") / 1000:.1f}']
        + [f"{percent:.0f}" for percent in percents]
        + [", ".join(f"{reason} {warps:.1f}" for warps, reason in waits[:2])]), "|")
PYTHON
}

# Profiles the product, the lottery's and a step's kernels with ncu ($1), the program in folder $2; logs begin with $3.
profile() {
    local metrics=gpu__time_duration.sum reason what count kernels
    metrics+=,sm__pipe_tensor_op_imma_cycles_active.avg.pct_of_peak_sustained_active
    metrics+=,sm__inst_issued.avg.pct_of_peak_sustained_active
    metrics+=,l1tex__throughput.avg.pct_of_peak_sustained_active
    metrics+=,lts__throughput.avg.pct_of_peak_sustained_elapsed
    metrics+=,dram__throughput.avg.pct_of_peak_sustained_elapsed
    metrics+=,sm__warps_active.avg.pct_of_peak_sustained_active
    for reason in barrier math_pipe_throttle long_scoreboard short_scoreboard mio_throttle lg_throttle wait not_selected; do
        metrics+=,smsp__average_warps_issue_stalled_${reason}_per_issue_active.ratio
    done
    echo
    echo "| kernel | blocks | µs | tensor pipe % | issue % | L1 and shared % | L2 % | DRAM % | warps % | warps waiting for each that issues |"
    echo "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    local step="start|gather|quantise|forget_peaks|tensor_activate|tensor_logits|softmax|tensor_propagate|transpose|tensor_update|update_bias|finish"
    # The first product measured, its lottery, and a step of the first network: three layers are 25 launches.
    while read -r what count kernels; do
        limited 70 "$1" --clock-control none --kernel-name "regex:^quern_($kernels)\$" --launch-count "$count" --kill yes \
            --metrics "$metrics" --csv --page raw --print-units base --log-file "$3-$what.csv" \
            "$2/quern-worker" bench --device cuda:0 --threads "$(nproc)" --seconds 0.01 </dev/null >/dev/null || true
        table "$3-$what.csv" 2>/dev/null || printf '\nncu measured nothing: %s\n' "$(tail -1 "$3-$what.csv" 2>&1)"
    done <<<"product 1 tensor_store
lottery 1 tensor_lottery_store
step 25 $step"
}

run() {
    local folder figures logs scratch
    folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
    [[ -x $folder/quern-worker-tests ]] || fail "run the gpu-check.sh of a pack: see scripts/gpu-check.sh pack"
    figures=${1:-$folder/figures.md}
    logs=${figures%.md}
    mkdir -p "$(dirname "$figures")"
    DEADLINE=$((SECONDS + ${LIMIT_S:-540}))
    # `cuda:0` must be the GPU that nvidia-smi names first.
    export CUDA_DEVICE_ORDER=PCI_BUS_ID
    local gpu driver capability
    gpu=$(nvidia-smi --query-gpu=name,driver_version,compute_cap --format=csv,noheader --id=0) || fail "nvidia-smi finds no GPU: $gpu"
    IFS=, read -r gpu driver capability <<<"${gpu//, /,}"
    # The times of the parts are for whoever waits, not for the figures.
    exec 3>&2

    scratch=$(mktemp -d)
    trap "rm -rf '$scratch'" EXIT
    # Kernels compiled here and now, not ones kept from another day.
    export XDG_CACHE_HOME=$scratch/cache
    unset QUERN_KERNELS
    find_libraries "$scratch/lib" "$(newest_cuda "$capability")"
    local how="NVRTC"
    if ! has_nvrtc "$scratch/lib"; then
        local nvcc stages=2 sources
        nvcc=$(tool nvcc) || fail "neither NVRTC's library nor nvcc is on this machine"
        how=$("$nvcc" --version | sed -n 's/.*release \([0-9.]*\).*/nvcc \1/p')
        # Three stages where a multiprocessor has room for two blocks with as many, as the worker has it.
        [[ $capability != 9.0 && $capability != 10.* ]] || stages=3
        sources=$(cat "$folder"/kernels/*.cu* | gzip | tail -c 8 | od -An -N 4 -tx4 | tr -d ' ')
        "$nvcc" -std=c++17 -cubin -arch="sm_${capability/./}" -DSTAGES=$stages -DSOURCES="0x$sources" -o "$scratch/kernels" \
            "$folder/kernels/quern.cu" || fail "nvcc refuses the kernels"
        export QUERN_KERNELS=$scratch/kernels
    fi
    {
        echo "# The CUDA backend on $gpu"
        echo
        echo "Driver $driver, compute capability $capability; $(nproc) processors, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)."
    } | tee "$figures"

    echo "== tests, kernels compiled by $how"
    local same=true measured=true passed
    # A test that would skip for want of a GPU fails instead. One at a time, so that they do not wait for each other's products.
    QUERN_GPU=1 limited 240 "$folder/quern-worker-tests" a_gpu --test-threads 1 2>&1 | tee "$logs-tests.log" || same=false
    passed=$(sed -n 's/^test result: //p' "$logs-tests.log")
    local kept=("$XDG_CACHE_HOME"/quern/kernels/*-nvrtc-*)
    [[ ! -e ${kept[0]} ]] || how="NVRTC ${kept[0]##*-nvrtc-}"
    {
        echo "Kernels compiled by $how. Tests against the CPU: ${passed:-they did not end}."
        echo
    } | tee -a "$figures"

    echo "== figures, to $figures"
    limited 200 "$folder/quern-worker" bench --device cuda:0 --threads "$(nproc)" --seconds "${SECONDS_EACH:-2}" 2>&1 \
        | tee -a "$figures" || measured=false

    local ncu sanitizer check
    ncu=$(tool ncu) || echo "== no profile: ncu is not on this machine"
    if [[ -n $ncu ]]; then
        echo "== profile"
        profile "$ncu" "$folder" "$logs" | tee -a "$figures"
    fi
    sanitizer=$(tool compute-sanitizer) || echo "== no check of memory and races: compute-sanitizer is not on this machine"
    if [[ -n $sanitizer ]]; then
        echo | tee -a "$figures"
        for check in memcheck racecheck; do
            echo "== $check"
            QUERN_GPU=1 limited 60 "$sanitizer" --tool "$check" "$folder/quern-worker-tests" a_gpu_trains --test-threads 1 \
                >"$logs-$check.log" 2>&1 || true
            echo "- $check: $(grep SUMMARY "$logs-$check.log" || tail -1 "$logs-$check.log")" | tee -a "$figures"
        done
    fi
    $same || fail "the GPU does not give the CPU's bits: see $logs-tests.log"
    $measured || fail "not everything could be measured: see $figures"
}

case ${1-} in
pack) shift && pack "$@" ;;
run) shift && run "$@" ;;
*) usage ;;
esac
