// The first bytes of every record: which service it is for. Numbers are never used again for something else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace dsm::rt {

enum class Service : std::uint8_t {
    Page = 1,    ///< a message of the coherence protocol
    Piece = 2,   ///< a part of a block's bytes, written straight into the frame
    Sync = 3,    ///< locks, conditions, barriers
    Call = 4,    ///< a request that is answered: spans, homes
    Answer = 5,  ///< the answer
    Control = 6, ///< is the peer alive
    // 7 was meant for atomics, which are calls; never used.
    HomeSync = 8,     ///< read-write locks, semaphores, latches, onces
    Names = 9,        ///< who has which name
    FreedBlocks = 10, ///< blocks of this node that another has freed
    ReleasePage = 11, ///< a message of the release protocol, with a part of a page
    Carried = 12,     ///< write notices, with the record that they travel with
    Released = 13,    ///< to a rank of the same node: what it holds for an interval may go
};
constexpr std::size_t service_count = 14;

/// A service of the runtime: handles the records that begin with its number. Runs on the thread that drives the engine;
/// never waits.
class RecordService {
public:
    virtual ~RecordService() = default;
    virtual void on_record(std::int32_t from_rank, std::span<const std::byte> record) = 0;
};

/// A trivially copyable struct as bytes.
template <class T> std::span<const std::byte> bytes_of(const T &value) {
    return std::as_bytes(std::span<const T, 1>(&value, 1));
}

} // namespace dsm::rt
