#!/usr/bin/env python3
"""Installs libdsm into a scratch folder and builds and runs a small program against it, as a user would.

    check_install.py tree     --build DIR --source DIR --scratch DIR --mpiexec PROGRAM
        `cmake --install`; then the consumer by find_package and by pkg-config, in C and C++, shared and static
    check_install.py packages (the same options)
        the packages of cpack, unpacked with dpkg-deb; what they say of themselves; then the consumer by find_package
    check_install.py symbols  --build DIR --source DIR
        the shared library exports what the headers mark DSM_API and the MPI calls that it checks, and no more; the
        archive's names are all dsm's

Exit code 77, "skipped", where a tool is missing (dpkg-deb, pkg-config).
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

SKIPPED = 77
EXPECTED = "2 ranks counted to 200"
HEADER_FOLDERS = ["libdsm/include/dsm", "mpi_transport/include/dsm"]
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
CHECKED_CALLS = "mpi_transport/checked_calls/checked_calls.cpp"
CHECKED_NAME = re.compile(r"^CHECKED(?:_BOTH)?\((\d+), (\w+)(?:, \d+, (\w+))?", re.MULTILINE)
API_NAME = re.compile(r"\bDSM_API\b[^;(]*?\b(dsm_\w+)\s*[(;]")


def run(*command, **options):
    """The command's output; a command that fails ends the test with what it said."""
    words = [str(word) for word in command]
    result = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
    if result.returncode != 0:
        sys.exit(f"{' '.join(words)}\ngave {result.returncode}:\n{result.stdout}")
    return result.stdout


def need(*tools):
    for tool in tools:
        if shutil.which(tool) is None:
            print(f"{tool} is not installed")
            sys.exit(SKIPPED)


def environment(**more):
    result = {name: value for name, value in os.environ.items() if not name.startswith("DSM_")}
    result.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1", DSM_RANKS_PER_NODE="1", **more)
    return result


def run_consumer(options, program, library_folder):
    output = run("timeout", "40", options.mpiexec, "--oversubscribe", "--bind-to", "none", "-n", "2", program,
                 env=environment(LD_LIBRARY_PATH=str(library_folder)))
    if EXPECTED not in output:
        sys.exit(f"{program} did not say '{EXPECTED}':\n{output}")
    print(f"{program.name} runs")


