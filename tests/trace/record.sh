#!/bin/sh
# record.sh CHECK PREFIX COMMAND...: runs the command with DSM_TRACE=PREFIX and checks the traces that it leaves.
set -e
check=$1
prefix=$2
shift 2
rm -f "$prefix".[0-9]*
DSM_TRACE=$prefix "$@"
"$check" "$prefix".[0-9]*
