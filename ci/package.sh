#!/usr/bin/env bash
# Makes the Debian packages libdsm0 and libdsm-dev, in build-package/.
#
#   ci/package.sh [CPACK OPTION...]
#
# They are for the Debian and the MPI of the machine that makes them. To install them:
#   apt-get install ./build-package/libdsm0_*.deb ./build-package/libdsm-dev_*.deb
set -euo pipefail
# shellcheck source=ci/environment.sh
source "$(dirname "$0")/environment.sh"

ci/setup.sh
cmake --preset package
cmake --build --preset package --parallel "$jobs"
cd build-package
cpack -G DEB "$@"
