#!/usr/bin/env python3
"""Tests of check_style.py: each planted violation is found where it stands, and sound code gives no finding."""

import tempfile
import unittest
from pathlib import Path

import check_style


class CheckStyleTest(unittest.TestCase):
    def setUp(self):
        self._folder = tempfile.TemporaryDirectory()
        self.addCleanup(self._folder.cleanup)
        self.root = Path(self._folder.name)
        self.write("libdsm/base/types.h", "// Types.\n#include <cstdint>\n")

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")

    def findings(self):
        return [str(finding) for finding in check_style.findings(self.root)]

    def assert_finds(self, path, text, expected):
        """With `text` at `path`, exactly one finding, which begins with path:line and holds the expected words."""
        self.write(path, text)
        found = self.findings()
        self.assertEqual(len(found), 1, found)
        where, words = expected
        self.assertTrue(found[0].startswith(f"{path}:{where}: "), found[0])
        self.assertIn(words, found[0])

    def assert_sound(self, path, text):
        self.write(path, text)
        self.assertEqual(self.findings(), [])

    # Who includes whom.

    def test_a_folder_includes_folders_below_it(self):
        self.assert_sound("libdsm/protocol/a.h", '// A.\n#include "libdsm/base/types.h"\n#include <vector>\n')

    def test_a_folder_above_is_found(self):
        self.write("libdsm/sync/lock.h", "// Lock.\n")
        self.assert_finds("libdsm/memory/a.h", '// A.\n#include "libdsm/sync/lock.h"\n', (2, "memory may not"))

    def test_a_folder_above_is_found_by_a_relative_path(self):
        self.write("libdsm/sync/lock.h", "// Lock.\n")
        self.assert_finds("libdsm/memory/a.h", '// A.\n\n#include "../sync/../sync/lock.h"\n', (3, "memory may not"))

    def test_library_including_the_mpi_transport_is_found(self):
        self.write("mpi_transport/engine.h", "// Engine.\n#include <mpi.h>\n")
        self.assert_finds("libdsm/runtime/a.cpp", '// A.\n#include "mpi_transport/engine.h"\n', (2, "mpi_transport"))

    def test_mpi_transport_including_protocol_is_found(self):
        self.write("libdsm/protocol/a.h", "// A.\n")
        self.assert_finds("mpi_transport/b.h", '// B.\n#include "libdsm/protocol/a.h"\n', (2, "alone"))

    def test_mpi_transport_includes_base_and_public_headers(self):
        self.write("libdsm/include/dsm/dsm.h", "/* Public. */\n#include <stddef.h>\n")
        self.assert_sound("mpi_transport/b.h", '// B.\n#include "libdsm/base/types.h"\n#include <dsm/dsm.h>\n')

    def test_mpi_is_included_where_it_may_be(self):
        for path in ["mpi_transport/a.h", "tests/mpi/a.cpp", "apps/matrix_mpi.cpp", "apps/mpi/a.cpp"]:
            self.assert_sound(path, "// A.\n#include <mpi.h>\n")

    def test_mpi_elsewhere_is_found(self):
        self.assert_finds("apps/matrix.cpp", "// A.\n#include <mpi.h>\n", (2, "mpi.h"))

    def test_a_program_including_an_inner_header_is_found(self):
        self.assert_finds("apps/a.cpp", '// A.\n#include "libdsm/base/types.h"\n', (2, "public headers"))

    def test_a_public_header_including_an_inner_one_is_found(self):
        self.assert_finds("libdsm/include/dsm/a.h", '/* A. */\n#include "libdsm/base/types.h"\n', (2, "public header"))

    def test_a_public_header_including_a_system_header_is_found(self):
        self.assert_finds("libdsm/include/dsm/a.h", "/* A. */\n#include <sys/mman.h>\n", (2, "public header"))

    def test_public_headers_include_standard_headers_and_each_other(self):
        self.write("libdsm/include/dsm/dsm.h", "/* Public. */\n#include <stdint.h>\n")
        self.assert_sound("libdsm/include/dsm/dsm.hpp", "/* C++. */\n#include <dsm/dsm.h>\n#include <system_error>\n")

    # Purity of protocol and sync.

    def test_impure_headers_in_pure_folders_are_found(self):
        for header in ["thread", "mutex", "chrono", "csignal", "sys/mman.h", "unistd.h", "linux/futex.h"]:
            self.assert_finds("libdsm/sync/a.h", f"// A.\n#include <{header}>\n", (2, "pure"))

    def test_an_impure_header_reached_through_another_is_found(self):
        self.write("libdsm/base/clock.h", "// Clock.\n#include <chrono>\n")
        text = '// A.\n#include "libdsm/base/clock.h"\n'
        self.assert_finds("libdsm/protocol/a.cpp", text, (2, "through libdsm/base/clock.h"))

    def test_impure_headers_in_other_folders_are_sound(self):
        self.assert_sound("libdsm/runtime/a.cpp", "// A.\n#include <chrono>\n#include <unistd.h>\n")

    def test_default_label_in_a_pure_folder_is_found(self):
        text = "// A.\nint f(int x) {\n    switch (x) {\n    default: return 1;\n    }\n}\n"
        self.assert_finds("libdsm/protocol/a.cpp", text, (4, "default"))
        self.assert_sound("libdsm/protocol/a.cpp", "// A.\n")
        self.assert_sound("libdsm/runtime/a.cpp", text)

    def test_the_word_default_elsewhere_is_sound(self):
        text = '// A, by default: none.\nstruct S {\n    S() = default;\n    /* default:\n    */\n    char c = \'"\';\n'
        text += "    const char *s = \"default:\"; // default:\n    int n = 1'000;\n};\n"
        self.assert_sound("libdsm/sync/a.h", text)

    # Form.

    def test_a_missing_head_comment_is_found(self):
        self.assert_finds("libdsm/base/a.h", "#pragma once\n// Late.\n", (1, "begin with a comment"))
        self.write("libdsm/base/a.h", "// In time.\n")
        self.assert_finds("ci/a.sh", "#!/bin/sh\nset -e\n", (1, "begin with a comment"))
        self.assert_sound("ci/a.sh", "#!/bin/sh\n# In time.\n")
        self.assert_finds("tests/CMakeLists.txt", "add_test()\n", (1, "begin with a comment"))

    def test_blanks_tabs_long_lines_and_a_missing_newline_are_found(self):
        self.assert_finds("apps/a.cpp", "// A.\nint a; \n", (2, "blank"))
        self.assert_finds("apps/a.cpp", "// A.\n\tint a;\n", (2, "tab"))
        self.assert_finds("apps/a.cpp", "// A.\n//" + "x" * 119 + "\n", (2, "121 columns"))
        self.assert_finds("apps/a.cpp", "// A.\nint a;", (2, "no newline"))

    def test_columns_are_characters_and_not_bytes(self):
        self.assert_sound("apps/a.cpp", "// A.\n//" + "µ" * 118 + "\n")

    def test_long_files_are_warned_of_and_longer_ones_found(self):
        self.write("apps/long.cpp", "// A.\n" + "int a;\n" * 600)
        self.assertEqual(self.findings(), [])
        self.assertEqual(check_style.long_files(self.root), [(Path("apps/long.cpp"), 601)])
        self.assert_finds("apps/long.cpp", "// A.\n" + "int a;\n" * 700, (700, "701 lines"))

    def test_sound_files_beside_the_sources_are_left_alone(self):
        self.assert_sound("apps/data/picture.pgm", "P2 \t\n")

    # The formatter.

    def test_badly_formatted_code_is_refused(self):
        if not check_style.clang_format():
            self.skipTest("clang-format 14 is not installed")
        self.write(".clang-format", "BasedOnStyle: LLVM\n")
        self.assertEqual(check_style.check_format(self.root), 0)
        self.write("apps/a.cpp", "// A.\nint   a ;\n")
        self.assertNotEqual(check_style.check_format(self.root), 0)


if __name__ == "__main__":
    unittest.main()
