// Data that a system call moves to or from shared memory goes through a private buffer: the call never sees the
// segment, and no page is held while it waits.
//
//   out: gather (ordinary loads, which fault) -> call         in: call -> scatter (ordinary stores, which fault)
#pragma once

#include <dsm/access.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <sys/types.h>
#include <sys/uio.h>

namespace dsm::api {

/// A position in a list of memory parts.
class PartCursor {
public:
    explicit PartCursor(std::span<const iovec> parts) : parts_(parts) {}

    void gather(std::byte *into, std::size_t bytes) {
        move(bytes, [&into](std::byte *part, std::size_t length) {
            std::memcpy(into, part, length);
            into += length;
        });
    }
    void scatter(const std::byte *from, std::size_t bytes) {
        move(bytes, [&from](std::byte *part, std::size_t length) {
            std::memcpy(part, from, length);
            from += length;
        });
    }

private:
    template <class Copy> void move(std::size_t bytes, Copy copy) {
        while (bytes > 0) {
            const iovec &part = parts_[index_];
            const std::size_t length = std::min(bytes, part.iov_len - done_);
            if (length > 0) { copy(static_cast<std::byte *>(part.iov_base) + done_, length); }
            bytes -= length;
            done_ += length;
            if (done_ == part.iov_len) {
                ++index_;
                done_ = 0;
            }
        }
    }
    std::span<const iovec> parts_;
    std::size_t index_ = 0;
    std::size_t done_ = 0; ///< of that part
};

inline std::size_t bytes_of(std::span<const iovec> parts) {
    std::size_t bytes = 0;
    for (const iovec &part : parts) { bytes += part.iov_len; }
    return bytes;
}

inline bool any_is_shared(std::span<const iovec> parts) {
    return std::any_of(parts.begin(), parts.end(),
                       [](const iovec &part) { return dsm_is_shared(part.iov_base, part.iov_len) != 0; });
}

/// Private memory for one transfer: on the stack while it is small.
class TransferBuffer {
public:
    explicit TransferBuffer(std::size_t bytes) : bytes_(bytes) {
        if (bytes > small_.size()) { large_.reset(static_cast<std::byte *>(std::malloc(bytes))); }
    }
    [[nodiscard]] bool is_valid() const { return bytes_ <= small_.size() || large_ != nullptr; }
    std::byte *data() { return large_ ? large_.get() : small_.data(); }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

private:
    struct Free {
        void operator()(std::byte *memory) const { std::free(memory); }
    };
    std::size_t bytes_;
    std::array<std::byte, 8192> small_;
    std::unique_ptr<std::byte, Free> large_;
};

/// How much of a transfer may be one call.
struct TransferManner {
    std::size_t bytes_at_once; ///< the buffer
    bool goes_on;              ///< a full piece is followed by the next; otherwise one call is all
};

/// The result of the calls before, if they have moved anything; otherwise that of the last one.
inline ssize_t result_of(std::size_t moved, ssize_t last) { return moved > 0 ? static_cast<ssize_t>(moved) : last; }

/// Moves the parts piece by piece, each by one step(cursor, buffer, bytes, moved before), whose errno is kept.
template <class Step> ssize_t in_pieces(std::span<const iovec> parts, TransferManner manner, Step step) {
    const std::size_t total = bytes_of(parts);
    TransferBuffer buffer(std::min(total, manner.bytes_at_once));
    if (!buffer.is_valid()) {
        errno = ENOMEM;
        return -1;
    }
    PartCursor cursor(parts);
    std::size_t moved = 0;
    while (true) {
        const std::size_t piece = std::min(total - moved, buffer.bytes());
        const ssize_t done = step(cursor, buffer.data(), piece, moved);
        if (done <= 0) { return result_of(moved, done); }
        moved += static_cast<std::size_t>(done);
        if (!manner.goes_on || static_cast<std::size_t>(done) < piece || moved == total) { return result_of(moved, 0); }
    }
}

/// call(buffer, bytes, moved before) writes.
template <class Call> ssize_t write_from(std::span<const iovec> parts, TransferManner manner, Call call) {
    return in_pieces(parts, manner, [&](PartCursor &cursor, std::byte *buffer, std::size_t bytes, std::size_t moved) {
        cursor.gather(buffer, bytes);
        return call(buffer, bytes, moved);
    });
}

/// call(buffer, bytes, moved before) reads.
template <class Call> ssize_t read_into(std::span<const iovec> parts, TransferManner manner, Call call) {
    return in_pieces(parts, manner, [&](PartCursor &cursor, std::byte *buffer, std::size_t bytes, std::size_t moved) {
        const ssize_t done = call(buffer, bytes, moved);
        if (done > 0) { cursor.scatter(buffer, std::min(static_cast<std::size_t>(done), bytes)); }
        return done;
    });
}

} // namespace dsm::api
