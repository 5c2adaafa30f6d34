// The page protocol as this node steps it: every step goes through here, and into the trace if there is one.
//
// Without a trace a step costs one branch more. With one, the steps of a page at this node are numbered in its entry,
// under the entry's lock, whichever rank makes them.
#pragma once

#include "libdsm/protocol/sequential/sequential_protocol.hpp"
#include "libdsm/runtime/page_table.hpp"
#include "libdsm/runtime/trace_format.hpp"

#include <type_traits>

namespace dsm::rt {

class TraceRecorder;

/// The functions of SequentialProtocol, with the page's entry in place of its state. The caller holds the entry's lock.
class TracedProtocol {
public:
    using Context = protocol::PageContext;
    using Effects = protocol::PageEffects;
    using TimeUs = protocol::TimeUs;

    explicit TracedProtocol(protocol::SetPool &pool, const protocol::SequentialLimits &limits = {}) noexcept
        : pool_(pool), limits_(limits), protocol_(pool, limits) {}
    void set_trace(protocol::TraceHook hook, void *argument) noexcept { protocol_.set_trace(hook, argument); }
    /// Before the first step.
    void set_recorder(TraceRecorder *recorder) noexcept { recorder_ = recorder; }
    const protocol::SequentialLimits &limits() const noexcept { return limits_; }

    void on_fault(PageEntry &entry, const Context &context, Access wanted, TimeUs now_us, Effects &effects) noexcept {
        run(entry, context, {TraceEvent::Fault, wanted}, now_us, effects, [&](Effects &wants) {
            protocol_.on_fault(entry.state, context, wanted, now_us, wants);
            return true;
        });
    }
    void on_prefetch(PageEntry &entry, const Context &context, Access wanted, TimeUs now_us,
                     Effects &effects) noexcept {
        run(entry, context, {TraceEvent::Prefetch, wanted}, now_us, effects, [&](Effects &wants) {
            protocol_.on_prefetch(entry.state, context, wanted, now_us, wants);
            return true;
        });
    }
    void on_message(PageEntry &entry, const Context &context, const protocol::PageMessage &message, TimeUs now_us,
                    Effects &effects) noexcept {
        run(entry, context, {TraceEvent::Message, Access::None, &message}, now_us, effects, [&](Effects &wants) {
            protocol_.on_message(entry.state, context, message, now_us, wants);
            return true;
        });
    }
    void on_accessed(PageEntry &entry, const Context &context, TimeUs now_us, Effects &effects) noexcept {
        run(entry, context, {TraceEvent::Accessed}, now_us, effects, [&](Effects &wants) {
            protocol_.on_accessed(entry.state, context, now_us, wants);
            return true;
        });
    }
    void on_timer(PageEntry &entry, const Context &context, TimeUs now_us, Effects &effects) noexcept {
        run(entry, context, {TraceEvent::Timer}, now_us, effects, [&](Effects &wants) {
            protocol_.on_timer(entry.state, context, now_us, wants);
            return true;
        });
    }
    protocol::Eviction on_evict(PageEntry &entry, const Context &context, TimeUs now_us, Effects &effects) noexcept {
        return run(entry, context, {TraceEvent::Evict}, now_us, effects,
                   [&](Effects &wants) { return protocol_.on_evict(entry.state, context, now_us, wants); });
    }
    bool try_pin(PageEntry &entry, const Context &context, Access wanted, TimeUs now_us, Effects &effects) noexcept {
        return run(entry, context, {TraceEvent::Pin, wanted}, now_us, effects,
                   [&](Effects &wants) { return protocol_.try_pin(entry.state, context, wanted, now_us, wants); });
    }
    void unpin(PageEntry &entry, const Context &context, TimeUs now_us, Effects &effects) noexcept {
        run(entry, context, {TraceEvent::Unpin}, now_us, effects, [&](Effects &wants) {
            protocol_.unpin(entry.state, context, now_us, wants);
            return true;
        });
    }
    bool on_load_ahead(PageEntry &entry, const Context &context, TimeUs now_us, Effects &effects) noexcept {
        return run(entry, context, {TraceEvent::LoadAhead}, now_us, effects,
                   [&](Effects &wants) { return protocol_.on_load_ahead(entry.state, context, now_us, wants); });
    }
    void on_loaded(PageEntry &entry, const Context &context, TimeUs now_us, Effects &effects) noexcept {
        run(entry, context, {TraceEvent::Loaded}, now_us, effects, [&](Effects &wants) {
            protocol_.on_loaded(entry.state, context, now_us, wants);
            return true;
        });
    }
    bool on_clean(PageEntry &entry, const Context &context, TimeUs now_us, Effects &effects) noexcept {
        return run(entry, context, {TraceEvent::Clean}, now_us, effects,
                   [&](Effects &wants) { return protocol_.on_clean(entry.state, context, now_us, wants); });
    }
    /// The state of an allocation that ends at this node is gone, and the numbering of the next one's steps begins.
    void reset(PageEntry &entry, PageId page, TimeUs now_us) noexcept;

private:
    struct Event {
        TraceEvent event;
        Access wanted = Access::None;
        const protocol::PageMessage *message = nullptr;
    };
    template <class Step> std::invoke_result_t<Step, Effects &> run(PageEntry &entry, const Context &context,
                                                                    const Event &event, TimeUs now_us, Effects &effects,
                                                                    Step step) noexcept {
        if (__builtin_expect(recorder_ == nullptr, 1)) { return step(effects); }
        TracedEffects traced(&effects);
        const auto result = step(traced);
        record(entry, context.page, event, now_us, static_cast<std::uint8_t>(result), traced);
        return result;
    }
    void record(PageEntry &entry, PageId page, const Event &event, TimeUs now_us, std::uint8_t result,
                const TracedEffects &effects) noexcept;

    protocol::SetPool &pool_;
    protocol::SequentialLimits limits_;
    protocol::SequentialProtocol protocol_;
    TraceRecorder *recorder_ = nullptr;
};

} // namespace dsm::rt
