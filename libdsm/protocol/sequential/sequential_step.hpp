// One step of the sequential protocol: the event's handlers and what they share. Private to this folder.
#pragma once

#include "libdsm/base/check.hpp"
#include "libdsm/protocol/sequential/sequential_protocol.hpp"

namespace dsm::protocol {

/// A write request as the owner serves it, come just now or deferred.
struct WriteWish {
    NodeId origin;
    Version version;
    bool own_only;
    bool have_copy;
    bool discard;
};

/// Lives on the stack for one event on one page.
class SequentialStep {
public:
    SequentialStep(const SequentialProtocol &protocol, PageState &state, const PageContext &context, TimeUs now_us,
                   PageEffects &effects) noexcept;

    // Events (sequential_protocol.cpp, sequential_requests.cpp).
    void on_fault(Access wanted, bool is_awaited);
    bool try_pin(Access wanted);
    void on_message(const PageMessage &message);
    void on_accessed();
    void on_timer() { serve_when_due(); }
    Eviction on_evict();
    void on_free();
    void unpin();
    bool on_load_ahead();
    void on_loaded();
    bool on_clean();

private:
    // What other nodes send.
    void on_read_request(const PageMessage &message);
    void on_write_request(const PageMessage &message);
    void on_read_reply(const PageMessage &message);
    void on_grant(const PageMessage &message);
    void on_invalidate(const PageMessage &message);
    void on_invalidate_ack(const PageMessage &message);
    void on_redo();
    void on_take_back();

    // Asking (sequential_requests.cpp).
    void ask_to_read();
    void ask_read();
    void ask_write(bool discard);
    void ask_own();
    void start_free();
    void complete_own();
    void complete_write();
    void complete_free();
    /// What was pending has come: local threads have their turn, then what is deferred.
    void settle();

    // The tree of readers (sequential_tree.cpp).
    [[nodiscard]] bool has_tree() const;
    [[nodiscard]] bool is_crowd(unsigned readers) const;
    [[nodiscard]] NodeId parent_of(NodeId node) const;
    void serve_or_join(NodeId child);
    void serve_children();
    void join(NodeId reader);

    // The file (sequential_file.cpp).
    void load_if_in_file();

    // Serving (sequential_service.cpp).
    [[nodiscard]] bool defers() const;
    [[nodiscard]] bool is_held() const;
    [[nodiscard]] bool is_pinned() const { return state_.pins > 0; }
    [[nodiscard]] bool is_pin_late() const;
    [[nodiscard]] TimeUs held_until_us() const;
    [[nodiscard]] bool has_deferred() const { return !state_.readers.empty() || state_.next != no_node; }
    void serve_when_due();
    void serve_read(NodeId reader);
    void serve_write(const WriteWish &wish);
    [[nodiscard]] Contents contents_for(const WriteWish &wish) const;
    void defer_read(NodeId reader);
    void defer_write(const PageMessage &message);
    void forward(const PageMessage &message, NodeId to);

    // Invalidating (sequential_invalidation.cpp).
    void invalidate_copies();
    void send_invalidations(const NodeBits &nodes, unsigned count, NodeId owner, bool is_popular);
    void relay(NodeId parent, unsigned part_count, unsigned acks_to_come);
    void drop_copy();
    void acknowledge(NodeId to, unsigned count);
    void finish_relay();
    void count_acks(unsigned count);

    // State. enter() is the one place that writes access and pending.
    void enter(Access access, Pending pending);
    void lower_access(Access access);
    void set(Flag flag, bool value = true);
    [[nodiscard]] bool is(Flag flag) const { return has(state_, flag); }
    [[nodiscard]] bool is_home() const { return context_.self == context_.home; }
    [[nodiscard]] bool mutates(Mutation mutation) const { return protocol_.mutation_ == mutation; }
    [[nodiscard]] PageMessage message_of(PageMessageKind kind) const;
    [[nodiscard]] std::uint64_t subject() const { return context_.page.value; }
    void note_journey();

    const SequentialProtocol &protocol_;
    PageState &state_;
    const PageContext &context_;
    const TimeUs now_us_;
    PageEffects &effects_;
    SetPool &pool_;
};

} // namespace dsm::protocol
