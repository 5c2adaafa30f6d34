// Reads folders and files.
#include "tests/litmus/files.hpp"

#include "tests/litmus/parser.hpp"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace dsm::litmus {

std::vector<LitmusTest> load(const std::string &path, bool &is_refused) {
    std::vector<std::filesystem::path> paths;
    std::error_code code;
    if (std::filesystem::is_directory(path, code)) {
        for (const auto &entry : std::filesystem::directory_iterator(path, code)) {
            if (entry.path().extension() == ".litmus") { paths.push_back(entry.path()); }
        }
        std::sort(paths.begin(), paths.end());
    } else {
        paths.emplace_back(path);
    }
    std::vector<LitmusTest> tests;
    for (const auto &one : paths) {
        std::ifstream file(one, std::ios::binary);
        std::ostringstream text;
        text << file.rdbuf();
        ParseResult result = parse(text.str());
        if (!file || !result.test) {
            std::fprintf(stderr, "%s:%u: %s\n", one.c_str(), result.error.line,
                         file ? result.error.reason.c_str() : "cannot be read");
            is_refused = true;
            continue;
        }
        tests.push_back(std::move(*result.test));
    }
    if (paths.empty()) {
        std::fprintf(stderr, "%s: no litmus file\n", path.c_str());
        is_refused = true;
    }
    return tests;
}

} // namespace dsm::litmus
