// Names of shared memory: sends this rank's inquiries to the ranks that keep the names, keeps its own share, and stands
// between others and the keeper of a name that they await (sync/name_relay.hpp).
#pragma once

#include "libdsm/base/futex.hpp"
#include "libdsm/runtime/engine.hpp"
#include "libdsm/runtime/node.hpp"
#include "libdsm/sync/name_relay.hpp"

#include <cstdint>
#include <deque>
#include <span>
#include <string_view>

namespace dsm::rt {

constexpr std::size_t name_bytes_max = 255;

class Names final : public RecordService, private sync::NameRelayEffects {
public:
    Names(Node &node, Engine &engine);

    // All return errno codes. The name has 1 to name_bytes_max bytes and stands in private memory; any thread may call.
    int publish(std::string_view name, std::uint64_t offset);
    int unpublish(std::string_view name);
    /// `offset` is set on success.
    int look_up(std::string_view name, std::uint64_t &offset);
    /// Waits for the name until a moment of now_ns(), or Engine::no_deadline.
    int await(std::string_view name, std::uint64_t &offset, Nanoseconds deadline_ns);

    void on_record(std::int32_t from_rank, std::span<const std::byte> record) override;

private:
    struct Slot {
        sync::NameInquiry inquiry;
        std::uint32_t sequence = 0; ///< grows with each use
        std::uint32_t bit = 0;
        std::uint32_t next_free = 0; ///< slot + 1
    };
    /// One inquiry of the calling thread: takes a slot, and gives it back when everything has come.
    class Asking;

    Rank keeper_of(std::string_view name) const;
    void send(const sync::NameRequest &request, std::string_view name);
    void post(Rank to, const sync::NameRequest &request, std::string_view name);
    void reply(const sync::NameReply &reply) override;
    void ask_above(const sync::NameRequest &request, std::string_view name) override;
    void on_request(Rank from, std::span<const std::byte> record);
    void on_reply(std::span<const std::byte> record);

    Node &node_;
    Engine &engine_;
    sync::NameTable table_; ///< stepped by the driver alone, as the relay
    sync::NameRelay relay_;
    FutexMutex slots_lock_;  ///< held for a few instructions; guards what follows
    std::uint32_t free_ = 0; ///< slot + 1
    std::deque<Slot> slots_; ///< as many as threads of this rank have asked at once; they never move
};

} // namespace dsm::rt
