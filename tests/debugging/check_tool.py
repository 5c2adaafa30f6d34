#!/usr/bin/env python3
"""Runs a program of two nodes with a sanitizer inside or under valgrind: what libdsm does must bring no report, and the
one mistake that the program makes in the end must be found.

    check_tool.py TOOL --program PROGRAM --mpiexec PROGRAM --scratch DIR

TOOL: asan, ubsan, tsan or valgrind. What is set here is what docs/debugging.md tells users to set. Exit code 77,
"skipped", where the tool is missing or does not start.
"""

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field

SKIPPED = 77
SECONDS_MAX = 150
COUNTED = "counted to 200"


@dataclass(frozen=True)
class Tool:
    mistake: str  # the program's argument
    report: str  # what the tool says of it
    any_report: str  # what every report begins with
    variables: dict = field(default_factory=dict)
    launcher: tuple = ()


TOOLS = {
    # MPI keeps memory until the end, which is not to be reported as lost.
    "asan": Tool("bad_heap", "heap-buffer-overflow on address", "ERROR: AddressSanitizer",
                 {"ASAN_OPTIONS": "detect_leaks=0:halt_on_error=0"}),
    "ubsan": Tool("bad_overflow", "signed integer overflow", "runtime error"),
    # It leaves few addresses to programs. MPI is not instrumented, and uses what is.
    "tsan": Tool("bad_race", "data race", "WARNING: ThreadSanitizer",
                 {"DSM_SEGMENT_BASE": "0x1000000000", "DSM_SEGMENT_SIZE": "4G",
                  "TSAN_OPTIONS": "ignore_noninstrumented_modules=1"}, ("setarch", "-R")),
    # It has no userfaultfd, and takes pages without rights for memory that may not be used.
    "valgrind": Tool("bad_heap", "Invalid read of size 1", "Invalid ",
                     {"DSM_SEGMENT_BASE": "0x4000000000", "DSM_SEGMENT_SIZE": "64M", "DSM_FAULT": "mprotect",
                      "DSM_TIMEOUT": "0"},
                     ("valgrind", "-q", "--ignore-ranges=0x4000000000-0x4003ffffff")),
}


def skip(reason):
    print(reason)
    sys.exit(SKIPPED)


def run(options, tool, mode):
    command = ["timeout", str(SECONDS_MAX), options.mpiexec, "--oversubscribe", "--bind-to", "none", "-n", "2",
               *tool.launcher, options.program, mode]
    environment = {**os.environ, **tool.variables}
    said = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", check=False, cwd=options.scratch, env=environment).stdout
    print(" ".join([*(f"{name}={value}" for name, value in tool.variables.items()), *command]))
    print(said)
    return said


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tool", choices=TOOLS)
    for name in ("program", "scratch"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--mpiexec", default="mpirun")
    options = parser.parse_args()
    tool = TOOLS[options.tool]
    shutil.rmtree(options.scratch, ignore_errors=True)
    os.makedirs(options.scratch)
    if tool.launcher and shutil.which(tool.launcher[0]) is None:
        skip(f"{tool.launcher[0]} is not installed")
    if tool.launcher and subprocess.run([*tool.launcher, "true"], check=False).returncode != 0:
        skip(f"{' '.join(tool.launcher)} starts no program here, as where a container's profile forbids setarch")
    said = run(options, tool, tool.mistake)
    if COUNTED not in said:
        sys.exit(f"the program did not come as far as '{COUNTED}'")
    if tool.report not in said or said.count(tool.any_report) != 1:
        sys.exit(f"one report was expected, '{tool.report}', of the one mistake")


if __name__ == "__main__":
    main()
