#!/usr/bin/env python3
"""Runs a program of two nodes with rank 0 under gdb, or has it leave a core file, and reads what gdb says.

    check_debugger.py CASE --program PROGRAM --gdb-script FILE --mpiexec PROGRAM --scratch DIR

CASE: breakpoint (stops there, and at no fault before), null and wild (stops at the program's own fault), core_null
and core_abort (a core file contains what is present). Variables DSM_* are taken from the environment. Exit code 77,
"skipped", where gdb is missing, may not trace, or core files go elsewhere.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

SKIPPED = 77
SECONDS_MAX = 50
PASSED_OVER = ["received signal SIGSEGV", "received signal SIGBUS"]
BREAK = ["-ex", "break stop_here", "-ex", "run"]
LOOK = ["-ex", "print shared->turns", "-ex", "print shared->answer", "-ex", "dsm-where",
        "-ex", "dsm-x &shared->answer 1",
        "-ex", "print *(long *) $dsm_view", "-ex", "dsm-fetch &shared->elsewhere", "-ex", "print shared->elsewhere"]
END = ["-ex", "continue"]
# What gdb is told, what it must say and what it must not.
LIVE = {
    "breakpoint": (BREAK + LOOK + END,
                   ["Breakpoint 2, stop_here", "= 20", "= 4711", "= 815", "shared memory: 0x", "exited normally"],
                   PASSED_OVER + ["program's own"]),
    "null": (["-ex", "run", "-ex", "print how"] + END,
             ["program's own", "crash_here (how=", '"null"', "terminated with signal SIGSEGV"],
             PASSED_OVER),
    "wild": (["-ex", "run"] + END, ["program's own", "crash_here (how=", "terminated with signal SIG"], PASSED_OVER),
}
CORE = {
    "core_null": ["Program terminated with signal SIGSEGV", "crash_here", "= 20", "= 4711"],
    "core_abort": ["Program terminated with signal SIGABRT", "crash_here", "= 20", "= 4711"],
}


def skip(reason):
    print(reason)
    sys.exit(SKIPPED)


def run(command, **options):
    result = subprocess.run(["timeout", str(SECONDS_MAX), *map(str, command)], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
                            **options)
    print(" ".join(map(str, command)) + "\n" + result.stdout)
    return result.stdout


def judge(output, expected, unexpected=()):
    findings = [f"'{text}' is missing" for text in expected if text not in output]
    findings += [f"'{text}' is there" for text in unexpected if text in output]
    if findings:
        sys.exit("\n".join(findings))


def check_live(options):
    commands, expected, unexpected = LIVE[options.case]
    mode = "run" if options.case == "breakpoint" else options.case
    gdb = ["gdb", "-nx", "-batch", "-x", options.gdb_script, *commands, "--args"]
    # A rank of its own for gdb, so that its output is in one piece.
    output = run([options.mpiexec, "--oversubscribe", "--bind-to", "none", "-n", 1, *gdb, options.program, mode,
                  ":", "-n", 1, options.program, mode])
    if "ptrace: Operation not permitted" in output:
        skip("gdb may not trace here")
    judge(output, expected, unexpected)


def check_core(options):
    if Path("/proc/sys/kernel/core_pattern").read_text(encoding="utf-8").startswith(("|", "/")):
        skip("core files do not go to the working directory here")
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    if hard == 0:
        skip("core files are not allowed here")
    os.environ["DSM_CORE"] = "present"
    run([options.mpiexec, "--oversubscribe", "--bind-to", "none", "-n", 2, options.program,
         options.case.removeprefix("core_")], cwd=options.scratch,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard)))
    cores = list(options.scratch.glob("core*"))
    if len(cores) != 1:
        sys.exit(f"core files: {cores}")
    bytes_on_disk = cores[0].stat().st_blocks * 512
    print(f"{bytes_on_disk >> 20} MiB on disk")
    judge(run(["gdb", "-nx", "-batch", "-ex", "print shared->turns", "-ex", "print shared->answer", "-ex", "bt",
               options.program, cores[0]]), CORE[options.case])
    cores[0].unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("case", choices=[*LIVE, *CORE])
    for name in ("program", "gdb-script", "scratch"):
        parser.add_argument(f"--{name}", type=lambda path: Path(path).resolve(), required=True)
    parser.add_argument("--mpiexec", default="mpirun")
    parser.add_argument("--needs", help="a program that fails where DSM_FAULT=userfaultfd cannot be had")
    options = parser.parse_args()
    if options.needs and os.environ.get("DSM_FAULT") == "userfaultfd":
        if subprocess.run([options.needs], check=False).returncode != 0:
            skip("no userfaultfd here")
    if shutil.which("gdb") is None:
        skip("gdb is not installed")
    shutil.rmtree(options.scratch, ignore_errors=True)
    options.scratch.mkdir(parents=True)
    if options.case in LIVE:
        check_live(options)
    else:
        check_core(options)


if __name__ == "__main__":
    main()
