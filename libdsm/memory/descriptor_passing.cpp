// Descriptors over Unix sockets with abstract names.
#include "libdsm/memory/descriptor_passing.hpp"

#include "libdsm/base/futex.hpp"
#include "libdsm/base/held_signals.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <poll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <system_error>
#include <thread>
#include <unistd.h>

namespace dsm::memory {
namespace {

constexpr double ns_per_s = 1e9;
constexpr Nanoseconds ns_per_ms = 1'000'000;
constexpr Nanoseconds try_again_ns = 10 * ns_per_ms;

class Deadline {
public:
    explicit Deadline(double timeout_s) : at_ns_(now_ns() + static_cast<Nanoseconds>(timeout_s * ns_per_s)) {}
    bool passed() const noexcept { return now_ns() >= at_ns_; }
    double left_s() const noexcept { return static_cast<double>(at_ns_ - now_ns()) / ns_per_s; }
    /// For poll(2): rounded up, so that the deadline has passed after it.
    int left_ms() const noexcept {
        const Nanoseconds left = (at_ns_ - now_ns() + ns_per_ms - 1) / ns_per_ms;
        return left < 0 ? 0 : left > INT_MAX ? INT_MAX : static_cast<int>(left);
    }

private:
    Nanoseconds at_ns_;
};

struct Name {
    sockaddr_un address{};
    socklen_t bytes = 0;
};

Name name_of(const std::string &text) {
    Name name;
    name.address.sun_family = AF_UNIX;
    const std::size_t length = std::min(text.size(), sizeof name.address.sun_path - 1);
    std::memcpy(name.address.sun_path + 1, text.data(), length); // The leading zero makes the name abstract.
    name.bytes = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + length);
    return name;
}

FileDescriptor unix_socket() {
    return FileDescriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/// Waits until the socket is ready for `events`. 0, ETIMEDOUT or another errno's value.
int wait_for(const FileDescriptor &socket, short events, const Deadline &deadline) {
    for (;;) {
        pollfd entry{socket.get(), events, 0};
        const int ready = ::poll(&entry, 1, deadline.left_ms());
        if (ready > 0) { return 0; }
        if (ready == -1 && errno != EINTR) { return errno; }
        if (deadline.passed()) { return ETIMEDOUT; }
    }
}

bool is_same_user(const FileDescriptor &socket) {
    ucred peer{};
    socklen_t bytes = sizeof peer;
    return ::getsockopt(socket.get(), SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0 && peer.uid == ::geteuid();
}

/// Room for the control message that carries descriptors.
struct Control {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(offered_descriptors_max * sizeof(int))> bytes{};
};

int send_descriptors(const FileDescriptor &socket, const std::vector<int> &descriptors, const Deadline &deadline) {
    auto count = static_cast<std::uint32_t>(descriptors.size());
    iovec data{&count, sizeof count};
    Control control;
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    if (count != 0) {
        message.msg_control = control.bytes.data();
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(count * sizeof(int));
        std::memcpy(CMSG_DATA(header), descriptors.data(), count * sizeof(int));
    }
    for (;;) {
        if (::sendmsg(socket.get(), &message, MSG_NOSIGNAL) != -1) { return 0; }
        if (errno != EAGAIN && errno != EINTR) { return errno; }
        if (const int error = wait_for(socket, POLLOUT, deadline); error != 0) { return error; }
    }
}

std::vector<FileDescriptor> descriptors_in(msghdr &message) {
    std::vector<FileDescriptor> received;
    for (cmsghdr *header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) { continue; }
        const std::size_t bytes = header->cmsg_len - CMSG_LEN(0);
        for (std::size_t at = 0; at + sizeof(int) <= bytes; at += sizeof(int)) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(header) + at, sizeof number);
            received.emplace_back(number);
        }
    }
    return received;
}

/// 0 or errno's value. An end of the connection is ECONNRESET.
int receive_descriptors(const FileDescriptor &socket, std::vector<FileDescriptor> &received, const Deadline &deadline) {
    for (;;) {
        if (const int error = wait_for(socket, POLLIN, deadline); error != 0) { return error; }
        std::uint32_t count = 0;
        iovec data{&count, sizeof count};
        Control control;
        msghdr message{};
        message.msg_iov = &data;
        message.msg_iovlen = 1;
        message.msg_control = control.bytes.data();
        message.msg_controllen = control.bytes.size();
        const ssize_t bytes = ::recvmsg(socket.get(), &message, MSG_CMSG_CLOEXEC);
        if (bytes == -1 && (errno == EAGAIN || errno == EINTR)) { continue; }
        if (bytes == -1) { return errno; }
        received = descriptors_in(message);
        if (bytes != sizeof count) { return ECONNRESET; }
        // Fewer than were sent: the limit on open files of this process.
        return received.size() == count && (message.msg_flags & MSG_CTRUNC) == 0 ? 0 : EMFILE;
    }
}

