// A small job whose nodes publish, send, adopt and meet at barriers over the shipped log of write notices, as a seed
// says, with a reference beside it: full vector clocks, and for every copy of a page what writes are in it.
#pragma once

#include "libdsm/protocol/release/notice_log.hpp"
#include "tests/simulation/random.hpp"

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace dsm::protocol_test {

using protocol::Interval;
using protocol::NoticeLog;
using protocol::NoticeMutation;

/// A log with memory of its own.
class OwnLog {
public:
    OwnLog(unsigned self, unsigned node_count, std::size_t entries, NoticeMutation mutation = NoticeMutation::None);
    NoticeLog *operator->() noexcept { return &log_; }
    NoticeLog &operator*() noexcept { return log_; }
    std::byte *region() noexcept { return reinterpret_cast<std::byte *>(memory_.get()); }

private:
    struct alignas(64) Line {
        std::byte bytes[64];
    };
    std::unique_ptr<Line[]> memory_;
    NoticeLog log_;
};

using Parts = std::vector<std::vector<std::byte>>;
Parts encode_for(NoticeLog &log, NodeId to, std::size_t part_bytes);
void publish(NoticeLog &log, const std::vector<unsigned> &pages);
/// Whether it was accepted.
bool adopt(NoticeLog &log, const Parts &parts, unsigned node_count);

/// What the caller of the log does wrong.
enum class CallerMutation : std::uint8_t { None, AdoptBeforeDropping, PartByPart };

class NoticeWorld {
public:
    static constexpr unsigned nodes_max = 6;
    NoticeWorld(std::uint64_t seed, NoticeMutation mutation, CallerMutation caller);
    /// What was wrong first; nothing if all went well.
    std::optional<std::string> run(unsigned steps);

    struct Counts {
        std::uint64_t compactions, collapses, taken_over, redundant, barriers, parts, spared, kept_on_all;
    };
    Counts counts() const;

private:
    using Clock = std::vector<Interval>;
    struct Copy {
        bool valid = false;
        Clock has; ///< by writer, the last of its intervals that wrote the page and is in the copy
    };
    struct Node {
        std::unique_ptr<OwnLog> log;
        Clock clock; ///< the reference: what happened before
        std::vector<Copy> copies;
        bool in_barrier = false;
    };
    enum class Kind { Plain, Arrive, Depart };
    enum class Stage { Travelling, Arrived, Looked, Dropped };
    struct Message {
        Kind kind = Kind::Plain;
        unsigned from = 0, to = 0;
        Clock clock;
        Parts parts;
        std::vector<unsigned> under_way; ///< parts
        Stage stage = Stage::Travelling;
        std::set<unsigned> drop;
        bool drop_all = false;
    };

    NoticeLog &log(unsigned node) { return **nodes_[node].log; }
    void step();
    void write_and_publish(unsigned node);
    void fetch(unsigned node, unsigned page);
    void send(unsigned from, unsigned to, Kind kind, bool has_envelope = false);
    void attach_envelope(Message &message);
    void arrive_at_barrier(unsigned node);
    void leave_barrier_if_all_are_there();
    void advance(std::size_t message);
    void look(Message &message, const Parts &parts);
    void drop(Message &message);
    void adopt_message(Message &message);
    void finish(std::size_t message);
    void settle();
    void check();
    void fail(const std::string &text);

    Random random_;
    bool is_planted_;
    CallerMutation caller_;
    unsigned node_count_, page_count_;
    std::size_t part_bytes_;
    unsigned barrier_weight_, delivery_weight_;
    std::vector<Node> nodes_;
    std::vector<Clock> homes_;                                ///< by page
    std::vector<std::vector<std::vector<Interval>>> history_; ///< by writer and page: the intervals that wrote it
    Clock published_;
    std::vector<Message> messages_;
    unsigned arrived_ = 0;
    std::uint64_t barriers_ = 0, parts_ = 0, spared_ = 0, kept_on_all_ = 0;
    std::optional<std::string> failure_;
};

} // namespace dsm::protocol_test
