#!/usr/bin/env python3
"""Runs the bundled programs under mpirun and prints a table of what they reported. Called by ci/run.sh.

    run_programs.py BUILD [MPIRUN OPTION...]

A run counts as verified when the program exits with 0 and its report (--json) says so. Each is bounded by timeout(1).
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

DATA = Path("apps/data")  # ci/run.sh starts this in the root of the checkout
RUN_SECONDS_MAX = 180
KILL_AFTER_SECONDS = 10
TIMED_OUT = 124  # timeout's exit code


@dataclass
class Run:
    program: str
    ranks: int
    ranks_per_node: int | None  # None: the library's default, all ranks of a host
    arguments: list[str] = field(default_factory=list)


def planned_runs(build):
    compared = ["--compare", "mpi", "--repeat", "3"]
    matrix = ["--input", str(DATA / "laplace.mtx"), str(DATA / "points.mtx")]
    stencil = ["--input", str(DATA / "plate.png"), "--steps", "200"]
    return [
        Run("double_touch", 2, None),
        Run("double_touch", 2, 1),
        Run("matrix", 2, None, matrix + compared),
        Run("matrix", 4, 1, matrix),
        Run("nbody", 2, None, ["--bodies", "8192"]),
        Run("matrix", 2, 1, ["--size", "1024", "--memory", "release", *compared]),
        Run("nbody", 4, 1, ["--bodies", "1024"]),
        Run("nbody", 4, 1, ["--bodies", "1024", "--memory", "release"]),
        Run("queue", 2, None),
        Run("queue", 4, 1, ["--items", "2000"]),
        Run("sort", 2, None, ["--keys", "2000000", *compared]),
        Run("sort", 4, 1, ["--keys", "4096"]),
        Run("sort", 4, 1, ["--keys", "4096", "--memory", "release"]),
        Run("sort", 4, 1, ["--writes", "buckets"]),
        Run("stencil", 2, None, stencil + compared),
        Run("stencil", 2, 1, ["--size", "2048", "--steps", "200", "--memory", "release", *compared]),
        Run("stencil", 4, 2, stencil),
        Run("stencil", 4, 1, stencil + ["--out", str(build / "heat.png")]),
        Run("wordcount", 1, None, ["--size", "16", "--repeat", "5"]),
        Run("wordcount", 2, None, ["--size", "16", "--repeat", "5"]),
        Run("wordcount", 4, 1, ["--size", "4"]),
    ]


def execute(run, build, mpirun_options, report_path):
    """The report of one run as a dictionary with at least `verified`; false whenever anything went wrong."""
    environment = dict(os.environ)
    if run.ranks_per_node:
        environment["DSM_RANKS_PER_NODE"] = str(run.ranks_per_node)
    command = ["timeout", "--foreground", f"--kill-after={KILL_AFTER_SECONDS}", str(RUN_SECONDS_MAX)]
    command += ["mpirun", "--oversubscribe", "--bind-to", "none", *mpirun_options, "-n", str(run.ranks)]
    command += [str(build / "apps" / run.program), *run.arguments, "--json", str(report_path)]
    nodes = f"DSM_RANKS_PER_NODE={run.ranks_per_node} " if run.ranks_per_node else ""
    print(f"\n$ {nodes}{' '.join(command)}", flush=True)
    report_path.unlink(missing_ok=True)
    code = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False).returncode
    try:
        report = json.loads(report_path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        report = {}
    if code != 0:
        report["failure"] = f"no end in {RUN_SECONDS_MAX} s" if code == TIMED_OUT else f"exit code {code}"
    elif report.get("verified") is not True or report.get("mpi_verified") is False:
        report["failure"] = "result not verified"
    report["verified"] = "failure" not in report
    return report


def number(report, key):
    return f"{report[key]:.3f}" if isinstance(report.get(key), (int, float)) else "-"


def table_row(run, report):
    verified = "yes" if report["verified"] else f"NO: {report['failure']}"
    nodes = str(report.get("nodes", "-"))
    memory = report.get("memory", "-")
    backend = report.get("fault_backend", "-")
    seconds, ratio = number(report, "seconds"), number(report, "ratio")
    return [run.program, str(run.ranks), nodes, memory, backend, seconds, ratio, verified]


def print_table(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    print()
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())


def main():
    build, mpirun_options = Path(sys.argv[1]), sys.argv[2:]
    rows = [["program", "ranks", "nodes", "memory", "faults", "seconds", "MPI/libdsm", "verified"]]
    all_verified = True
    with tempfile.TemporaryDirectory() as folder:
        for run in planned_runs(build):
            report = execute(run, build, mpirun_options, Path(folder) / "report.json")
            rows.append(table_row(run, report))
            all_verified = all_verified and report["verified"]
    print_table(rows)
    return 0 if all_verified else 1


if __name__ == "__main__":
    sys.exit(main())
