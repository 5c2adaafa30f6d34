#!/usr/bin/env bash
# Runs the stress test of shared memory many times, each time with another seed, over its configurations in turn; prints
# a table. Exits with 1 if any run failed; each failure names the command that repeats it, and leaves its output.
#
#   ci/stress.sh [RUNS [FIRST_SEED]]     200 runs from seed 1, about six minutes on 2 cores
#
# BUILD: the build directory (default build). SECONDS_MAX: when a run counts as hung (default 60).
set -euo pipefail
build=$(realpath -m "${BUILD:-build}")
# shellcheck source=ci/environment.sh
source "$(dirname "$0")/environment.sh"

runs=${1:-200}
first_seed=${2:-1}
seconds_max=${SECONDS_MAX:-60}
# Shorter than that, so that a wait without end reports itself before the run is killed.
export DSM_TIMEOUT=${DSM_TIMEOUT:-20}
program=$build/tests/mpi_memory_stress
if [ ! -x "$program" ]; then
    cmake --preset release
    cmake --build --preset release --parallel "$jobs" --target mpi_memory_stress userfaultfd_probe
fi
logs=$(mktemp -d "${TMPDIR:-/tmp}/dsm-stress.XXXXXX")

faults=(mprotect)
if "$build/tests/apps/userfaultfd_probe" >/dev/null; then faults+=(userfaultfd); else say "no userfaultfd here"; fi

# Ranks, ranks to a node, fault backend, way of copying, and what else is set. 28 frames do not hold all blocks.
configurations=()
for fault in "${faults[@]}"; do
    for bulk in direct am; do
        for ranks in 4 8; do
            for per_node in 1 2; do
                where="DSM_RANKS_PER_NODE=$per_node DSM_CACHE=112K -n $ranks"
                configurations+=("DSM_FAULT=$fault DSM_BULK=$bulk $where")
            done
        done
    done
done
configurations+=("DSM_PROGRESS=event DSM_RANKS_PER_NODE=1 DSM_CACHE=112K -n 4")
configurations+=("DSM_BULK=am DSM_RANKS_PER_NODE=1 DSM_CACHE=2M -n 4 --block-bytes 65536")

declare -A passed failed seconds
# Runs one configuration ("NAME=VALUE... -n RANKS [program options]") with a seed.
run_one() {
    local configuration=$1 seed=$2 log=$3
    local settings=() launch=() options=() words
    read -ra words <<<"$configuration"
    while [[ ${words[0]} == DSM_* ]]; do
        settings+=("${words[0]}")
        words=("${words[@]:1}")
    done
    launch=("${words[@]:0:2}")
    options=("${words[@]:2}")
    local line=(env "${settings[@]}" mpirun --oversubscribe --bind-to none "${launch[@]}" "$program" --seed "$seed"
        "${options[@]}")
    if timeout -k 5 "$seconds_max" "${line[@]}" >"$log" 2>&1; then return 0; fi
    say "FAILED (seed $seed, output in $log): ${line[*]}"
    grep -m 3 -E 'FAILED|libdsm' "$log" >&2 || say "no message: killed after $seconds_max s"
    return 1
}

bad=0
for ((run = 0; run < runs; ++run)); do
    configuration=${configurations[run % ${#configurations[@]}]}
    seed=$((first_seed + run))
    log=$logs/$seed.log
    begin=$(date +%s%N)
    if run_one "$configuration" "$seed" "$log"; then
        passed[$configuration]=$((${passed[$configuration]:-0} + 1))
        rm -f "$log"
    else
        failed[$configuration]=$((${failed[$configuration]:-0} + 1))
        bad=$((bad + 1))
    fi
    seconds[$configuration]=$((${seconds[$configuration]:-0} + $(date +%s%N) - begin))
done

printf '%-90s %6s %6s %8s\n' configuration passed failed 's/run'
for configuration in "${configurations[@]}"; do
    ok=${passed[$configuration]:-0}
    not_ok=${failed[$configuration]:-0}
    count=$((ok + not_ok))
    if [ "$count" -eq 0 ]; then continue; fi
    awk -v name="$configuration" -v ok="$ok" -v bad="$not_ok" -v spent="${seconds[$configuration]}" \
        'BEGIN { printf "%-90s %6d %6d %8.1f\n", name, ok, bad, spent / 1e9 / (ok + bad) }'
done
echo "$runs runs from seed $first_seed, $bad failed"
rmdir "$logs" 2>/dev/null || true
[ "$bad" -eq 0 ]
