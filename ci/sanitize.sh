#!/usr/bin/env bash
# Builds with a sanitizer (build-asan/, build-ubsan/ or build-tsan/) and runs the tests that make sense under it.
#
#   ci/sanitize.sh [asan|ubsan|tsan] [FOLDER...]     default: asan; FOLDER: folders of tests/ instead of the usual ones
#
# - asan:  AddressSanitizer and its leak checker. It leaves SIGSEGV and SIGBUS to libdsm, whose page faults they are.
# - ubsan: UndefinedBehaviorSanitizer; the first finding fails the test.
# - tsan:  ThreadSanitizer. It allows mappings in a few ranges only, so the segment is small and low there. Open MPI is
#          not instrumented, hence no test with mpirun.
#
# Before a run, set DSM_SEGMENT_BASE and DSM_SEGMENT_SIZE to place the segment elsewhere. Exit code: 0 when every test
# of every folder passed, 1 otherwise.
set -euo pipefail
# shellcheck source=ci/environment.sh
source "$(dirname "$0")/environment.sh"

preset=${1:-asan}
shift || true
folders=("$@")
run=(env)

case $preset in
asan)
    usual=(unit model simulation faults failure)
    export ASAN_OPTIONS=${ASAN_OPTIONS:-handle_segv=0:handle_sigbus=0:detect_stack_use_after_return=1}
    ;;
ubsan)
    usual=(unit model simulation faults failure mpi apps)
    export UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
    ;;
tsan)
    usual=(unit simulation faults)
    export TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1:handle_segv=0:handle_sigbus=0}
    export DSM_SEGMENT_BASE=${DSM_SEGMENT_BASE:-0x1000000000} DSM_SEGMENT_SIZE=${DSM_SEGMENT_SIZE:-64G}
    # Kernels that place mappings over a wide range at random make it fail at start.
    ! setarch -R true 2>/dev/null || run=(setarch -R)
    ;;
*)
    say "unknown sanitizer '$preset' (known: asan, ubsan, tsan)"
    exit 2
    ;;
esac
[ ${#folders[@]} -gt 0 ] || folders=("${usual[@]}")

ci/setup.sh
cmake --preset "$preset"
"${run[@]}" cmake --build --preset "$preset" --parallel "$jobs"

failed=()
for folder in "${folders[@]}"; do
    if [ ! -d "build-$preset/tests/$folder" ]; then
        say "tests/$folder has no tests yet: skipped"
        continue
    fi
    "${run[@]}" ctest --test-dir "build-$preset/tests/$folder" --output-on-failure --parallel "$jobs" ||
        failed+=("$folder")
done
if [ ${#failed[@]} -gt 0 ]; then
    say "$preset found faults in: ${failed[*]}"
    exit 1
fi
