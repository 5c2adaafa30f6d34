#!/usr/bin/env bash
# The proof of the protocol, as docs/proof.md describes it: explorer, litmus tests, simulated seeds and planted bugs.
# Prints states visited, the coverage of the transition table, invariants checked, how fast each planted bug is found.
# Exits with 1 if anything is not as it must be.
#
#   ci/prove.sh short             what CI runs: about 90 s on 2 cores
#   ci/prove.sh full              all sizes of the proof, 100,000 seeds of each simulator: some 20 minutes on 2 cores
#   ci/prove.sh bugs [PROGRAMS]   the planted bugs alone
#
# PROGRAMS: where dsm_explore and its like are (default BUILD/tests). BUILD: the build directory (default build).
set -euo pipefail
size=${1:-short}
build=$(realpath -m "${BUILD:-build}")
programs=$(realpath -m "${2:-$build/tests}")
# shellcheck source=ci/environment.sh
source "$(dirname "$0")/environment.sh"

case $size in
short) seeds=2000 ;;
full) seeds=100000 ;;
bugs) seeds=0 ;;
*)
    say "short, full or bugs"
    exit 2
    ;;
esac
simulators=(dsm_simulate dsm_simulate_sync dsm_simulate_home dsm_simulate_drop dsm_simulate_alloc
    dsm_simulate_release)
needed=(dsm_explore dsm_explore_release "${simulators[@]}")
[ "$size" = bugs ] || needed+=(dsm_litmus)
[ "$size" != full ] || needed+=(mpi_litmus)
for program in "${needed[@]}"; do
    if [ ! -x "$programs/$program" ]; then
        cmake --preset release
        cmake --build --preset release --parallel "$jobs" --target "${needed[@]}"
        break
    fi
done
logs=$(mktemp -d "${TMPDIR:-/tmp}/dsm-prove.XXXXXX")
trap 'rm -rf "$logs"' EXIT
failures=0

# part NAME COMMAND...: runs it and says how it went.
part() {
    local name=$1 began=$SECONDS
    shift
    echo "== $name"
    if "$@"; then
        echo "== $name: good, $((SECONDS - began)) s"
    else
        echo "== $name: FAILED"
        failures=$((failures + 1))
    fi
}

# seeds_of PROGRAM: two processes share the seeds.
seeds_of() {
    local program=$1 half=$((seeds / 2)) first second
    "$programs/$program" --seed 1 --count "$half" >"$logs/$program.1" 2>&1 &
    first=$!
    "$programs/$program" --seed $((half + 1)) --count "$half" >"$logs/$program.2" 2>&1 &
    second=$!
    local good=0
    wait "$first" || good=1
    wait "$second" || good=1
    if [ "$good" -ne 0 ]; then tail -n 40 "$logs/$program".?; fi
    echo "$program: $seeds seeds"
    return "$good"
}

# under_mpirun FAULTS ARGUMENTS...: litmus tests on four real nodes, with faults by FAULTS.
under_mpirun() {
    DSM_RANKS_PER_NODE=1 DSM_FAULT=$1 timeout 1800 \
        mpirun --oversubscribe --bind-to none -n 4 "$programs/mpi_litmus" "${@:2}" | tail -n 1
}

