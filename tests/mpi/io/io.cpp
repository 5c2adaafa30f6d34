// System calls and stdio on shared memory by the wrappers, while another node writes before and after.
#include "tests/mpi/support/job.hpp"

#include <array>
#include <fcntl.h>
#include <string>
#include <sys/socket.h>
#include <sys/uio.h>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t bytes = (std::size_t{1} << 20) * 5 / 4 + 123; // More than one piece of the wrappers.
constexpr std::size_t stride = 509;

unsigned char value_at(std::size_t at, int round) {
    return static_cast<unsigned char>(at * 7 + static_cast<std::size_t>(round));
}

void fill(unsigned char *memory, int round) {
    for (std::size_t at = 0; at < bytes; ++at) { memory[at] = value_at(at, round); }
}

void check(const unsigned char *memory, int round) {
    for (std::size_t at = 0; at < bytes; at += stride) { DSM_REQUIRE_EQUAL(memory[at], value_at(at, round)); }
    DSM_REQUIRE_EQUAL(memory[bytes - 1], value_at(bytes - 1, round));
}

int temporary_file() {
    std::string name = "/tmp/dsm_io_XXXXXX";
    const int file = ::mkstemp(name.data());
    DSM_REQUIRE(file >= 0);
    ::unlink(name.c_str());
    return file;
}

using Transfer = void (*)(unsigned char *shared, unsigned char *into);

/// The last rank writes `shared`; rank 0 transfers it into `into`; the last rank checks that, and writes again.
void pass(unsigned char *shared, unsigned char *into, int round, Transfer transfer) {
    const int last = dsm_size() - 1;
    if (dsm_rank() == last) { fill(shared, round); }
    dsm_barrier_all();
    if (dsm_rank() == 0) { transfer(shared, into); }
    dsm_barrier_all();
    check(into, round);
    dsm_barrier_all();
    if (dsm_rank() == last) {
        std::memset(into, 0xee, bytes);
        std::memset(shared, 0xdd, bytes);
    }
    dsm_barrier_all();
}

void by_file(unsigned char *shared, unsigned char *into) {
    const int file = temporary_file();
    DSM_REQUIRE_EQUAL(dsm_write(file, shared, bytes), bytes);
    DSM_REQUIRE_EQUAL(::lseek(file, 0, SEEK_SET), 0);
    DSM_REQUIRE_EQUAL(dsm_read(file, into, bytes), bytes);
    DSM_REQUIRE_EQUAL(dsm_read(file, into, bytes), 0);             // The end.
    DSM_REQUIRE_EQUAL(dsm_pread(file, into, bytes, 1), bytes - 1); // Short, at the end.
    DSM_REQUIRE_EQUAL(dsm_pwrite(file, shared, bytes, 0), bytes);
    DSM_REQUIRE_EQUAL(dsm_pread(file, into, bytes, 0), bytes);
    ::close(file);
    errno = 0;
    DSM_REQUIRE_EQUAL(dsm_read(file, into, bytes), -1);
    DSM_REQUIRE_EQUAL(errno, EBADF);
    DSM_REQUIRE_EQUAL(dsm_write(file, shared, bytes), -1);
    DSM_REQUIRE_EQUAL(errno, EBADF);
}

void by_parts(unsigned char *shared, unsigned char *into) {
    const int file = temporary_file();
    std::vector<unsigned char> own(shared, shared + 1000); // A mixture of private and shared.
    const std::array<iovec, 3> out{iovec{own.data(), 1000}, iovec{shared + 1000, 0},
                                   iovec{shared + 1000, bytes - 1000}};
    DSM_REQUIRE_EQUAL(dsm_writev(file, out.data(), 3), bytes);
    DSM_REQUIRE_EQUAL(::lseek(file, 0, SEEK_SET), 0);
    const std::array<iovec, 2> in{iovec{into, 777}, iovec{into + 777, bytes - 777}};
    DSM_REQUIRE_EQUAL(dsm_readv(file, in.data(), 2), bytes);
    ::close(file);
}

void by_stream(unsigned char *shared, unsigned char *into) {
    FILE *stream = ::fdopen(temporary_file(), "w+");
    DSM_REQUIRE(stream != nullptr);
    DSM_REQUIRE_EQUAL(dsm_fwrite(shared, 1, bytes, stream), bytes);
    std::rewind(stream);
    DSM_REQUIRE_EQUAL(dsm_fread(into, 3, bytes / 3, stream), bytes / 3);
    DSM_REQUIRE_EQUAL(dsm_fread(into + bytes / 3 * 3, 1, 10, stream), bytes % 3);
    DSM_REQUIRE(std::feof(stream) != 0);
    std::fclose(stream);
}

/// A socket holds less than is sent: the sender waits while the receiver, another thread, takes it piece by piece.
void by_socket(unsigned char *shared, unsigned char *into) {
    int ends[2];
    DSM_REQUIRE_EQUAL(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    std::thread sender([&] { DSM_REQUIRE_EQUAL(dsm_send(ends[0], shared, bytes, 0), bytes); });
    std::size_t got = 0;
    while (got < bytes / 2) {
        const ssize_t more = dsm_recv(ends[1], into + got, bytes - got, 0);
        DSM_REQUIRE(more > 0);
        got += static_cast<std::size_t>(more);
    }
    DSM_REQUIRE_EQUAL(dsm_recv(ends[1], into + got, bytes - got, MSG_WAITALL), bytes - got);
    sender.join();
    errno = 0;
    DSM_REQUIRE_EQUAL(dsm_recv(ends[1], into, 1, MSG_DONTWAIT), -1);
    DSM_REQUIRE_EQUAL(errno, EAGAIN);
    into[0] = shared[0];
    ::close(ends[0]);
    ::close(ends[1]);
}

void by_datagrams(unsigned char *shared, unsigned char *into) {
    int ends[2];
    DSM_REQUIRE_EQUAL(::socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
    constexpr std::size_t message = 60000;
    for (std::size_t at = 0; at < bytes; at += message) {
        const std::size_t length = std::min(message, bytes - at);
        DSM_REQUIRE_EQUAL(dsm_write(ends[0], shared + at, length), length);
        DSM_REQUIRE_EQUAL(dsm_recvfrom(ends[1], into + at, bytes - at, 0, nullptr, nullptr), length);
    }
    ::close(ends[0]);
    ::close(ends[1]);
}

} // namespace

int main() {
    dsm_test::start(dsm_init());
    auto *shared = dsm_test::shared<unsigned char>(bytes);
    auto *into = dsm_test::shared<unsigned char>(bytes);
    constexpr std::array<Transfer, 5> transfers{by_file, by_parts, by_stream, by_socket, by_datagrams};
    for (std::size_t index = 0; index < transfers.size(); ++index) {
        pass(shared, into, static_cast<int>(index), transfers[index]);
    }
    return dsm_test::finish("io");
}
