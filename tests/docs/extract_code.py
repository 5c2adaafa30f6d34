#!/usr/bin/env python3
"""Takes the code out of the documents: every fenced block marked c or cpp becomes a file of its own.

    extract_code.py FILE.md... OUT                the blocks of the documents, into the folder OUT
    extract_code.py --first cpp FILE.md OUT.cpp   the first C++ block of one document, into one file

A block that includes nothing is a piece of a larger program: it gets the includes that the documents take for granted.
Line numbers in the compiler's messages are those of the document.
"""

import re
import sys
from pathlib import Path

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
TAKEN_FOR_GRANTED = {
    "c": ["dsm/dsm.h", "errno.h", "pthread.h", "stdatomic.h", "stdio.h", "stdlib.h"],
    "cpp": ["dsm/dsm.hpp", "algorithm", "atomic", "cstdio", "cstring", "memory", "mutex", "shared_mutex", "span",
            "thread", "unistd.h", "vector"],
}


def blocks_of(document):
    """(language, line of the first line of code, code) of every block in a language that is compiled."""
    text = document.read_text(encoding="utf-8")
    for match in FENCE.finditer(text):
        if match[1] in TAKEN_FOR_GRANTED:
            yield match[1], text.count("\n", 0, match.start(2)) + 1, match[2]


def source_of(document, language, line, code):
    includes = []
    if "#include" not in code:
        includes = [f"#include <{name}>" for name in TAKEN_FOR_GRANTED[language]]
    return "\n".join([*includes, f'#line {line} "{document.name}"', code])


def main(arguments):
    if arguments[0] == "--first":
        document, out = Path(arguments[2]), Path(arguments[3])
        language, line, code = next(block for block in blocks_of(document) if block[0] == arguments[1])
        out.write_text(source_of(document, language, line, code), encoding="utf-8")
        return 0
    *documents, out = map(Path, arguments)
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("*_line_*"):
        old.unlink()
    for document in documents:
        for language, line, code in blocks_of(document):
            name = f"{document.stem.lower()}_line_{line}.{language}"
            (out / name).write_text(source_of(document, language, line, code), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