/// A connection to an offer. Its queue may be full for a moment.
int connect_to(const std::string &address, FileDescriptor &connection, const Deadline &deadline) {
    const Name name = name_of(address);
    for (;;) {
        connection = unix_socket();
        if (!connection.valid()) { return errno; }
        const auto *to = reinterpret_cast<const sockaddr *>(&name.address);
        if (::connect(connection.get(), to, name.bytes) == 0) { return 0; }
        if (errno != EAGAIN && errno != EINTR) { return errno; }
        if (deadline.passed()) { return ETIMEDOUT; }
        const timespec pause{0, try_again_ns};
        ::nanosleep(&pause, nullptr);
    }
}

} // namespace

Outcome<DescriptorOffer> DescriptorOffer::start(std::vector<int> descriptors) {
    if (descriptors.size() > static_cast<std::size_t>(offered_descriptors_max)) {
        return Failure{EINVAL, "too many descriptors in one offer"};
    }
    std::array<std::uint64_t, 2> token{};
    if (::getrandom(token.data(), sizeof token, 0) != static_cast<ssize_t>(sizeof token)) {
        return failure_of(errno, "cannot draw a random name");
    }
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "libdsm-%016llx%016llx", static_cast<unsigned long long>(token[0]),
                  static_cast<unsigned long long>(token[1]));
    DescriptorOffer offer;
    offer.address_ = text.data();
    offer.descriptors_ = std::move(descriptors);
    offer.socket_ = unix_socket();
    const Name name = name_of(offer.address_);
    if (!offer.socket_.valid() ||
        ::bind(offer.socket_.get(), reinterpret_cast<const sockaddr *>(&name.address), name.bytes) != 0 ||
        ::listen(offer.socket_.get(), SOMAXCONN) != 0) {
        return failure_of(errno, "cannot open a Unix socket to share memory with the other ranks of this host");
    }
    return offer;
}

Outcome<Done> DescriptorOffer::serve(int count, double timeout_s) const {
    const Deadline deadline(timeout_s);
    for (int served = 0; served < count;) {
        if (const int error = wait_for(socket_, POLLIN, deadline); error != 0) {
            return failure_of(error, "only " + std::to_string(served) + " of " + std::to_string(count) +
                                         " ranks of this host took over the shared memory");
        }
        const FileDescriptor connection(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
        if (!connection.valid()) {
            if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) { continue; }
            return failure_of(errno, "cannot accept a connection of another rank of this host");
        }
        if (!is_same_user(connection)) { continue; } // A stranger is not answered.
        // Who went away again does not count.
        if (send_descriptors(connection, descriptors_, deadline) == 0) { ++served; }
    }
    return Done{};
}

Outcome<std::vector<FileDescriptor>> fetch_descriptors(const std::string &address, double timeout_s) {
    const Deadline deadline(timeout_s);
    FileDescriptor connection;
    if (const int error = connect_to(address, connection, deadline); error != 0) {
        return failure_of(error, "cannot reach the rank of this host that shares its memory");
    }
    if (!is_same_user(connection)) { return Failure{EPERM, "the shared memory is offered by another user"}; }
    std::vector<FileDescriptor> received;
    if (const int error = receive_descriptors(connection, received, deadline); error != 0) {
        return failure_of(error, "cannot take over the shared memory of another rank of this host");
    }
    return received;
}

namespace {

Outcome<std::vector<std::vector<FileDescriptor>>> fetch_all(const std::vector<std::string> &addresses, std::size_t own,
                                                            const Deadline &deadline) {
    std::vector<std::vector<FileDescriptor>> all(addresses.size());
    for (std::size_t rank = 0; rank < addresses.size(); ++rank) {
        if (rank == own) { continue; }
        auto fetched = fetch_descriptors(addresses[rank], deadline.left_s());
        if (!fetched) { return fetched.failure(); }
        all[rank] = std::move(fetched.value());
    }
    return all;
}

} // namespace

Outcome<std::vector<std::vector<FileDescriptor>>> exchange_descriptors(const DescriptorOffer &offer,
                                                                       const std::vector<std::string> &addresses,
                                                                       std::size_t own, double timeout_s) {
    const Deadline deadline(timeout_s);
    const int others = static_cast<int>(addresses.size()) - 1;
    Outcome<Done> served = Done{};
    std::thread server;
    try {
        const HeldSignals held;
        server = std::thread([&] { served = offer.serve(others, timeout_s); });
    } catch (const std::system_error &refusal) { served = failure_of(refusal.code().value(), "cannot start a thread"); }
    if (!server.joinable()) { return served.failure(); }
    auto fetched = fetch_all(addresses, own, deadline);
    server.join();
    if (fetched && !served) { return served.failure(); }
    return fetched;
}

} // namespace dsm::memory
