#!/usr/bin/env bash
# Runs a command on a clean clone of HEAD in a real container: Debian 12, an ordinary user, the engine's default seccomp
# profile and capabilities, 64 MiB of /dev/shm, no network but loopback.
#
#   ci/container.sh [COMMAND [ARGUMENT...]]    default: ci/test.sh
#   ci/container.sh --rebuild [COMMAND ...]    make the image anew first
#
# What is not committed is not in the clone. Needs podman or docker (DSM_CI_ENGINE names one).
#
# The image is Debian 12 with the packages of ci/setup.sh and the user; it is kept, under the hash of the files that
# decide what is in it. Its base comes from a registry (DSM_CI_BASE names another base image). Where none can be
# reached, mmdebstrap makes the whole image from Debian's packages, as this machine's own apt would get them.
set -euo pipefail
# shellcheck source=ci/environment.sh
source "$(dirname "$0")/environment.sh"

user=dsm
uid=1000
registry_seconds=60
base=${DSM_CI_BASE:-debian:12}

# The first engine that answers; docker's client may be there without its daemon.
find_engine() {
    local candidate
    for candidate in ${DSM_CI_ENGINE:-podman docker}; do
        if timeout 30 "$candidate" info >/dev/null 2>&1; then
            echo "$candidate"
            return
        fi
    done
    say "needs podman, or docker with its daemon running"
    return 1
}

has_base() {
    "$engine" image inspect "$base" >/dev/null 2>&1 ||
        timeout "$registry_seconds" "$engine" pull -q "$base" >/dev/null 2>&1
}

# Image from a base: the packages are installed by ci/setup.sh itself.
build_on_base() {
    local proxies=() variable
    for variable in http_proxy https_proxy no_proxy; do
        [ -z "${!variable:-}" ] || proxies+=(--build-arg "$variable=${!variable}")
    done
    cp ci/setup.sh "$scratch/setup.sh"
    cat >"$scratch/Containerfile" <<EOF
FROM $base
COPY setup.sh /tmp/setup.sh
RUN bash /tmp/setup.sh && rm -rf /tmp/setup.sh /var/lib/apt/lists/* && useradd --create-home --uid $uid $user
EOF
    "$engine" build --network host "${proxies[@]}" --tag "$image" --file "$scratch/Containerfile" "$scratch" >&2
}

# Image without a registry: this machine's apt sources where it runs the same Debian, mmdebstrap's own otherwise.
build_from_packages() {
    local sources=() suite
    if ! command -v mmdebstrap >/dev/null; then
        say "no base image can be had from a registry; install mmdebstrap, and it is made from Debian's packages"
        return 1
    fi
    suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    if [ "$suite" = bookworm ]; then
        for list in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
            [ ! -s "$list" ] || sources=("$list")
        done
    fi
    apt-config dump 2>/dev/null | grep -E '^Acquire::(https?|Check-[A-Za-z-]+|Retries)\b' >"$scratch/apt.conf" || true
    mmdebstrap --quiet --variant=minbase --aptopt="$scratch/apt.conf" \
        --include="$(ci/setup.sh --list | paste -sd,)" \
        --customize-hook="chroot \"\$1\" useradd --create-home --uid $uid $user" \
        --customize-hook="rm -f \"\$1\"/etc/apt/apt.conf.d/99mmdebstrap" \
        bookworm - "${sources[@]}" | "$engine" import - "$image" >/dev/null
}

make_image() {
    local start=$SECONDS
    say "making the image $image"
    if has_base && build_on_base; then
        say "made it on $base in $((SECONDS - start)) s"
    else
        say "no base image from a registry within reach: making it from Debian's packages"
        build_from_packages
        say "made it in $((SECONDS - start)) s"
    fi
}

# The first set of options with which this machine's engine starts a container at all: engines raise limits as a nested
# machine may not, and not every runtime copes with every layout of control groups.
find_run_options() {
    local limits="--ulimit nofile=1024:1024 --ulimit nproc=4096:4096" runtime options
    for runtime in "" "--runtime runc"; do
        for options in "$runtime" "$runtime $limits"; do
            # shellcheck disable=SC2086 # options are words
            if "$engine" run --rm --network none $options "$image" true >"$scratch/error" 2>&1; then
                echo "$options"
                return
            fi
        done
    done
    say "$engine cannot start a container here:"
    cat "$scratch/error" >&2
    return 1
}

rebuild=false
if [ "${1:-}" = --rebuild ]; then
    rebuild=true
    shift
fi
[ $# -gt 0 ] || set -- ci/test.sh

engine=$(find_engine)
scratch=$(mktemp -d)
chmod 755 "$scratch"
container=libdsm-ci-$$
trap '"$engine" rm --force "$container" >/dev/null 2>&1 || true; rm -rf "$scratch"' EXIT

image=localhost/libdsm-ci:$({ echo "$base" && cat ci/setup.sh ci/container.sh; } | sha256sum | cut -c 1-16)
if $rebuild || ! "$engine" image inspect "$image" >/dev/null 2>&1; then
    make_image
fi
read -r -a run_options <<<"$(find_run_options)"

# A bundle is one plain file: it can be cloned by a user who owns nothing of this checkout.
git bundle create -q "$scratch/source.bundle" HEAD
"$engine" run --rm --name "$container" --sig-proxy=false --network none --shm-size 64m "${run_options[@]}" \
    --user "$uid:$uid" --env HOME="/home/$user" --env USER="$user" --workdir "/home/$user" \
    --volume "$scratch/source.bundle:/source.bundle:ro" "$image" \
    bash -c 'git clone -q -c advice.detachedHead=false /source.bundle libdsm && cd libdsm && "$@"' container "$@"
