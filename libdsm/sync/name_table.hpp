// Names at the rank that keeps them, and look-ups at the rank that asks: both ends of the exchange, as pure machines.
//
//   asker                          keeper
//     | -- Publish, Unpublish ------> |   one answer, at once
//     | <------------------ Answer -- |
//     | -- LookUp ------------------> |   one answer, at once: the address, or that there is none
//     | <------------------ Answer -- |
//     | -- Await -------------------> |   the name is not there:
//     | <------------------- Noted -- |   the asker stands in the name's list
//     | -- Withdraw ----------------> |   (the asker's time is over; only after Noted)
//     | <------------------ Answer -- |   when the name is published, or the asker has withdrawn
//
// Messages overtake each other. N1: an inquiry gets exactly one Answer, and one Noted at most, of which the Answer
// tells; its ticket is used again only after both. N2: a Withdraw never overtakes its Await, since it follows Noted.
// N3: a Withdraw that finds nobody is late: the Answer is under way.
#pragma once

#include "libdsm/base/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

namespace dsm::sync {

/// Wire numbers.
enum class NameRequestKind : std::uint8_t { Publish = 1, Unpublish = 2, LookUp = 3, Await = 4, Withdraw = 5 };
enum class NameReplyKind : std::uint8_t { Answer = 1, Noted = 2 };

/// Who asks: a rank, one of its inquiries under way, and the how manieth of that number.
struct NameTicket {
    Rank asker;
    std::uint32_t number;
    std::uint32_t sequence;
    friend bool operator==(const NameTicket &, const NameTicket &) = default;
};

struct NameRequest {
    NameRequestKind kind;
    NameTicket ticket;
    std::uint64_t value; ///< Publish: the offset in the segment
};

struct NameReply {
    NameReplyKind kind;
    bool was_noted; ///< Answer: a Noted was sent before it
    NameTicket ticket;
    std::int32_t error; ///< Answer: 0 or an errno code
    std::uint64_t value;
};

class NameEffects {
public:
    virtual ~NameEffects() = default;
    virtual void reply(const NameReply &reply) = 0;
};

/// The names that one rank keeps.
class NameTable {
public:
    void step(const NameRequest &request, std::string_view name, NameEffects &effects);

    std::size_t name_count() const { return values_.size(); }
    std::size_t waiter_count() const { return waiter_count_; }

private:
    void publish(const NameRequest &request, std::string_view name, NameEffects &effects);
    void withdraw(const NameTicket &ticket, const std::string &name, NameEffects &effects);

    std::unordered_map<std::string, std::uint64_t> values_;
    /// Those who wait for names that are not there: a name is in one of the two tables at most.
    std::unordered_map<std::string, std::deque<NameTicket>> waiting_;
    std::size_t waiter_count_ = 0;
};

/// One request on its way, at the rank that asks.
class NameInquiry {
public:
    void begin(NameTicket ticket) { *this = NameInquiry(ticket); }
    void on_reply(const NameReply &reply);

    const NameTicket &ticket() const { return ticket_; }
    /// The keeper has it in its list, and may be told to take it out.
    bool is_noted() const { return noted_; }
    bool is_answered() const { return answered_; }
    /// Everything that will come has come; the ticket's number is free.
    bool is_over() const { return answered_ && noted_ == was_noted_; }
    std::int32_t error() const { return error_; }
    std::uint64_t value() const { return value_; }

    NameInquiry() = default;

private:
    explicit NameInquiry(NameTicket ticket) : ticket_(ticket) {}
    NameTicket ticket_{no_rank, 0, 0};
    bool noted_ = false;
    bool answered_ = false;
    bool was_noted_ = false;
    std::int32_t error_ = 0;
    std::uint64_t value_ = 0;
};

/// Spreads names over ranks: FNV-1a (Fowler, Noll, Vo), so that every rank and every build finds the same.
constexpr Rank keeper_of(std::string_view name, int rank_count) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const char byte : name) {
        hash ^= static_cast<unsigned char>(byte);
        hash *= 0x100000001b3ULL;
    }
    return Rank{static_cast<std::int32_t>((hash ^ (hash >> 32U)) % static_cast<std::uint64_t>(rank_count))};
}

} // namespace dsm::sync
