#!/usr/bin/env python3
"""Runs one program of this folder, under mpirun or alone, and judges its end and what libdsm said.

    run_case.py [options] -- PROGRAM ARGUMENTS...

Every line of libdsm on standard error must be expected (--say, --may-say): an unexpected warning fails the case. The
run is bounded by --seconds; when it is over, this script ends its own child, and only that.
"""

import argparse
import os
import re
import signal
import subprocess
import sys

SKIPPED = 77
LIBDSM = "libdsm: "
GRACE_S = 5


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mpiexec", default="mpirun")
    parser.add_argument("--ranks", type=int, default=0, help="0: without mpirun, a single rank")
    parser.add_argument("--mca", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"))
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--exit", default="0", help="a code, 'nonzero', 'any', or a signal such as SIGSEGV|SIGBUS")
    parser.add_argument("--say", action="append", default=[], help="a regular expression that a line of libdsm matches")
    parser.add_argument("--say-once", action="append", default=[], help="as --say, and only one line does")
    parser.add_argument("--may-say", action="append", default=[], help="lines of libdsm that may stand there")
    parser.add_argument("--out", action="append", default=[], help="a regular expression that the whole output matches")
    parser.add_argument("--not-out", action="append", default=[])
    parser.add_argument("--needs", default="", help="a program that exits with 77 where the case cannot be run")
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("program", nargs="+")
    return parser.parse_args()


def environment(options):
    result = {name: value for name, value in os.environ.items() if not name.startswith("DSM_")}
    result.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    for setting in options.env:
        name, value = setting.split("=", 1)
        result[name] = value
    return result


def command(options):
    if options.ranks == 0:
        return options.program
    mca = [word for name, value in options.mca for word in ("--mca", name, value)]
    return [options.mpiexec, "--oversubscribe", "--bind-to", "none", "-n", str(options.ranks), *mca, *options.program]


def run(options):
    """Exit code (negative: a signal) and output, or None when the time was over."""
    child = subprocess.Popen(command(options), env=environment(options), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
    try:
        return child.communicate(timeout=options.seconds)[0], child.returncode
    except subprocess.TimeoutExpired:
        for ending in (signal.SIGTERM, signal.SIGKILL):  # mpirun ends its ranks when it is told to end
            child.send_signal(ending)
            try:
                return child.communicate(timeout=GRACE_S)[0], None
            except subprocess.TimeoutExpired:
                pass
        return "", None


def signals_named(wanted):
    return [getattr(signal, name) for name in wanted.split("|")] if wanted.startswith("SIG") else []


def judge_end(options, code):
    if code is None:
        return [f"did not end within {options.seconds:g} s"]
    if options.exit == "any":
        return []
    if options.exit == "nonzero":
        return [] if code != 0 else ["ended with 0"]
    wanted = [int(options.exit)] if options.exit.isdigit() else []
    for number in signals_named(options.exit):
        wanted += [-number, 128 + number]  # alone; as mpirun tells it
    return [] if code in wanted else [f"ended with {code}, expected {options.exit}"]


def judge_lines(options, output):
    # mpirun puts pieces of different ranks on one line now and then: what libdsm says begins where its name stands.
    lines = [LIBDSM + part.strip() for line in output.splitlines() for part in line.split(LIBDSM)[1:]]
    known = options.say + options.say_once + options.may_say
    for pattern in options.say + options.say_once:
        count = sum(1 for line in lines if re.search(pattern, line))
        if count == 0:
            yield f"libdsm did not say: {pattern}"
        elif count > 1 and pattern in options.say_once:
            yield f"libdsm said {count} times: {pattern}"
    for line in lines:
        if not any(re.search(pattern, line) for pattern in known):
            yield f"unexpected line: {line}"


def judge_output(options, output):
    for pattern in options.out:
        if not re.search(pattern, output, re.MULTILINE):
            yield f"nothing in the output matches: {pattern}"
    for pattern in options.not_out:
        if re.search(pattern, output, re.MULTILINE):
            yield f"the output has: {pattern}"


def main():
    options = arguments()
    if options.needs and subprocess.run([options.needs], timeout=20, check=False).returncode != 0:
        print(f"skipped: {os.path.basename(options.needs)} says that this machine cannot")
        return SKIPPED
    output, code = run(options)
    findings = [*judge_end(options, code), *judge_lines(options, output), *judge_output(options, output)]
    print(f"ended with {code}; the output:\n{output}")
    for finding in findings:
        print(f"FAILED: {finding}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
