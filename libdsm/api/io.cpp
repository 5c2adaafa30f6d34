// The wrappers of io.h. What may be cut into pieces follows from the kind of file:
//
//   regular file    pieces, until one is short: a read or write of one is whole but at the end of the file
//   stream          writes go on, as a blocking write does; a read ends with its first piece, since more may never come
//   datagrams       one call with all of it: a piece would be a message of its own
#include <dsm/access.h>
#include <dsm/io.h>

#include "libdsm/api/transfer.hpp"

#include <sys/stat.h>
#include <unistd.h>

namespace {

using dsm::api::any_is_shared;
using dsm::api::read_into;
using dsm::api::TransferManner;
using dsm::api::write_from;

constexpr std::size_t piece_bytes = std::size_t{1} << 20;
constexpr std::size_t no_limit = ~std::size_t{0} >> 1;

enum class FileKind { Regular, Stream, Messages };

FileKind kind_of(int file) {
    struct stat about {};
    const int saved_errno = errno;
    FileKind kind = FileKind::Stream;
    if (::fstat(file, &about) == 0 && S_ISREG(about.st_mode)) {
        kind = FileKind::Regular;
    } else if (S_ISSOCK(about.st_mode)) {
        int type = SOCK_STREAM;
        socklen_t bytes = sizeof type;
        if (::getsockopt(file, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 && type != SOCK_STREAM) {
            kind = FileKind::Messages;
        }
    }
    errno = saved_errno;
    return kind;
}

TransferManner manner_of_write(int file) {
    return kind_of(file) == FileKind::Messages ? TransferManner{no_limit, false} : TransferManner{piece_bytes, true};
}

TransferManner manner_of_read(int file) {
    switch (kind_of(file)) {
    case FileKind::Regular:
        return {piece_bytes, true};
    case FileKind::Stream:
        return {piece_bytes, false};
    case FileKind::Messages:
        return {no_limit, false};
    }
    return {no_limit, false};
}

iovec part_of(const void *buffer, std::size_t bytes) { return {const_cast<void *>(buffer), bytes}; }

bool is_private(const void *buffer, std::size_t bytes) { return dsm_is_shared(buffer, bytes) == 0; }

off_t at(off_t offset, std::size_t moved) { return offset + static_cast<off_t>(moved); }

} // namespace

extern "C" {

DSM_API ssize_t dsm_read(int file, void *buffer, size_t bytes) {
    if (is_private(buffer, bytes)) { return ::read(file, buffer, bytes); }
    const iovec part = part_of(buffer, bytes);
    return read_into({&part, 1}, manner_of_read(file),
                     [=](std::byte *piece, std::size_t length, std::size_t) { return ::read(file, piece, length); });
}

DSM_API ssize_t dsm_write(int file, const void *buffer, size_t bytes) {
    if (is_private(buffer, bytes)) { return ::write(file, buffer, bytes); }
    const iovec part = part_of(buffer, bytes);
    return write_from({&part, 1}, manner_of_write(file),
                      [=](std::byte *piece, std::size_t length, std::size_t) { return ::write(file, piece, length); });
}

DSM_API ssize_t dsm_pread(int file, void *buffer, size_t bytes, off_t offset) {
    if (is_private(buffer, bytes)) { return ::pread(file, buffer, bytes, offset); }
    const iovec part = part_of(buffer, bytes);
    return read_into({&part, 1}, manner_of_read(file), [=](std::byte *piece, std::size_t length, std::size_t moved) {
        return ::pread(file, piece, length, at(offset, moved));
    });
}

DSM_API ssize_t dsm_pwrite(int file, const void *buffer, size_t bytes, off_t offset) {
    if (is_private(buffer, bytes)) { return ::pwrite(file, buffer, bytes, offset); }
    const iovec part = part_of(buffer, bytes);
    return write_from({&part, 1}, manner_of_write(file), [=](std::byte *piece, std::size_t length, std::size_t moved) {
        return ::pwrite(file, piece, length, at(offset, moved));
    });
}

DSM_API ssize_t dsm_readv(int file, const struct iovec *parts, int count) {
    const std::span<const iovec> all(parts, count > 0 ? static_cast<std::size_t>(count) : 0);
    if (!any_is_shared(all)) { return ::readv(file, parts, count); }
    return read_into(all, manner_of_read(file),
                     [=](std::byte *piece, std::size_t length, std::size_t) { return ::read(file, piece, length); });
}

DSM_API ssize_t dsm_writev(int file, const struct iovec *parts, int count) {
    const std::span<const iovec> all(parts, count > 0 ? static_cast<std::size_t>(count) : 0);
    if (!any_is_shared(all)) { return ::writev(file, parts, count); }
    return write_from(all, manner_of_write(file),
                      [=](std::byte *piece, std::size_t length, std::size_t) { return ::write(file, piece, length); });
}

// A stream buffers what it reads, so a short piece is the end of the file or an error.
DSM_API size_t dsm_fread(void *buffer, size_t bytes, size_t count, FILE *stream) {
    size_t total = 0;
    if (__builtin_mul_overflow(bytes, count, &total) || is_private(buffer, total)) {
        return std::fread(buffer, bytes, count, stream);
    }
    const iovec part = part_of(buffer, total);
    const ssize_t moved =
        read_into({&part, 1}, {piece_bytes, true}, [=](std::byte *piece, std::size_t length, std::size_t) {
            return static_cast<ssize_t>(std::fread(piece, 1, length, stream));
        });
    return moved > 0 ? static_cast<size_t>(moved) / bytes : 0;
}

DSM_API size_t dsm_fwrite(const void *buffer, size_t bytes, size_t count, FILE *stream) {
    size_t total = 0;
    if (__builtin_mul_overflow(bytes, count, &total) || is_private(buffer, total)) {
        return std::fwrite(buffer, bytes, count, stream);
    }
    const iovec part = part_of(buffer, total);
    const ssize_t moved =
        write_from({&part, 1}, {piece_bytes, true}, [=](std::byte *piece, std::size_t length, std::size_t) {
            return static_cast<ssize_t>(std::fwrite(piece, 1, length, stream));
        });
    return moved > 0 ? static_cast<size_t>(moved) / bytes : 0;
}

DSM_API ssize_t dsm_send(int socket, const void *buffer, size_t bytes, int flags) {
    return dsm_sendto(socket, buffer, bytes, flags, nullptr, 0);
}

DSM_API ssize_t dsm_recv(int socket, void *buffer, size_t bytes, int flags) {
    return dsm_recvfrom(socket, buffer, bytes, flags, nullptr, nullptr);
}

DSM_API ssize_t dsm_sendto(int socket, const void *buffer, size_t bytes, int flags, const struct sockaddr *to,
                           socklen_t to_bytes) {
    if (is_private(buffer, bytes)) { return ::sendto(socket, buffer, bytes, flags, to, to_bytes); }
    const iovec part = part_of(buffer, bytes);
    return write_from({&part, 1}, manner_of_write(socket), [=](std::byte *piece, std::size_t length, std::size_t) {
        return ::sendto(socket, piece, length, flags, to, to_bytes);
    });
}

DSM_API ssize_t dsm_recvfrom(int socket, void *buffer, size_t bytes, int flags, struct sockaddr *from,
                             socklen_t *from_bytes) {
    if (is_private(buffer, bytes)) { return ::recvfrom(socket, buffer, bytes, flags, from, from_bytes); }
    const iovec part = part_of(buffer, bytes);
    // MSG_WAITALL asks for all of it, and MSG_TRUNC for the length of the whole message: one call.
    const bool is_whole = (flags & (MSG_WAITALL | MSG_TRUNC | MSG_PEEK)) != 0;
    const TransferManner manner = is_whole ? TransferManner{no_limit, false} : manner_of_read(socket);
    return read_into({&part, 1}, manner, [=](std::byte *piece, std::size_t length, std::size_t) {
        return ::recvfrom(socket, piece, length, flags, from, from_bytes);
    });
}

} // extern "C"
