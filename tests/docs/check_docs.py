#!/usr/bin/env python3
"""Checks that the documents are complete and that their links lead somewhere.

    check_docs.py ROOT

- docs/reference.md names every function, type, field and constant of the public headers;
- docs/environment.md names every DSM_* variable that libdsm/runtime/options.cpp knows;
- every relative link of README.md, CHANGELOG.md and docs/ names a file that is there, and a heading that it has.

Prints one line per finding and exits 1 when there is any.
"""

import re
import sys
from pathlib import Path

HEADER_FOLDERS = ["libdsm/include/dsm", "mpi_transport/include/dsm"]
GUARD = re.compile(r"^#ifndef (DSM_\w+_HP*)$", re.MULTILINE)
DETAIL = re.compile(r"^namespace detail \{.*?^\} // namespace detail$", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
C_FUNCTION = re.compile(r"^DSM_API\b[^;(]*?(\w+)\(", re.MULTILINE)
C_CONSTANT = re.compile(r"^\s*#define\s+(DSM_\w+)|^\s*(DSM_[A-Z_]+)\b\s*(?:=|,|$)", re.MULTILINE)
C_TYPE = re.compile(r"^(?:typedef [^;{]*|})\s*(dsm_\w+_t);", re.MULTILINE)
C_FIELD = re.compile(r"^    (?:uint64_t|int|size_t|dsm_\w+_t) (\w+);", re.MULTILINE)
CPP_NAME = re.compile(r"^(?:class|struct) (\w+)|^(?:inline |requires \S+ )*[\w:<>]+ (\w+)\(", re.MULTILINE)
VARIABLE = re.compile(r'"(DSM_[A-Z_]+)"')
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
NOT_FOR_USERS = {"DSM_API"}


def public_names(root):
    for header in (header for folder in HEADER_FOLDERS for header in sorted((root / folder).iterdir())):
        text = GUARD.sub("", COMMENT.sub("", DETAIL.sub("", header.read_text(encoding="utf-8"))), 1)
        text = re.sub(r"^#define DSM_\w+_HP*$", "", text, count=1, flags=re.MULTILINE)
        if header.suffix == ".hpp":
            yield from ("dsm::" + (a or b) for a, b in CPP_NAME.findall(text))
            continue
        yield from C_FUNCTION.findall(text)
        yield from C_TYPE.findall(text)
        yield from C_FIELD.findall(text)
        yield from (a or b for a, b in C_CONSTANT.findall(text))


def missing_names(root):
    reference = (root / "docs/reference.md").read_text(encoding="utf-8")
    for name in sorted(set(public_names(root)) - NOT_FOR_USERS):
        if not re.search(re.escape(name) + r"(?!\w)", reference):
            yield f"docs/reference.md: {name} is missing"


def missing_variables(root):
    environment = root / "docs/environment.md"
    text = environment.read_text(encoding="utf-8") if environment.is_file() else ""
    options = (root / "libdsm/runtime/options.cpp").read_text(encoding="utf-8")
    for name in sorted(set(VARIABLE.findall(options)) - {"DSM_"}):
        if name not in text:
            yield f"docs/environment.md: {name} is missing"


def anchors_of(document):
    """The anchors that the usual renderers give to headings."""
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def broken_links(root):
    for document in [root / "README.md", root / "CHANGELOG.md", *sorted((root / "docs").rglob("*.md"))]:
        for link in LINK.findall(CODE.sub("", document.read_text(encoding="utf-8"))):
            if re.match(r"\w+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (document.parent / path) if path else document
            if not target.exists():
                yield f"{document.relative_to(root)}: no file {path}"
            elif anchor and target.suffix == ".md" and anchor not in anchors_of(target):
                yield f"{document.relative_to(root)}: no heading #{anchor} in {target.name}"


def main():
    root = Path(sys.argv[1]).resolve()
    findings = [*missing_names(root), *missing_variables(root), *broken_links(root)]
    print("\n".join(findings))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
