#!/usr/bin/env bash
# Runs clang-tidy with the checks of .clang-tidy, against the Release build's compile commands.
#
#   ci/lint.sh            the files that differ from the main branch, or are not committed yet
#   ci/lint.sh --all      every source file of the build
#   ci/lint.sh FILE...    these, named from the root of the checkout
set -euo pipefail
# shellcheck source=ci/environment.sh
source "$(dirname "$0")/environment.sh"

ci/setup.sh --lint
cmake --preset release >/dev/null

compiled=$(python3 -c '
import json, os
for entry in json.load(open("build/compile_commands.json")):
    print(os.path.relpath(entry["file"]))' | sort -u)

case ${1:-} in
--all) wanted=$compiled ;;
"")
    base=$(git merge-base HEAD origin/main 2>/dev/null || git rev-parse -q --verify HEAD ||
        git hash-object -t tree /dev/null) # the empty tree: there is no commit yet
    wanted=$({
        git diff --name-only --diff-filter=d "$base"
        git ls-files --others --exclude-standard
    } | sort -u)
    ;;
*) wanted=$(realpath --relative-to=. "$@" | sort -u) ;;
esac

# clang-tidy sees headers through the files that include them; a file without a compile command cannot be checked.
files=$(comm -12 <(echo "$compiled") <(echo "$wanted"))
if [ -z "$files" ]; then
    say "nothing to check"
    exit 0
fi
say "checking $(echo "$files" | wc -l) files"
echo "$files" | xargs -P "$jobs" -n 1 clang-tidy -p build --quiet --warnings-as-errors='*'
