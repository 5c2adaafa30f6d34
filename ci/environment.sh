# shellcheck shell=bash
# What the scripts of this folder share; they source it. It moves to the root of the checkout, sets `jobs` to the number
# of cores, and lets Open MPI start as root where the caller is root (it refuses otherwise, also in a container).

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

jobs=$(nproc)
export jobs

if [ "$(id -u)" -eq 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi

# All ranks of the tests are on this machine, which may have no network but its loopback (a container's, for instance);
# left to itself Open MPI never uses that.
export OMPI_MCA_btl_tcp_if_include=${OMPI_MCA_btl_tcp_if_include:-lo}

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }
