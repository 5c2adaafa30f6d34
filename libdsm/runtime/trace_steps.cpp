// A step as a record.
#include "libdsm/runtime/trace_steps.hpp"

#include "libdsm/protocol/page_wire.hpp"
#include "libdsm/runtime/trace_recorder.hpp"

#include <sys/syscall.h>
#include <unistd.h>

namespace dsm::rt {
namespace {

std::uint32_t this_thread() {
    static thread_local std::uint32_t number __attribute__((tls_model("initial-exec"))) = 0;
    if (number == 0) { number = static_cast<std::uint32_t>(::syscall(SYS_gettid)); }
    return number;
}

} // namespace

void TracedProtocol::record(PageEntry &entry, PageId page, const Event &event, TimeUs now_us, std::uint8_t result,
                            const TracedEffects &effects) noexcept {
    std::array<std::byte, protocol::encoded_page_message_bytes_max> message;
    const std::size_t message_bytes = event.message == nullptr ? 0 : protocol::encode(*event.message, message);
    TraceRecordHead head{};
    head.page = page.value;
    head.now_us = now_us;
    head.generation = entry.attributes.generation;
    head.step = ++entry.steps;
    head.effects_hash = effects.hash();
    head.effects_bytes_all = effects.bytes_all();
    head.state_hash = trace_hash_of(entry.state, pool_);
    head.state = trace_state_of(entry.state);
    head.thread = this_thread();
    head.home = entry.attributes.home.value;
    head.event = event.event;
    head.argument = static_cast<std::uint8_t>(event.wanted);
    head.result = result;
    head.origin = static_cast<std::uint8_t>(entry.attributes.origin);
    head.block_shift = entry.attributes.block_shift;
    recorder_->write(head, std::span(message).first(message_bytes), effects.shown());
}

void TracedProtocol::reset(PageEntry &entry, PageId page, TimeUs now_us) noexcept {
    if (recorder_ != nullptr) { record(entry, page, {TraceEvent::Reset}, now_us, 0, TracedEffects(nullptr)); }
    entry.steps = 0;
}

} // namespace dsm::rt
