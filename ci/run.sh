#!/usr/bin/env bash
# Set-up, Release build in build/, then the bundled programs under mpirun on the input in apps/data/. Each checks its
# own result; a table at the end says what came out.
#
#   ci/run.sh [MPIRUN OPTION...]     for instance: ci/run.sh --mca btl tcp,self
#
# Variables DSM_* and OMPI_* apply to the runs. Exit code: 0 when every program verified its result, 1 otherwise.
set -euo pipefail
# shellcheck source=ci/environment.sh
source "$(dirname "$0")/environment.sh"

ci/setup.sh
cmake --preset release
cmake --build --preset release --parallel "$jobs"
exec python3 -B ci/run_programs.py build "$@"
