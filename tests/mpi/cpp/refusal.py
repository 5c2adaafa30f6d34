#!/usr/bin/env python3
"""Compiles a file as it stands, which must succeed, and with -DREFUSED, where every line marked `// refused` must fail
with a static assertion of libdsm's.

    refusal.py COMPILER SOURCE [FLAG...]
"""

import re
import subprocess
import sys
from pathlib import Path

OURS = re.compile(r"static assertion failed: libdsm: (.*)")


def compile_file(command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def refused_lines(output, source):
    """Line numbers of the source from which an assertion of ours was instantiated, and its words."""
    place = re.compile(re.escape(source) + r":(\d+):\d+:\s+required from here")
    line = None
    for text in output.splitlines():
        if found := place.search(text):
            line = int(found[1])
        elif ours := OURS.search(text):
            yield line, ours[1]


def main():
    compiler, source, *flags = sys.argv[1:]
    command = [compiler, "-std=c++20", "-fsyntax-only", "-fmessage-length=0", *flags, source]
    accepted, output = compile_file(command)
    if not accepted:
        print(f"the right types do not compile:\n{output}")
        return 1
    _, output = compile_file([*command, "-DREFUSED"])
    words = dict(refused_lines(output, source))
    lines = Path(source).read_text(encoding="utf-8").splitlines()
    marked = [number for number, text in enumerate(lines, 1) if text.rstrip().endswith("// refused")]
    for number in marked:
        print(f"{number}: {lines[number - 1].strip()}\n    {words.get(number, 'NOT REFUSED')}")
    return 0 if marked and all(number in words for number in marked) else 1


if __name__ == "__main__":
    sys.exit(main())