def by_cmake(options, prefix, library_folder):
    build = options.scratch / "by-cmake"
    run("cmake", "-S", options.source / "tests/install/consumer", "-B", build, "-DCMAKE_BUILD_TYPE=Debug",
        f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", build)
    for program in sorted(build.glob("*/consumer_*_*")):
        if program.is_file():
            run_consumer(options, program, library_folder)


def by_pkg_config(options, pkgconfig_folder, library_folder):
    c, cpp = (options.cc, "-std=c11"), (options.cxx, "-std=c++20")
    sources = [("dsm", "consumer.c", c), ("dsm", "consumer.cpp", cpp), ("dsm-pmpi", "consumer_pmpi.c", c)]
    for name, source, (compiler, standard) in sources:
        for package in (name, f"{name}-static"):
            flags = run("pkg-config", "--cflags", "--libs", package,
                        env=environment(PKG_CONFIG_PATH=str(pkgconfig_folder))).split()
            program = options.scratch / f"by_pkg_config_{package}_{source.replace('.', '_')}"
            run(compiler, standard, options.source / "tests/install/consumer" / source, *flags, "-o", program)
            run_consumer(options, program, library_folder)


def library_folder_in(prefix):
    library = next(prefix.rglob("libdsm.so"), None)
    if library is None:
        sys.exit(f"no libdsm.so below {prefix}")
    return library.parent


def check_headers(options, prefix):
    expected = {header.name for folder in HEADER_FOLDERS for header in (options.source / folder).iterdir()}
    installed = {header.name for header in (prefix / "include/dsm").iterdir()}
    if installed != expected:
        sys.exit(f"headers that are installed: {sorted(installed)}, expected: {sorted(expected)}")
    if not (prefix / "share/dsm/dsm.gdb").is_file():
        sys.exit("no share/dsm/dsm.gdb")


def tree(options):
    need("pkg-config")
    prefix = options.scratch / "installed"
    run("cmake", "--install", options.build, "--prefix", prefix)
    check_headers(options, prefix)
    library_folder = library_folder_in(prefix)
    by_cmake(options, prefix, library_folder)
    by_pkg_config(options, library_folder / "pkgconfig", library_folder)


def check_fields(package, expected):
    for field, pattern in expected.items():
        value = run("dpkg-deb", "--field", package, field).strip()
        if not re.search(pattern, value):
            sys.exit(f"{package.name}: {field} is '{value}', expected something like '{pattern}'")


def packages(options):
    need("dpkg-deb", "pkg-config")
    run("cpack", "-G", "DEB", "-B", options.scratch, cwd=options.build)
    root = options.scratch / "root"
    found = sorted(options.scratch.glob("*.deb"))
    names = [package.name.split("_")[0] for package in found]
    if names != ["libdsm-dev", "libdsm0"]:
        sys.exit(f"packages: {names}")
    devel, runtime = found
    check_fields(runtime, {"Version": r"^\d+\.\d+\.\d+$", "Section": "^libs$", "Maintainer": "<.+@.+>",
                           "Depends": r"(?=.*libc6)(?=.*libopenmpi)(?=.*libhwloc)(?=.*libstdc\+\+6)"})
    check_fields(devel, {"Section": "^libdevel$",
                         "Depends": r"(?=.*libdsm0 \(= \d)(?=.*libopenmpi-dev)(?=.*libhwloc-dev)"})
    for package in found:
        run("dpkg-deb", "-x", package, root)
    check_headers(options, root / "usr")
    by_cmake(options, root / "usr", library_folder_in(root / "usr"))


def api_names(source):
    for header in (header for folder in HEADER_FOLDERS for header in (source / folder).iterdir()):
        yield from API_NAME.findall(COMMENT.sub("", header.read_text(encoding="utf-8")))


def checked_names(source):
    """The MPI functions that libdsm defines over PMPI's."""
    for _, *names in CHECKED_NAME.findall((source / CHECKED_CALLS).read_text(encoding="utf-8")):
        yield from (f"MPI_{name}" for name in names if name)


def defined_names(library, *options):
    """(kind, name) of what the library defines for others; the name without its version."""
    for line in run("nm", "--defined-only", "--extern-only", "--format=posix", *options, library).splitlines():
        words = line.split()
        if len(words) >= 2 and len(words[1]) == 1:
            yield words[1], words[0].split("@")[0]


def symbols(options):
    libraries = options.build / "cmake/library"
    expected = set(api_names(options.source)) | set(checked_names(options.source))
    exported = {name for kind, name in defined_names(libraries / "libdsm.so", "--dynamic") if kind != "A"}
    findings = [f"libdsm.so exports {name}, which no header declares" for name in sorted(exported - expected)]
    findings += [f"libdsm.so does not export {name}" for name in sorted(expected - exported)]
    # Weak names are the standard library's templates, which every program may have as well.
    ours = re.compile(r"^dsm_|^_ZT?\w*N3dsm|^_ZT[VIS]\w*3dsm|^_Z\w*3dsm")
    for kind, name in sorted(set(defined_names(libraries / "libdsm.a"))):
        if kind.upper() not in ("V", "W", "U") and not ours.search(name):
            findings.append(f"libdsm.a defines {name}, which is not in namespace dsm")
    print(f"{len(expected)} functions and objects are declared")
    if findings:
        sys.exit("\n".join(findings))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    checks = {"tree": tree, "packages": packages, "symbols": symbols}
    parser.add_argument("check", choices=checks)
    for name in ("build", "source", "scratch"):
        parser.add_argument(f"--{name}", type=lambda path: Path(path).resolve())
    parser.add_argument("--mpiexec", default="mpirun")
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--cxx", default="c++")
    options = parser.parse_args()
    if options.scratch:
        shutil.rmtree(options.scratch, ignore_errors=True)
        options.scratch.mkdir(parents=True)
    checks[options.check](options)


if __name__ == "__main__":
    main()