# Planted bugs: where each is looked for, with options enough to find it in a job as small as can be. A dash: it takes
# a larger job than the explorer visits in a few seconds, and the simulator has to find it. Last, where it is not 1, the
# first seed: a rare one.
pages="--nodes 3 --accesses 2 --evictions 1 --fan-out 1"
tree="--nodes 3 --accesses 2 --evictions 1 --tree 1 --read-fan-out 1"
locks="--locks 1 --nodes 3 --threads-per-node 2 --uses 2 --timed 2 --tries 3 --relocks 1"
moves="--nodes 2 --accesses 5 --passes 3 --move 1 --bind 0 --hot 1 --refresh 0"
stays="--nodes 2 --accesses 5 --passes 4 --move 0 --bind 0 --hot 1 --refresh 0"
binds="--nodes 3 --accesses 3 --passes 4 --move 0 --bind 1"
unasked="--nodes 3 --accesses 4 --passes 3 --hot 0 --push 0 --move 0 --bind 0"
lines="--nodes 2 --accesses 5 --passes 3 --hot 0 --push 0 --lines 2 --move 0 --bind 0"
old="--nodes 3 --accesses 3 --passes 3 --hot 1 --refresh 0 --lines 2 --move 0 --bind 0"
new_home="--nodes 3 --accesses 3 --passes 3 --hot 0 --push 0 --lines 1 --move 1 --bind 0 --refresh 0"
ranges="--nodes 2 --pages 2 --page-bytes 1 --one-home 1 --ranges 1 --accesses 4 --passes 3 --move 0 --bind 0"
hints="--nodes 3 --accesses 2 --passes 1 --hints 1 --hot 1 --move 0 --bind 0 --values 2"
bugs=(
    "dsm_simulate|$pages|ack-without-dropping ignore-dropped-mark grant-stale-without-bytes write-before-acks"
    "dsm_simulate|$pages|hint-not-updated own-loses-copyset relay-acks-early serve-without-downgrade"
    "dsm_simulate|$pages|evict-owned-page zero-after-write"
    "dsm_simulate|$pages --pins 1|ignore-pin-at-copy ignore-pin-at-owner ask-while-pinned"
    "dsm_simulate|$tree|served-lost-at-grant served-lost-at-invalidation served-lost-at-eviction"
    "dsm_simulate|$tree|relay-acks-before-served chasers-join"
    "dsm_simulate|-|second-invalidate-lost timer-not-set reader-forgotten writer-forgotten waiter-not-woken"
    "dsm_simulate|-|ack-lost request-sent-twice take-back-repeated no-turns"
    "dsm_simulate_sync|$locks|next-forgotten head-not-woken token-kept flag-not-raised try-takes-held"
    "dsm_simulate_sync|$locks|try-refused-by-try late-try-refused return-not-awaited relock-not-counted"
    "dsm_simulate_sync|$locks|relock-not-flagged unlock-releases-all abandon-stays-queued abandon-not-served"
    "dsm_simulate_sync|$locks|late-token-kept abandoned-refuses kept-forgotten parked-try-forgotten"
    "dsm_simulate_sync|--locks 1 --nodes 3 --uses 3|hint-not-turned"
    "dsm_simulate_sync|--locks 1 --nodes 2 --uses 3 --timed 3|kept-mistaken"
    "dsm_simulate_sync|-|signal-wakes-nobody broadcast-misses-last cancel-always-agrees cancel-leaves-queued"
    "dsm_simulate_sync|-|cancel-loses-record child-forgotten two-serials opens-early tickets-ignored"
    "dsm_simulate_home|-|reader-passes-writer writer-joins-readers last-reader-serves-none cancel-serves-none"
    "dsm_simulate_home|-|home-cancel-always-agrees post-counts-and-wakes incarnation-ignored latch-forgets-last"
    "dsm_simulate_home|-|failure-leaves-waiters once-runs-twice"
    "dsm_simulate_drop|-|renewed-notes-taken-back notes-taken-back-unasked unsettled-dropped forgotten-late"
    "dsm_simulate_drop|-|drop-child-forgotten drop-answers-early drop-answers-twice"
    "dsm_simulate_alloc|-|reports-before-children forget-skips-child punches-at-once ends-when-forgotten"
    "dsm_simulate_alloc|-|no-span-for-late-askers stale-trusted unknown-not-forgotten tail-ends-at-once freed-twice"
    "dsm_simulate_release|$stays|fetch-during-flush flush-keeps-fetch"
    "dsm_simulate_release|$moves|notice-keeps-fetch"
    "dsm_simulate_release|$moves|home-reader-forgotten home-write-unnoticed merge-overwrites twin-not-renewed"
    "dsm_simulate_release|$moves|flush-forgotten early-fetch-lost stale-is-done"
    "dsm_simulate_release|$binds|notice-drops-twin serve-unprotected serve-clears-written hint-goes-back"
    "dsm_simulate_release|$binds|home-during-flush"
    "dsm_simulate_release|$hints|serve-forgets-writes"
    "dsm_simulate_release|$unasked|update-goes-back update-forever push-forgets-reader"
    "dsm_simulate_release|$lines|own-lines-lost version-of-ack"
    "dsm_simulate_release|$old|flushed-lines-lost versions-unwatched"
    "dsm_simulate_release|$new_home|version-outlives-home lines-across-gap"
    "dsm_simulate_release|$ranges|range-forgets-rest range-ignores-closing"
    "dsm_simulate_release|-|update-under-writes"
    "dsm_simulate_release|-|parts-count-twice|138001"
)

