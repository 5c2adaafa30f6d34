#!/bin/sh
# run_app.sh CODE TEXT COMMAND...: runs the command; passes if it ends with exit code CODE and its output has a line
# that matches TEXT (a grep -E pattern). With DSM_FAULT=userfaultfd, where PROBE finds that the machine refuses it:
# exit code 77.
code=$1
text=$2
shift 2
if [ "$DSM_FAULT" = userfaultfd ]; then
    "$PROBE" || exit 77
fi
output=$("$@" 2>&1)
ended=$?
printf '%s\n' "$output"
if [ "$ended" -ne "$code" ]; then
    echo "FAILED: exit code $ended, expected $code"
    exit 1
fi
if ! printf '%s\n' "$output" | grep -Eq -- "$text"; then
    echo "FAILED: no line matches: $text"
    exit 1
fi
