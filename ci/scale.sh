#!/usr/bin/env bash
# The protocols on 2 to 10,240 nodes in virtual time: prints the table, writes build/scale/scale.json and draws
# build/scale/scale.svg. Exits with 1 when a limit of docs/scale.md is not kept.
#
#   ci/scale.sh [OPTION VALUE...]     for instance: ci/scale.sh --model fabric, ci/scale.sh --latency-ns 50000
#
# The options are those of dsm_scale: see the head of tests/scale/dsm_scale.cpp.
set -euo pipefail
# shellcheck source=ci/environment.sh
source "$(dirname "$0")/environment.sh"

ci/setup.sh
cmake --preset release >/dev/null
cmake --build --preset release --parallel "$jobs" --target dsm_scale

mkdir -p build/scale
code=0
build/tests/dsm_scale --json build/scale/scale.json "$@" | tee build/scale/scale.txt || code=$?
if [ "$code" -le 1 ]; then
    python3 tests/scale/draw_curves.py build/scale/scale.json build/scale/scale.svg
    say "wrote build/scale/scale.json and build/scale/scale.svg"
fi
exit "$code"
