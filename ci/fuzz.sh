#!/usr/bin/env bash
# Fuzzes what decodes bytes or text with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer.
#
#   ci/fuzz.sh SECONDS [TARGET...]    each target for so long; default: all of them
#
# Needs clang with libFuzzer. Begins with the corpus of tests/fuzz; what a target finds beyond it stays in
# build-fuzz/corpus. An input that fails is in build-fuzz/crash-TARGET-...; when it is mended, add it to
# tests/fuzz/corpus/TARGET. Where there is no clang, the same targets run under ctest with our own driver
# (ctest -L fuzz).
set -euo pipefail
# shellcheck source=ci/environment.sh
source "$(dirname "$0")/environment.sh"

seconds=${1:-}
case $seconds in
'' | *[!0-9]*)
    say "usage: ci/fuzz.sh SECONDS [TARGET...]"
    exit 2
    ;;
esac
shift
if ! echo 'extern "C" int LLVMFuzzerTestOneInput(const char *, unsigned long) { return 0; }' |
    clang++ -x c++ -fsanitize=fuzzer -o /dev/null - 2>/dev/null; then
    say "needs clang++ with libFuzzer; ctest -L fuzz runs the targets without"
    exit 77
fi

build=${DSM_FUZZ_BUILD:-build-fuzz}
cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ \
    -DDSM_WERROR=OFF -DDSM_FUZZER=ON >/dev/null
ninja -C "$build" fuzz_targets
if [ $# -eq 0 ]; then
    mapfile -t all < <(cd tests/fuzz/targets && basename --suffix .cpp -- *.cpp)
    set -- "${all[@]}"
fi

failed=()
for target in "$@"; do
    mkdir -p "$build/corpus/$target"
    if "$build/fuzz/fuzz_$target" -max_total_time="$seconds" -max_len=4096 -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix="$build/crash-$target-" -print_final_stats=1 \
        "$build/corpus/$target" "tests/fuzz/corpus/$target" >"$build/fuzz-$target.log" 2>&1; then
        say "$target: $(sed -n 's/.*number_of_executed_units: *//p' "$build/fuzz-$target.log") inputs, no complaint"
    else
        failed+=("$target")
        say "$target: FAILED, see $build/fuzz-$target.log"
        tail -n 15 "$build/fuzz-$target.log" >&2
    fi
done
[ ${#failed[@]} -eq 0 ]
