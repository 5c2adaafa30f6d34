#!/bin/sh
# forge.sh CHECK FORGE PREFIX: a checker that takes a forged trace for a good one proves nothing.
check=$1
forge=$2
prefix=$3
failed=0

# expect CODE WHAT FILE...: the checker's exit code.
expect() {
    code=$1
    what=$2
    shift 2
    "$check" "$@" >"$prefix.said" 2>&1
    got=$?
    echo "$what: $(head -n 1 "$prefix.said" | cut -c 1-180)"
    [ "$got" -eq "$code" ] || { echo "  exit code $got, not $code" && failed=1; }
}

others=
for file in "$prefix".[0-9]*; do
    [ "$file" = "$prefix.1" ] || others="$others $file"
done
expect 0 "as it was" $others "$prefix.1"
for fault in remove swap message event state state-hash; do
    "$forge" $fault "$prefix.1" "$prefix.forged" || failed=1
    expect 1 $fault $others "$prefix.forged"
done
for fault in flip truncate; do
    "$forge" $fault "$prefix.1" "$prefix.forged" || failed=1
    expect 2 $fault $others "$prefix.forged"
done
expect 0 "truncated, taken" --unfinished $others "$prefix.forged"
expect 0 "one rank missing" $others
expect 1 "twice the same" $others "$prefix.1" "$prefix.1"
expect 2 "no trace" "$0"
expect 2 "no file" "$prefix.none"
exit $failed
