#!/usr/bin/env bash
# Set-up, Release build in build/, then every test through ctest. Exits with ctest's code.
#
#   ci/test.sh [CTEST OPTION...]     for instance: ci/test.sh -R protocol, ci/test.sh --verbose
#
# One test runs per core. A test that starts ranks of its own says so to ctest (PROCESSORS, or RUN_SERIAL when it
# measures), so that it does not share its cores.
set -euo pipefail
# shellcheck source=ci/environment.sh
source "$(dirname "$0")/environment.sh"

ci/setup.sh
cmake --preset release
cmake --build --preset release --parallel "$jobs"
exec ctest --test-dir build --output-on-failure --no-tests=error --parallel "$jobs" "$@"