# first_failing_seed PROGRAM BUG FIRST: prints it.
first_failing_seed() {
    local out
    out=$("$programs/$1" --seed "$3" --count 20000 --bug "$2" --expect-failure 2>&1) || return 1
    sed -n 's/.*seed \([0-9]*\).*/\1/p' <<<"$out" | head -n 1
}

planted_bugs() {
    local good=0 missed=0 entry simulator job names first name out explorer by_explorer by_simulator began
    printf '%-30s %-52s %s\n' "planted bug" "explorer" "simulator"
    for entry in "${bugs[@]}"; do
        IFS='|' read -r simulator job names first <<<"$entry"
        explorer=dsm_explore
        [ "$simulator" != dsm_simulate_release ] || explorer=dsm_explore_release
        for name in $names; do
            by_explorer=-
            began=$(date +%s%N)
            if [ "$job" != - ]; then
                # shellcheck disable=SC2086 # words
                if out=$("$programs/$explorer" $job --bug "$name" --expect-failure 1 2>&1); then
                    by_explorer=$(sed -n 's/^failed: \(.*\)after \([0-9]*\) states/\2 states,/p' <<<"$out")
                    by_explorer+=" $((($(date +%s%N) - began) / 1000000)) ms"
                else
                    by_explorer="NOT FOUND"
                fi
            fi
            by_simulator="seed $(first_failing_seed "$simulator" "$name" "${first:-1}")" || by_simulator="NOT FOUND"
            if [[ "$by_explorer$by_simulator" == *"NOT FOUND"* ]]; then missed=$((missed + 1)); fi
            printf '%-30s %-52s %s\n' "$name" "$by_explorer" "$by_simulator"
            good=$((good + 1))
        done
    done
    echo "$((good - missed)) of $good planted bugs found"
    [ "$missed" -eq 0 ]
}

if [ "$size" != bugs ]; then
    part "explorer" "$programs/dsm_explore" --suite "$size"
    part "explorer, release memory" "$programs/dsm_explore_release" --suite "$size"
    part "litmus, explored" "$programs/dsm_litmus" explore
    part "litmus, simulated" "$programs/dsm_litmus" simulate --seeds "$seeds"
    # Release memory: tests of four threads, and steps page by page, in the long run alone.
    release=(--memory release --files "$(dirname "$0")/../tests/litmus/files/release")
    [ "$size" = full ] || release+=(--threads-max 3)
    part "litmus of release memory, explored" "$programs/dsm_litmus" explore "${release[@]}"
    if [ "$size" = full ]; then
        part "litmus of release memory, step by step" \
            "$programs/dsm_litmus" explore "${release[@]}" --threads-max 3 --fine
        part "litmus in release memory, explored" "$programs/dsm_litmus" explore --memory release
        for fault in mprotect userfaultfd; do
            part "litmus under mpirun, $fault" under_mpirun "$fault" --iterations 1000
        done
    fi
    part "litmus of release memory, simulated" "$programs/dsm_litmus" simulate "${release[@]}" --seeds $((seeds / 10))
    for simulator in "${simulators[@]}"; do part "$simulator" seeds_of "$simulator"; done
fi
part "planted bugs" planted_bugs
if [ "$failures" -ne 0 ]; then
    say "$failures parts failed"
    exit 1
fi
