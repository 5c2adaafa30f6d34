#!/usr/bin/env bash
# Installs what libdsm needs from Debian 12's packages, and does nothing when all of it is there.
#
#   ci/setup.sh           install what is missing: as root, or through sudo where it asks for no password
#   ci/setup.sh --lint    the same, with what ci/lint.sh needs besides
#   ci/setup.sh --list    print the packages, one a line, and install nothing
#
# Where it may not install, it prints the one line that an administrator has to run, and fails.
set -euo pipefail

packages=(
    g++ cmake ninja-build pkg-config                      # build
    libopenmpi-dev openmpi-bin                            # MPI
    libboost-dev libboost-context-dev libhwloc-dev        # library
    libcli11-dev nlohmann-json3-dev libpng-dev            # programs of apps/
    libgtest-dev clang-format python3 gdb valgrind        # tests
    dpkg-dev file                                         # Debian packages
    git ca-certificates                                   # ci/container.sh, and clones
)

list_only=false
for option in "$@"; do
    case $option in
    --lint) packages+=(clang-tidy clang) ;;
    --list) list_only=true ;;
    *)
        echo "setup.sh: unknown option '$option' (known: --lint, --list)" >&2
        exit 2
        ;;
    esac
done

if $list_only; then
    printf '%s\n' "${packages[@]}"
    exit 0
fi

if ! command -v dpkg-query >/dev/null; then
    echo "setup.sh: this is not a Debian system; please install the equivalents of: ${packages[*]}" >&2
    exit 1
fi

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -eq 0 ]; then
    as_root=(env)
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n env)
else
    echo "setup.sh: these packages are missing and you may not install them; as root, please run:" >&2
    echo "    apt-get update && apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi

echo "setup.sh: installing ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
