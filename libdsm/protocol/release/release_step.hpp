// One step of the release protocol: the event's handlers and what they share. Private to this folder.
#pragma once

#include "libdsm/base/check.hpp"
#include "libdsm/protocol/release/release_protocol.hpp"

namespace dsm::protocol {

/// Lives on the stack for one event on one page.
class ReleaseStep {
public:
    ReleaseStep(const ReleaseProtocol &protocol, ReleasePageState &state, const PageContext &context,
                ReleaseEffects &effects) noexcept;

    // Events of this node (release_copy.cpp; at the home, release_home.cpp).
    void on_fault(const ReleaseWish &wish);
    void on_notice(const PageNotice &notice);
    CloseOutcome on_close(std::uint64_t interval);
    void on_published(std::uint64_t interval);
    bool on_evict();
    bool try_pin(Access wanted);
    bool on_token(NodeId to);
    bool on_message(const ReleaseMessage &message);

private:
    // A copy (release_copy.cpp).
    void begin_writing(const ReleaseWish &wish);
    void request();
    bool asks_again() const { return is(ReleaseFlag::Wanted) || is(ReleaseFlag::Stale); }
    bool wants_update();
    bool has_update_for(const PageNotice &notice) const;
    void on_update(const ReleaseMessage &message);
    void on_data(const ReleaseMessage &message);
    void on_flush_ack(const ReleaseMessage &message);
    bool claims_home() const;
    void install_zeros(Contents contents);
    void note_version(const ReleaseMessage &message);
    CloseOutcome close_copy(std::uint64_t interval);
    void learn(const ReleaseMessage &message);

    // The home (release_home.cpp).
    void fault_at_home(const ReleaseWish &wish);
    void write_at_home(const ReleaseWish &wish);
    bool is_free_to_write() const;
    bool is_for_another(const ReleaseMessage &message);
    void on_fetch(const ReleaseMessage &message);
    bool on_flush(const ReleaseMessage &message);
    void on_early(const ReleaseMessage &message);
    void look_at_kept();
    void guard_before_serving();
    std::uint64_t refresh_twin();
    void narrow(ReleaseMessage &answer, LinesSince lines) const;
    void note_sent(const ReleaseMessage &answer);
    void note_lines(std::uint64_t lines);
    void forget_versions();
    /// A home that neither compares nor is protected: what it writes is not told (R15).
    bool writes_unseen() const {
        return is(ReleaseFlag::Home) && state_.access == Access::Write && !is(ReleaseFlag::Twin);
    }
    void note_flush(const ReleaseMessage &message);
    bool should_move() const;
    bool give_up_twin();
    bool is_bindable() const;
    CloseOutcome close_home(std::uint64_t interval);
    bool wants_push() const;
    bool is_trial();
    void note_unseen_write();
    ReleaseMessage update_of(std::uint64_t interval);
    void update_writer(const ReleaseMessage &flush);
    void note_own_write(std::uint64_t interval);
    bool close_compared();
    void give_home(NodeId to, HomeReason reason);
    bool on_home(const ReleaseMessage &message);

    // State. enter() is the one place that writes access.
    void enter(Access access);
    void lower(Access access);
    void raise(Access access);
    void drop_twin();
    void list();
    void note_lock(std::uint64_t lock);
    void set(ReleaseFlag flag) {
        state_.flags = static_cast<std::uint16_t>(state_.flags | static_cast<unsigned>(flag));
    }
    void clear(ReleaseFlag flag) {
        state_.flags = static_cast<std::uint16_t>(state_.flags & ~static_cast<unsigned>(flag));
    }
    bool is(ReleaseFlag flag) const { return has(state_, flag); }
    bool take(ReleaseFlag flag) {
        const bool was = is(flag);
        clear(flag);
        return was;
    }
    bool is_hot() const {
        const std::uint8_t enough = protocol_.limits_.hot_faults;
        return (enough != ReleaseLimits::never && state_.heat >= enough) || state_.pins > 0;
    }
    void heat_up() {
        if (state_.heat < protocol_.limits_.hot_faults) { ++state_.heat; }
    }
    void count_miss() {
        if (state_.misses < protocol_.limits_.refresh_misses) { ++state_.misses; }
    }
    void count_refresh() {
        if (state_.refreshes < UINT16_MAX) { ++state_.refreshes; }
    }
    /// All parts of the last writer's diff are here.
    bool has_whole_flush() const { return state_.parts_total != 0 && state_.parts_seen == state_.parts_total; }
    bool mutates(ReleaseMutation mutation) const { return protocol_.mutation_ == mutation; }
    ReleaseMessage message_of(ReleaseMessageKind kind) const;
    ReleaseMessage answer_of(ReleaseMessageKind kind);
    std::uint64_t subject() const { return context_.page.value; }

    const ReleaseProtocol &protocol_;
    ReleasePageState &state_;
    const PageContext &context_;
    ReleaseEffects &effects_;
    SetPool &pool_;
};

} // namespace dsm::protocol
