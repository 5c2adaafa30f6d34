#!/usr/bin/env python3
"""Compiles the code blocks of documents against the public headers, without linking.

    compile_code.py --cc CC --cxx CXX --include DIR... --scratch DIR DOCUMENT...

Prints what the compiler says, with the document's line numbers, and exits 1 when a block does not compile.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import extract_code

WARNINGS = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-fsyntax-only"]


def precompiled(command, scratch):
    """The headers that C++ blocks take for granted, compiled once: the flags that make a compilation use them."""
    header = scratch / "taken_for_granted.hpp"
    names = extract_code.TAKEN_FOR_GRANTED["cpp"]
    header.write_text("".join(f"#include <{name}>\n" for name in names), encoding="utf-8")
    subprocess.run([*command, "-x", "c++-header", str(header), "-o", f"{header}.gch"], check=True)
    return ["-include", str(header)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cc", required=True)
    parser.add_argument("--cxx", required=True)
    parser.add_argument("--include", action="append", default=[])
    parser.add_argument("--scratch", required=True)
    parser.add_argument("documents", nargs="+")
    options = parser.parse_args()
    extract_code.main([*options.documents, options.scratch])
    includes = [f"-I{folder}" for folder in options.include]
    cxx = [options.cxx, "-std=c++20"]
    cxx += precompiled([*cxx, *includes], Path(options.scratch))
    compilers = {".c": [options.cc, "-std=c11", "-D_GNU_SOURCE"], ".cpp": cxx}
    sources = sorted(Path(options.scratch).glob("*_line_*"))
    refused = []
    for source in sources:
        command = [*compilers[source.suffix], *WARNINGS, *includes, str(source)]
        if subprocess.run(command, check=False).returncode != 0:
            refused.append(source.name)
    print(f"{len(sources)} blocks, {len(refused)} do not compile {' '.join(refused)}")
    return 1 if refused or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
