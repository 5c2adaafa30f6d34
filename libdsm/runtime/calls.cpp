// Requests with one answer each.
#include "libdsm/runtime/calls.hpp"

namespace dsm::rt {
namespace {
struct CallHead {
    Service service;
    CallKind kind;
    std::uint16_t slot;
};
} // namespace

Calls::Calls(Engine &engine, Rank self) : engine_(engine), self_(self) {
    for (std::uint16_t slot = slot_count; slot > 0; --slot) { free_.push(static_cast<std::uint16_t>(slot - 1)); }
    engine_.serve(Service::Call, *this);
    engine_.serve(Service::Answer, *this);
}

void Calls::ask(Rank to, CallKind kind, std::span<const std::byte> arguments, std::span<std::byte> answer) {
    std::uint16_t number = 0;
    while (!free_.pop(number)) { engine_.drive(); } // More than 1,024 threads call at once: each call ends.
    Slot &slot = slots_[number];
    slot.bit = engine_.next_bit();
    slot.done.store(0, std::memory_order_relaxed);
    const CallHead head{Service::Call, kind, number};
    engine_.post(to, bytes_of(head), arguments);
    engine_.wait({"answer of rank", static_cast<std::uint64_t>(to.value)}, slot.bit,
                 [&slot] { return slot.done.load(std::memory_order_acquire) != 0; });
    std::memcpy(answer.data(), slot.answer, answer.size());
    free_.push(number);
}

void Calls::post(Rank to, CallKind kind, std::span<const std::byte> arguments) {
    const CallHead head{Service::Call, kind, slot_count};
    engine_.post(to, bytes_of(head), arguments);
}

void Calls::send_answer(CallToken token, std::span<const std::byte> answer) {
    const CallHead head{Service::Answer, token.kind, token.slot};
    engine_.post(token.caller, bytes_of(head), answer);
}

void Calls::on_record(std::int32_t from_rank, std::span<const std::byte> record) {
    CallHead head{};
    DSM_CHECK(record.size() >= sizeof head && record.size() <= sizeof head + call_bytes_max,
              "E6 a call carries its kind's arguments", record.size());
    std::memcpy(&head, record.data(), sizeof head);
    const auto body = record.subspan(sizeof head);
    if (head.service == Service::Call) {
        const auto kind = static_cast<std::size_t>(head.kind);
        DSM_CHECK(kind < call_kind_count && handlers_[kind] != nullptr, "E7 every call has a handler", kind);
        handlers_[kind]->on_call(head.kind, {Rank{from_rank}, head.slot, head.kind}, body);
        return;
    }
    DSM_CHECK(head.slot < slot_count, "E8 an answer goes to a slot that waits for it", head.slot);
    Slot &slot = slots_[head.slot];
    std::memcpy(slot.answer, body.data(), body.size());
    const std::uint32_t bit = slot.bit;
    slot.done.store(1, std::memory_order_release);
    engine_.wake(self_, bit);
}

} // namespace dsm::rt
