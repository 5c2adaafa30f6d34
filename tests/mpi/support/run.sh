#!/bin/sh
# run.sh PROBE COMMAND...: runs the command, and gives its exit code. With DSM_FAULT=userfaultfd, where the program
# PROBE finds that the machine refuses it: exit code 77, which ctest reports as skipped.
probe=$1
shift
if [ "$DSM_FAULT" = userfaultfd ]; then
    "$probe" || exit 77
fi
exec "$@"
