// Spans: finding the one that an address belongs to, allocating and freeing them through the directory, which rank 0
// keeps. What concerns every node goes along a tree of the nodes with node 0 at the root (decision 0021).
//
//   allocate:  caller --AllocateSpan--> rank 0 --answer--> caller
//   find:      caller --FindSpan--> its node --AskSpan--> parent --AskSpan--> ... --> rank 0, and back by SpanFound; a
//                                   node that knows the span answers at once (memory/span_lookups.hpp)
//              caller --LookupSpan--> rank 0 --answer--> caller, where what others remember may be too old
//   free:      caller --FreeSpan--> rank 0 --ForgetSpan--> down the tree: rights, state, cached record --answers--> up
//                                          --PunchSpan---> down the tree: frames    --answers--> up: reusable
//   resize:    caller --ResizeSpan----> rank 0 --answer--> caller; of a shorter span the tail is freed as above, and
//                                              other nodes learn of a longer one when they meet its end
// A node answers for itself and all below it, once: the rounds are memory/span_rounds.hpp, and here is what a node does
// in them. "Every node" is its first rank; with one node it is every rank, since each closes its own view. A node drops
// a large span slice by slice, sending itself the rest as a message, so that nobody waits for the driver meanwhile.
#pragma once

#include "libdsm/memory/span_directory.hpp"
#include "libdsm/memory/span_lookups.hpp"
#include "libdsm/memory/span_rounds.hpp"
#include "libdsm/runtime/calls.hpp"
#include "libdsm/runtime/coherence.hpp"
#include "libdsm/runtime/node.hpp"
#include "libdsm/runtime/sync_drop.hpp"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace dsm::rt {

/// Rank that keeps the directory of spans.
constexpr Rank directory_rank{0};

/// Why a span could not be had: 0, ENOMEM.
struct SpanAnswer {
    int error;
    memory::SpanRecord record;
};

class Spans final : public SpanFinder,
                    public CallHandler,
                    private memory::SpanLookupEffects,
                    private memory::SpanRoundEffects {
public:
    Spans(Node &node, Engine &engine, Calls &calls);
    /// Set once, before the first message: what has to be dropped with a span.
    void set_coherence(Coherence *coherence) { coherence_ = coherence; }
    void set_drops(SyncDrops *drops) { drops_ = drops; }

    std::optional<memory::SpanRecord> find(memory::SegmentOffset offset) override;
    void forget(const memory::SpanRecord &record) override;

    /// As find(), but with the size that the span has now: what the node remembers of a big block may be of before
    /// another node changed it. Always a message.
    std::optional<memory::SpanRecord> find_now(memory::SegmentOffset offset);
    /// Asks the directory for a span. Any thread that may wait.
    SpanAnswer allocate(const memory::SpanAttributes &attributes, std::uint32_t alignment_chunks);
    /// Ends a span: 0, or EINVAL when it is gone or going. Returns once the directory has taken note; the addresses are
    /// used again when every node has dropped what it had.
    int free(const memory::SpanRecord &record);
    /// As free() of a span that is surely live, without waiting: also on the driver.
    void give_back(const memory::SpanRecord &record);
    /// Changes the size of a big block where it stands: 0, ENOMEM (no room behind it, or no budget) or EINVAL (gone).
    int resize(const memory::SpanRecord &record, std::uint64_t bytes);
    /// Allocates and answers, at once or when spans that are being freed have made room. On rank 0, on the driver only.
    using Answered = std::function<void(const SpanAnswer &)>;
    void allocate_for(const Answered &answered, const memory::SpanAttributes &attributes,
                      std::uint32_t alignment_chunks);

    void on_call(CallKind kind, CallToken token, std::span<const std::byte> arguments) override;

private:
    struct AllocateArguments {
        memory::SpanAttributes attributes;
        std::uint32_t alignment_chunks;
    };
    struct ResizeArguments {
        memory::SpanRecord record;
        std::uint64_t bytes;
    };
    /// What one node of the tree tells another that asked.
    struct FoundSpan {
        memory::ChunkId chunk;
        SpanAnswer answer;
    };
    std::optional<memory::SpanRecord> ask_tree(memory::ChunkId chunk);
    std::optional<memory::SpanRecord> ask_directory(memory::ChunkId chunk);
    bool insert_found(const memory::SpanRecord &record);
    void look_up_for(const memory::SpanAsker &asker, memory::ChunkId chunk);
    std::optional<memory::SpanRecord> known(memory::ChunkId chunk) override;
    void ask_parent(memory::ChunkId chunk) override;
    void answer(const memory::SpanAsker &asker, memory::ChunkId chunk,
                const std::optional<memory::SpanRecord> &record) override;
    /// Bytes that the live spans need at each home, so that the nodes' budgets are not promised twice.
    bool charge_if_room(const memory::SpanRecord &record);
    void charge(const memory::SpanRecord &record, bool add);
    template <class Visit> void for_each_share(const memory::SpanRecord &record, Visit visit);
    SpanAnswer allocate_here(const memory::SpanAttributes &attributes, std::uint32_t alignment_chunks);
    SpanAnswer resize_here(const ResizeArguments &wanted);
    bool begin_end(const memory::SpanRecord &record);
    bool free_here(const memory::SpanRecord &record);
    void forget_everywhere(const memory::SpanDrop &drop);
    void order(std::uint32_t to, memory::SpanStep step, const memory::SpanDrop &drop) override;
    void report(std::uint32_t to, memory::SpanStep step, const memory::SpanRecord &record) override;
    void begin(memory::SpanStep step, memory::SpanDrop &drop) override;
    bool carry_out(memory::SpanStep step, memory::SpanDrop &drop) override;
    void end(const memory::SpanRecord &record) override;
    bool forget_slice(memory::SpanDrop &drop);
    bool punch_slice(memory::SpanDrop &drop);
    std::uint32_t punch_some(const memory::SpanRecord &record, std::uint32_t from);
    std::uint32_t everybody() const;
    std::uint32_t self_number() const;
    Rank member(std::uint32_t number) const;

    Node &node_;
    Engine &engine_;
    Calls &calls_;
    Coherence *coherence_ = nullptr;
    SyncDrops *drops_ = nullptr;
    memory::SpanLookups lookups_;
    memory::SpanRounds rounds_;

    // On rank 0 only.
    struct Directory {
        memory::SharedRegion region;
        std::optional<memory::SpanDirectory> spans;
        std::vector<std::uint64_t> homed_pages; ///< by node
        std::set<std::uint32_t> ending;         ///< first chunks of spans on their way out
        struct Waiting {
            Answered answered;
            memory::SpanAttributes attributes;
            std::uint32_t alignment_chunks;
        };
        std::deque<Waiting> waiting; ///< allocations that wait for spans to end
    };
    std::unique_ptr<Directory> directory_;
};

} // namespace dsm::rt
