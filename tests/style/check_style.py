#!/usr/bin/env python3
"""Checks the rules of form that no compiler checks: who may include whom, and what every source file looks like.

    check_style.py ROOT [--format]

Prints one line per finding (file:line: what is wrong) and exits 1 when there is any. With --format it checks nothing
but clang-format's opinion, and exits 77 ("skipped") where clang-format 14 is not installed: another version
formats differently.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LAYERS = ["base", "transport", "memory", "protocol", "sync", "runtime", "api"]  # bottom up
PURE_LAYERS = ["protocol", "sync"]  # no clock, no thread, no signal, no socket, no MPI, no file
SOURCE_FOLDERS = ["libdsm", "mpi_transport", "apps", "tests", "cmake", "ci"]

C_FAMILY = {".c", ".h", ".cpp", ".hpp"}
HASH_FAMILY = {".py", ".sh", ".cmake", ".txt"}
LINES_WARNED, LINES_MAX = 500, 700
COLUMNS_MAX = 120
SKIPPED = 77

# What reaches the operating system, the clock or another thread, as the text between the angle brackets.
IMPURE = re.compile(
    r"(thread|mutex|shared_mutex|condition_variable|future|semaphore|latch|barrier|stop_token|chrono|csignal|ctime|"
    r"filesystem|fstream|signal\.h|time\.h|unistd\.h|fcntl\.h|poll\.h|pthread\.h|semaphore\.h|sched\.h|mpi\.h|"
    r"ucontext\.h|netdb\.h|(sys|linux|netinet|arpa|asm|boost/fiber|boost/context)/.*)"
)
C_STANDARD_HEADERS = set(
    "assert.h complex.h ctype.h errno.h float.h inttypes.h limits.h locale.h math.h signal.h stdalign.h stdarg.h "
    "stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h time.h uchar.h wchar.h".split()
)
# What a public header may include besides, to declare functions that are called as those of the system.
POSIX_HEADERS = {"sys/socket.h", "sys/types.h", "sys/uio.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:<([^>]+)>|"([^"]+)")')
# A comment, a string or a character literal; what is left of a file without them is code.
NO_CODE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


@dataclass(frozen=True)
class Finding:
    path: Path
    line: int
    text: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Include:
    line: int
    name: str  # as it is written
    target: Path | None  # the file of this project that it names, relative to the root


class Tree:
    """The project's source files, by path relative to the root, and what each of them includes."""

    def __init__(self, root):
        self.root = root
        self.files = sorted(self._source_files())
        self._include_roots = [Path("."), Path("libdsm/include"), Path("mpi_transport/include")]
        self.includes = {path: self._includes_of(path) for path in self.files if path.suffix in C_FAMILY}

    def _source_files(self):
        candidates = [path for folder in SOURCE_FOLDERS for path in (self.root / folder).rglob("*")]
        for path in candidates + [self.root / "CMakeLists.txt"]:
            known = path.suffix in C_FAMILY | HASH_FAMILY - {".txt"} or path.name == "CMakeLists.txt"
            if known and path.is_file():
                yield path.relative_to(self.root)

    def text(self, path):
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def _includes_of(self, path):
        found = []
        for number, line in enumerate(self.text(path).split("\n"), 1):
            if match := INCLUDE.match(line):
                name = match[1] or match[2]
                beside = [path.parent] if match[2] else []
                targets = [Path(os.path.normpath(folder / name)) for folder in beside + self._include_roots]
                found.append(Include(number, name, next((t for t in targets if (self.root / t).is_file()), None)))
        return found


def is_public_header(path):
    return path.parts[1:2] == ("include",)


def layer_of(path):
    """The layer that a file belongs to, or None outside the library (public headers belong to no layer)."""
    return path.parts[1] if path.parts[0] == "libdsm" and len(path.parts) > 2 and path.parts[1] in LAYERS else None


def may_include_mpi(path):
    in_comparison = path.parts[0] == "apps" and any("mpi" in part for part in path.parts[1:])
    return path.parts[0] == "mpi_transport" or path.parts[:2] == ("tests", "mpi") or in_comparison


def include_rule_broken(path, target):
    """Why the file at `path` may not include the project's file `target`; None when it may."""
    layer, used = layer_of(path), layer_of(target)
    if is_public_header(path):
        return None if is_public_header(target) else "a public header includes only standard and public headers"
    if layer and used and LAYERS.index(used) > LAYERS.index(layer):
        return f"{layer} may not include {used}, which stands above it"
    if layer and target.parts[0] != "libdsm":
        return f"the library may not include {target.parts[0]}"
    if path.parts[0] == "mpi_transport" and used not in (None, "base", "transport"):
        return f"mpi_transport includes libdsm/base and libdsm/transport alone, not {used}"
    if path.parts[0] == "apps" and target.parts[0] != "apps" and not is_public_header(target):
        return "a program includes only public headers of the library"
    return None


