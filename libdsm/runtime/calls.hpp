// Calls: a request to a rank that is answered once, for everything that is not on the fault path's fast lane (spans,
// homes, collective allocation). The caller waits and works meanwhile; the handler never waits but may answer later.
#pragma once

#include "libdsm/runtime/engine.hpp"

#include <boost/lockfree/stack.hpp>

#include <array>
#include <cstring>
#include <type_traits>

namespace dsm::rt {

/// Wire numbers of the calls.
enum class CallKind : std::uint8_t {
    AllocateSpan = 1,
    LookupSpan = 2,
    FreeSpan = 3,
    ForgetSpan = 4,
    // 5 was used before the first release.
    CollectiveAllocate = 6,
    FirstToucher = 7,
    // 8 was used before the first release.
    SpanForgotten = 9,
    BlockSize = 10,
    PunchSpan = 11,
    SpanPunched = 12,
    LoadBound = 13,
    OpenBound = 14,
    SyncBound = 15,
    Unbind = 16,
    AtomicOperate = 17,
    AtomicWait = 18,
    AtomicNotify = 19,
    AtomicWake = 20,
    NoteObjects = 21,
    DropObjects = 22,
    ObjectsRound = 23,
    ObjectsRoundDone = 24,
    FlushFrees = 25,
    DropSpan = 26,
    ResizeSpan = 27,
    FindSpan = 28,
    AskSpan = 29,
    SpanFound = 30,
    CollectiveGathered = 31,
    CollectiveGranted = 32,
    ReleaseFence = 33,
    AcquireFence = 34,
};
constexpr std::size_t call_kind_count = 35;
constexpr std::size_t call_bytes_max = 96;

/// Who asked; given back with the answer.
struct CallToken {
    Rank caller;
    std::uint16_t slot;
    CallKind kind; ///< of the call, which the answer repeats
};

class CallHandler {
public:
    virtual ~CallHandler() = default;
    /// Answers now or later with Calls::answer(). Runs on the driver; never waits.
    virtual void on_call(CallKind kind, CallToken token, std::span<const std::byte> arguments) = 0;
};

class Calls final : public RecordService {
public:
    Calls(Engine &engine, Rank self);
    void handle(CallKind kind, CallHandler &handler) { handlers_[static_cast<std::size_t>(kind)] = &handler; }

    /// Asks a rank (which may be this one) and waits for the answer. Any thread that may wait.
    template <class Answer, class Arguments> Answer call(Rank to, CallKind kind, const Arguments &arguments) {
        static_assert(std::is_trivially_copyable_v<Answer> && sizeof(Answer) <= call_bytes_max);
        static_assert(std::is_trivially_copyable_v<Arguments> && sizeof(Arguments) <= call_bytes_max);
        Answer answer;
        ask(to, kind, bytes_of(arguments), std::as_writable_bytes(std::span<Answer, 1>(&answer, 1)));
        return answer;
    }
    /// Tells a rank something that needs no answer: its handler is called with a token that must not be answered.
    template <class Arguments> void tell(Rank to, CallKind kind, const Arguments &arguments) {
        static_assert(std::is_trivially_copyable_v<Arguments> && sizeof(Arguments) <= call_bytes_max);
        post(to, kind, bytes_of(arguments));
        engine_.kick();
    }
    /// As tell(), for a thread that holds a page's lock: it sends by itself (kick, wait) when it has let go.
    template <class Arguments> void tell_later(Rank to, CallKind kind, const Arguments &arguments) {
        static_assert(std::is_trivially_copyable_v<Arguments> && sizeof(Arguments) <= call_bytes_max);
        post(to, kind, bytes_of(arguments));
    }
    template <class Answer> void answer(CallToken token, const Answer &value) {
        static_assert(std::is_trivially_copyable_v<Answer> && sizeof(Answer) <= call_bytes_max);
        send_answer(token, bytes_of(value));
    }

    void on_record(std::int32_t from_rank, std::span<const std::byte> record) override;

private:
    struct Slot {
        std::atomic<std::uint32_t> done;
        std::uint32_t bit;
        std::byte answer[call_bytes_max];
    };
    static constexpr std::uint16_t slot_count = 1024;
    void ask(Rank to, CallKind kind, std::span<const std::byte> arguments, std::span<std::byte> answer);
    void post(Rank to, CallKind kind, std::span<const std::byte> arguments);
    void send_answer(CallToken token, std::span<const std::byte> answer);

    Engine &engine_;
    Rank self_;
    std::array<CallHandler *, call_kind_count> handlers_{};
    std::array<Slot, slot_count> slots_{};
    boost::lockfree::stack<std::uint16_t, boost::lockfree::capacity<slot_count>> free_;
};

/// The arguments of a call as the struct that the caller gave; ends the job on a record of another size.
template <class Arguments> Arguments arguments_as(std::span<const std::byte> bytes) {
    Arguments arguments;
    DSM_CHECK(bytes.size() == sizeof arguments, "E6 a call carries its kind's arguments", bytes.size());
    std::memcpy(&arguments, bytes.data(), sizeof arguments);
    return arguments;
}

} // namespace dsm::rt
