// Files as shared memory: read by all ranks, written by all and synced by any, private, partial, two binds, bind again,
// a file that another program changes, refusals.
#include "tests/mpi/support/job.hpp"
#include "tests/mpi/support/random.hpp"

#include <cstdint>
#include <fcntl.h>
#include <string>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <vector>

namespace {

using dsm_test::Random;
using Bytes = std::vector<unsigned char>;

constexpr std::size_t page = 4096;
/// Over an area of 2 MiB, and the last page is not full.
constexpr std::size_t file_bytes = (std::size_t{2} << 20U) + 75 * page + 345;

constexpr std::size_t ranks_max = 64;

struct Board {
    unsigned char *memory;
    unsigned char *of_rank[ranks_max];
};

Board *board;
std::string path; // On the keeper's rank alone it is looked at.

bool keeps(int keeper) { return dsm_rank() == keeper; }
unsigned char byte_at(std::size_t at) { return static_cast<unsigned char>(at * 131 + at / page * 7 + 1); }

Bytes pattern(std::size_t bytes) {
    Bytes all(bytes);
    for (std::size_t at = 0; at < bytes; ++at) { all[at] = byte_at(at); }
    return all;
}

void write_file(const Bytes &bytes) {
    const int file = ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    DSM_REQUIRE(file >= 0);
    DSM_REQUIRE_EQUAL(::write(file, bytes.data(), bytes.size()), bytes.size());
    ::close(file);
}

Bytes read_file() {
    const int file = ::open(path.c_str(), O_RDONLY);
    struct stat status {};
    DSM_REQUIRE(file >= 0 && ::fstat(file, &status) == 0);
    Bytes bytes(static_cast<std::size_t>(status.st_size));
    DSM_REQUIRE_EQUAL(::read(file, bytes.data(), bytes.size()), bytes.size());
    ::close(file);
    return bytes;
}

void write_at(std::size_t at, const char *text, std::size_t bytes) {
    const int file = ::open(path.c_str(), O_WRONLY);
    DSM_REQUIRE(file >= 0 && ::pwrite(file, text, bytes, static_cast<off_t>(at)) == static_cast<ssize_t>(bytes));
    ::close(file);
}

/// The keeper binds and everybody gets the address.
unsigned char *bind_for_all(int keeper, std::uint64_t offset, std::size_t length, int flags) {
    if (keeps(keeper)) {
        board->memory = static_cast<unsigned char *>(dsm_bind(path.c_str(), offset, length, flags));
        DSM_REQUIRE(board->memory != nullptr);
    }
    dsm_barrier_all();
    unsigned char *memory = board->memory;
    dsm_barrier_all();
    return memory;
}

void unbind_by(int rank, unsigned char *memory) {
    dsm_barrier_all();
    if (dsm_rank() == rank) { DSM_REQUIRE_EQUAL(dsm_unbind(memory), 0); }
    dsm_barrier_all();
}

void require_equal(const unsigned char *memory, const Bytes &expected, std::size_t first, std::size_t end) {
    for (std::size_t at = first; at < end; ++at) { DSM_REQUIRE_EQUAL(memory[at], expected[at]); }
}

/// Every rank reads everything, each from another place on.
void test_read(int keeper) {
    if (keeps(keeper)) { write_file(pattern(file_bytes)); }
    const Bytes expected = pattern(file_bytes);
    const unsigned char *memory = bind_for_all(keeper, 0, 0, DSM_BIND_READ | DSM_BIND_SHARED);
    const std::size_t start = file_bytes / static_cast<std::size_t>(dsm_size()) * static_cast<std::size_t>(dsm_rank());
    require_equal(memory, expected, start, file_bytes);
    require_equal(memory, expected, 0, start);
    for (std::size_t at = file_bytes; at % page != 0; ++at) { DSM_REQUIRE_EQUAL(memory[at], 0); }
    DSM_REQUIRE_EQUAL(dsm_sync(memory, 0), 0);
    unbind_by(dsm_size() - 1, const_cast<unsigned char *>(memory));
}

/// What the file becomes after the bind, before a touch, is what is read: nothing is read ahead of need.
void test_on_demand(int keeper) {
    if (keeps(keeper)) { write_file(pattern(file_bytes)); }
    const unsigned char *memory = bind_for_all(keeper, 0, 0, DSM_BIND_READ | DSM_BIND_PRIVATE);
    constexpr std::size_t late = (std::size_t{2} << 20U) + 77;
    if (keeps(keeper)) {
        DSM_REQUIRE_EQUAL(memory[10], byte_at(10));
        write_at(late, "new", 3);
        write_at(10, "old", 3);
    }
    dsm_barrier_all();
    DSM_REQUIRE_EQUAL(std::memcmp(memory + late, "new", 3), 0);
    DSM_REQUIRE_EQUAL(memory[10], byte_at(10));
    unbind_by(keeper, const_cast<unsigned char *>(memory));
}

void test_part(int keeper) {
    if (keeps(keeper)) { write_file(pattern(file_bytes)); }
    const Bytes whole = pattern(file_bytes);
    constexpr std::size_t offset = 3 * page;
    constexpr std::size_t length = 2 * page + 100;
    unsigned char *memory = bind_for_all(keeper, offset, length, DSM_BIND_WRITE | DSM_BIND_SHARED);
    for (std::size_t at = 0; at < length; ++at) { DSM_REQUIRE_EQUAL(memory[at], whole[offset + at]); }
    for (std::size_t at = length; at < 3 * page; ++at) { DSM_REQUIRE_EQUAL(memory[at], 0); }
    dsm_barrier_all();
    if (keeps(dsm_size() - 1)) {
        for (std::size_t at = 0; at < 3 * page; ++at) { memory[at] = 0xaa; } // Behind the part, too: not for the file.
    }
    unbind_by(0, memory);
    if (!keeps(keeper)) { return; }
    const Bytes after = read_file();
    DSM_REQUIRE_EQUAL(after.size(), file_bytes);
    for (std::size_t at = 0; at < file_bytes; ++at) {
        const bool inside = at >= offset && at < offset + length;
        DSM_REQUIRE_EQUAL(after[at], inside ? 0xaa : whole[at]);
    }
}

/// Ranks write everywhere, pages that they share too; after each round a rank syncs, and the file is compared.
void test_write(int keeper) {
    if (keeps(keeper)) { write_file(pattern(file_bytes)); }
    Bytes expected = pattern(file_bytes);
    unsigned char *memory = bind_for_all(keeper, 0, 0, DSM_BIND_READ | DSM_BIND_WRITE | DSM_BIND_SHARED);
    const auto ranks = static_cast<std::size_t>(dsm_size());
    constexpr std::size_t writes = 600;
    for (std::size_t round = 0; round < 3; ++round) {
        for (std::size_t writer = 0; writer < ranks; ++writer) { // Everybody knows what everybody writes.
            Random random(dsm_test::the_seed + round * 100 + writer);
            for (std::size_t i = 0; i < writes; ++i) {
                const std::size_t at = random.below(file_bytes) / ranks * ranks + writer;
                const auto value = static_cast<unsigned char>(random.next() >> 40U);
                if (at >= file_bytes) { continue; }
                expected[at] = value;
                if (static_cast<int>(writer) == dsm_rank()) { memory[at] = value; }
            }
        }
        if (round == 2) { // The last page, to its last byte.
            if (keeps(0)) { memory[file_bytes - 1] = 0x5a; }
            expected[file_bytes - 1] = 0x5a;
        }
        dsm_barrier_all();
        if (dsm_rank() == static_cast<int>(round % ranks)) { DSM_REQUIRE_EQUAL(dsm_sync(memory, 0), 0); }
        dsm_barrier_all();
        if (keeps(keeper)) {
            const Bytes after = read_file();
            DSM_REQUIRE_EQUAL(after.size(), file_bytes);
            for (std::size_t at = 0; at < file_bytes; ++at) { DSM_REQUIRE_EQUAL(after[at], expected[at]); }
        }
    }
    require_equal(memory, expected, 0, file_bytes);
    dsm_barrier_all();
    // Pages that nobody has written since are not written: what another program puts into the file stays there.
    if (keeps(keeper)) { write_at(page + 5, "theirs", 6); }
    dsm_barrier_all();
    if (keeps(0)) {
        memory[9 * page] = 0x11;
        DSM_REQUIRE_EQUAL(dsm_sync(memory + 9 * page, 1), 0);
        DSM_REQUIRE_EQUAL(dsm_sync(memory, 0), 0);
    }
    unbind_by(keeper, memory);
    if (!keeps(keeper)) { return; }
    const Bytes after = read_file();
    DSM_REQUIRE_EQUAL(std::memcmp(after.data() + page + 5, "theirs", 6), 0);
    DSM_REQUIRE_EQUAL(after[9 * page], 0x11);
}

/// A private bind, seen by all, changes no file; beside it a shared one of the same file: two copies.
void test_two_binds(int keeper) {
    if (keeps(keeper)) { write_file(pattern(file_bytes)); }
    unsigned char *first = bind_for_all(keeper, 0, 0, DSM_BIND_READ | DSM_BIND_WRITE | DSM_BIND_PRIVATE);
    unsigned char *second = bind_for_all(keeper, page, page + 1, DSM_BIND_READ | DSM_BIND_WRITE | DSM_BIND_SHARED);
    DSM_REQUIRE(first != second);
    const int writer = dsm_size() - 1;
    if (keeps(writer)) {
        first[page] = 1;
        first[2 * page] = 2;
        second[0] = 3;
        DSM_REQUIRE_EQUAL(dsm_sync(first, 0), 0);
        DSM_REQUIRE_EQUAL(dsm_sync(second, 0), 0);
    }
    dsm_barrier_all();
    DSM_REQUIRE_EQUAL(first[page], 1);
    DSM_REQUIRE_EQUAL(second[0], 3);
    DSM_REQUIRE_EQUAL(second[page], byte_at(2 * page));
    dsm_barrier_all();
    if (keeps(keeper)) {
        Bytes expected = pattern(file_bytes);
        expected[page] = 3;
        DSM_REQUIRE(read_file() == expected);
    }
    unbind_by(0, first);
    unbind_by(0, second);
    // Bound again it is what the file is now.
    const unsigned char *again = bind_for_all(keeper, 0, 0, DSM_BIND_READ | DSM_BIND_SHARED);
    DSM_REQUIRE_EQUAL(again[page], 3);
    DSM_REQUIRE_EQUAL(again[2 * page], byte_at(2 * page));
    unbind_by(keeper, const_cast<unsigned char *>(again));
}

void require_refused(int wanted, const char *name, std::uint64_t offset, std::size_t length, int flags) {
    errno = 0;
    DSM_REQUIRE(dsm_bind(name, offset, length, flags) == nullptr);
    DSM_REQUIRE_EQUAL(errno, wanted);
}

void test_refusals(int keeper) {
    constexpr int shared = DSM_BIND_READ | DSM_BIND_SHARED;
    if (keeps(keeper)) {
        write_file(pattern(3 * page));
        const char *name = path.c_str();
        require_refused(EINVAL, nullptr, 0, 0, shared);
        require_refused(EINVAL, name, 1, 0, shared);
        require_refused(EINVAL, name, 3 * page, 0, shared);
        require_refused(EINVAL, name, page, 2 * page + 1, shared);
        require_refused(EINVAL, name, 0, 0, DSM_BIND_READ);
        require_refused(EINVAL, name, 0, 0, DSM_BIND_SHARED);
        require_refused(EINVAL, name, 0, 0, shared | DSM_BIND_PRIVATE);
        require_refused(EINVAL, name, 0, 0, shared | 64);
        require_refused(ENOENT, (path + ".none").c_str(), 0, 0, shared);
        require_refused(EISDIR, "/", 0, 0, shared);
        require_refused(ENODEV, "/dev/null", 0, 0, shared);
        // Somebody whom the file's mode forbids to write, also where the tests run as root.
        DSM_REQUIRE_EQUAL(::chmod(name, 0444), 0);
        const int uid = ::setfsuid(65534);
        require_refused(EACCES, name, 0, 0, DSM_BIND_WRITE | DSM_BIND_SHARED);
        void *mine = dsm_bind(name, 0, 0, DSM_BIND_WRITE | DSM_BIND_PRIVATE);
        ::setfsuid(static_cast<uid_t>(uid));
        DSM_REQUIRE(mine != nullptr);
        DSM_REQUIRE_EQUAL(dsm_unbind(mine), 0);
        DSM_REQUIRE_EQUAL(dsm_unbind(mine), EINVAL);
        DSM_REQUIRE_EQUAL(::chmod(name, 0600), 0);
    }
    unsigned char *memory = bind_for_all(keeper, 0, 0, DSM_BIND_WRITE | DSM_BIND_SHARED);
    int local = 0;
    void *block = dsm_malloc(100);
    DSM_REQUIRE_EQUAL(dsm_sync(&local, 1), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_sync(block, 1), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_sync(memory + page, 2 * page + 1), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_unbind(memory + page), EINVAL);
    DSM_REQUIRE_EQUAL(dsm_unbind(block), EINVAL);
    dsm_free(block);
    unbind_by(0, memory);
}

/// The file loses its end: what is written is refused, the bind stays, and when the file is whole again it is written.
void test_shrunk(int keeper) {
    if (keeps(keeper)) { write_file(pattern(4 * page)); }
    unsigned char *memory = bind_for_all(keeper, 0, 0, DSM_BIND_WRITE | DSM_BIND_SHARED);
    if (keeps(0)) { memory[3 * page] = 0x77; }
    dsm_barrier_all();
    if (keeps(keeper)) { DSM_REQUIRE_EQUAL(::truncate(path.c_str(), 2 * page), 0); }
    dsm_barrier_all();
    if (keeps(dsm_size() - 1)) { DSM_REQUIRE_EQUAL(dsm_sync(memory, 0), EIO); }
    dsm_barrier_all();
    if (keeps(keeper)) {
        DSM_REQUIRE_EQUAL(read_file().size(), 2 * page);
        DSM_REQUIRE_EQUAL(::truncate(path.c_str(), 4 * page), 0);
        DSM_REQUIRE_EQUAL(dsm_sync(memory, 0), 0);
        DSM_REQUIRE_EQUAL(read_file()[3 * page], 0x77);
    }
    unbind_by(keeper, memory);
}

/// Every rank keeps a file, all read and write all: more than fits a small cache.
void test_many_keepers() {
    write_file(pattern(file_bytes));
    const auto self = static_cast<std::size_t>(dsm_rank());
    const auto ranks = static_cast<std::size_t>(dsm_size());
    board->of_rank[self] =
        static_cast<unsigned char *>(dsm_bind(path.c_str(), 0, 0, DSM_BIND_READ | DSM_BIND_WRITE | DSM_BIND_SHARED));
    DSM_REQUIRE(board->of_rank[self] != nullptr);
    dsm_barrier_all();
    Bytes expected = pattern(file_bytes);
    for (std::size_t at = 0; at < file_bytes; at += page / 2) { // Two ranks and more write to each page.
        const std::size_t writer = at / (page / 2) % ranks;
        expected[at] = static_cast<unsigned char>(0x80 + writer);
        if (writer != self) { continue; }
        for (std::size_t file = 0; file < ranks; ++file) { board->of_rank[file][at] = expected[at]; }
    }
    dsm_barrier_all();
    for (std::size_t file = 0; file < ranks; ++file) { require_equal(board->of_rank[file], expected, 0, file_bytes); }
    dsm_barrier_all();
    DSM_REQUIRE_EQUAL(dsm_unbind(board->of_rank[(self + 1) % ranks]), 0);
    dsm_barrier_all();
    DSM_REQUIRE(read_file() == expected);
}

/// Left bound: dsm_finalize() writes it.
void leave_for_the_end(int keeper) {
    if (keeps(keeper)) { write_file(pattern(file_bytes)); }
    unsigned char *memory = bind_for_all(keeper, 0, 0, DSM_BIND_WRITE | DSM_BIND_SHARED);
    const std::size_t at = page * 20 * static_cast<std::size_t>(dsm_rank()) + 9;
    memory[at] = 0xee;
}

void require_evictions() {
    dsm_statistics_t statistics = {};
    DSM_REQUIRE_EQUAL(dsm_get_statistics(&statistics), 0);
    DSM_REQUIRE(statistics.evictions > 0);
}

void check_after_the_end(int ranks) {
    Bytes expected = pattern(file_bytes);
    for (int rank = 0; rank < ranks; ++rank) { expected[page * 20 * static_cast<std::size_t>(rank) + 9] = 0xee; }
    DSM_REQUIRE(read_file() == expected);
}

} // namespace

int main(int argc, char **argv) {
    dsm_test::the_seed = dsm_test::option(argc, argv, "--seed", 1);
    dsm_test::start(dsm_init());
    const int ranks = dsm_size();
    board = dsm_test::shared<Board>();
    const auto keepers = static_cast<int>(dsm_test::option(argc, argv, "--keepers", 2));
    const char *folder = std::getenv("TMPDIR");
    path = std::string(folder == nullptr ? "/tmp" : folder) + "/dsm-bind-test-" + std::to_string(::getpid());
    for (int turn = 0; turn < keepers; ++turn) {
        const int keeper = (ranks - 1) * turn % ranks;
        test_read(keeper);
        test_on_demand(keeper);
        test_part(keeper);
        test_write(keeper);
        test_two_binds(keeper);
        test_refusals(keeper);
        test_shrunk(keeper);
    }
    test_many_keepers();
    if (dsm_test::option(argc, argv, "--evictions", 0) != 0) { require_evictions(); }
    const int keeper = ranks - 1;
    leave_for_the_end(keeper);
    const bool is_keeper = keeps(keeper);
    const int code = dsm_test::finish("bind");
    if (is_keeper) { check_after_the_end(ranks); }
    ::unlink(path.c_str());
    return code;
}