def check_includes(tree):
    for path, includes in tree.includes.items():
        for include in includes:
            if include.target:
                if reason := include_rule_broken(path, include.target):
                    yield Finding(path, include.line, f"includes {include.name}: {reason}")
            elif include.name == "mpi.h" and not may_include_mpi(path):
                yield Finding(path, include.line, "includes mpi.h: only mpi_transport, tests/mpi and the programs' "
                                                  "comparison with MPI (files named *mpi*) may")
            elif is_public_header(path) and include.name != "mpi.h":
                is_standard = (include.name in C_STANDARD_HEADERS | POSIX_HEADERS
                               or re.fullmatch(r"[a-z_]+", include.name))
                if not is_standard:
                    yield Finding(path, include.line, f"includes {include.name}: a public header includes only "
                                                      "standard and public headers")


def check_purity(tree):
    """The pure layers reach no impure header, directly or through the project's own headers."""
    for path in tree.includes:
        if layer_of(path) not in PURE_LAYERS:
            continue
        seen, waiting = {path}, [(path, include, include.line, []) for include in tree.includes[path]]
        while waiting:
            source, include, line, way = waiting.pop()
            if not include.target and IMPURE.fullmatch(include.name):
                through = f" through {' and '.join(way)}" if way else ""
                yield Finding(path, line, f"reaches {include.name}{through}: {layer_of(path)} is pure")
            if include.target in tree.includes and include.target not in seen:
                seen.add(include.target)
                further = tree.includes[include.target]
                waiting += [(include.target, next_one, line, way + [str(include.target)]) for next_one in further]


def without_comments(text):
    """The code of a C or C++ file, at its old line numbers."""
    return NO_CODE.sub(lambda match: "\n" * match[0].count("\n") or " ", text)


def check_switches(tree):
    for path in tree.includes:
        if layer_of(path) not in PURE_LAYERS:
            continue
        for number, line in enumerate(without_comments(tree.text(path)).split("\n"), 1):
            if re.search(r"\bdefault\s*:", line):
                yield Finding(path, number, "default: hides a state or an event that nobody thought of")


def begins_with_comment(path, text):
    if path.suffix in C_FAMILY:
        return text.startswith(("//", "/*"))
    lines = text.split("\n")
    first = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
    return first.startswith("# ") or (path.suffix == ".py" and first.startswith('"""'))


def check_form(tree):
    for path in tree.files:
        text = tree.text(path)
        lines = text.split("\n")
        if not begins_with_comment(path, text):
            yield Finding(path, 1, "the file does not begin with a comment that says what lives here")
        if not text.endswith("\n"):
            yield Finding(path, len(lines), "no newline at the end of the file")
        if len(lines) - 1 > LINES_MAX:
            yield Finding(path, LINES_MAX, f"{len(lines) - 1} lines; {LINES_MAX} are the most")
        for number, line in enumerate(lines, 1):
            if "\t" in line:
                yield Finding(path, number, "tab")
            if line != line.rstrip():
                yield Finding(path, number, "blank at the end of the line")
            if len(line) > COLUMNS_MAX:
                yield Finding(path, number, f"{len(line)} columns; {COLUMNS_MAX} are the most")


def findings(root):
    tree = Tree(Path(root))
    checks = [check_includes, check_purity, check_switches, check_form]
    return [finding for check in checks for finding in check(tree)]


def long_files(root):
    tree = Tree(Path(root))
    lengths = [(path, tree.text(path).count("\n")) for path in tree.files]
    return [(path, length) for path, length in lengths if LINES_WARNED < length <= LINES_MAX]


def clang_format():
    """The program to call, or None: version 14 is what Debian 12 has."""
    for name in ["clang-format-14", "clang-format"]:
        if program := shutil.which(name):
            version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
            if re.search(r"version 14\.", version):
                return program
    return None


def check_format(root):
    program = clang_format()
    if not program:
        print("skipped: clang-format 14 is not installed")
        return SKIPPED
    tree = Tree(Path(root))
    if not tree.includes:
        return 0
    return subprocess.run([program, "--dry-run", "-Werror", *map(str, tree.includes)], cwd=root, check=False).returncode


def main():
    parser = argparse.ArgumentParser(description="Checks the project's rules of form.")
    parser.add_argument("root")
    parser.add_argument("--format", action="store_true", help="check only clang-format's opinion")
    options = parser.parse_args()
    if options.format:
        return check_format(options.root)
    for path, length in long_files(options.root):
        print(f"{path}: warning: {length} lines; think of splitting it")
    found = findings(options.root)
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
