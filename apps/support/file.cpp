// Whole files in and out, by the C library, whose errno says why something failed.
#include "apps/support/file.hpp"

#include "apps/support/input_error.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

namespace apps {
namespace {

struct CloseFile {
    void operator()(std::FILE *file) const noexcept { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

File open_file(const std::string &path, const char *mode) {
    File file(std::fopen(path.c_str(), mode));
    if (!file) { throw InputError(path, std::strerror(errno)); }
    return file;
}

} // namespace

std::string read_file(const std::string &path, std::size_t max_bytes) {
    const File file = open_file(path, "rb");
    std::string bytes;
    char buffer[1 << 16];
    for (;;) {
        const std::size_t count = std::fread(buffer, 1, sizeof buffer, file.get());
        if (count > max_bytes - bytes.size()) {
            throw InputError(path, "is too large, the limit is " + std::to_string(max_bytes) + " bytes");
        }
        bytes.append(buffer, count);
        if (count == sizeof buffer) { continue; }
        if (std::ferror(file.get()) != 0) { throw InputError(path, std::strerror(errno)); }
        return bytes;
    }
}

void write_file(const std::string &path, std::string_view bytes) {
    File file = open_file(path, "wb");
    const bool written = std::fwrite(bytes.data(), 1, bytes.size(), file.get()) == bytes.size();
    // Closing writes what is still buffered: only then is it known whether the disk had room.
    if (std::fclose(file.release()) != 0 || !written) { throw InputError(path, std::strerror(errno)); }
}

void check_writable(const std::string &path) { open_file(path, "ab"); }

} // namespace apps
