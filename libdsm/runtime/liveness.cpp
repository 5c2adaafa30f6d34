// Questions and answers between progress engines.
#include "libdsm/runtime/liveness.hpp"

#include "libdsm/base/check.hpp"

#include <algorithm>

namespace dsm::rt {
namespace {

enum class ControlKind : std::uint8_t { AreYouThere = 1, Here = 2 };
struct ControlRecord {
    Service service;
    ControlKind kind;
};

constexpr double ns_per_s = 1e9;
// Shares of the time-out: questions begin after a third of it, so that the answer is judged before it is over.
constexpr int ask_after = 3;
constexpr int ask_every = 24;
constexpr int series_ends_after = 4;

} // namespace

Liveness::Liveness(Engine &engine, const Topology &topology, double timeout_s, Describe describe)
    : engine_(engine), topology_(topology), timeout_ns_(static_cast<Nanoseconds>(timeout_s * ns_per_s)),
      describe_(describe) {
    engine_.serve(Service::Control, *this);
    engine_.set_long_wait_watch(*this);
}

void Liveness::waiting(const WaitSubject &subject, Nanoseconds since_ns) {
    if (timeout_ns_ == 0 || topology_.rank_count() == 1) { return; }
    const Nanoseconds now = now_ns();
    const Nanoseconds waited = now - since_ns;
    if (waited < timeout_ns_ / ask_after) { return; }
    Nanoseconds last = asked_last_.load(std::memory_order_relaxed);
    if (now - last >= timeout_ns_ / ask_every && asked_last_.compare_exchange_strong(last, now)) {
        if (now - last >= timeout_ns_ / series_ends_after) { asking_since_.store(now, std::memory_order_relaxed); }
        ask_all();
    }
    look_for_silence(subject, waited);
}

void Liveness::ask_all() {
    const ControlRecord question{Service::Control, ControlKind::AreYouThere};
    for (std::int32_t rank = 0; rank < topology_.rank_count(); ++rank) {
        if (Rank{rank} != topology_.self()) { engine_.post(Rank{rank}, bytes_of(question)); }
    }
    engine_.kick();
}

void Liveness::look_for_silence(const WaitSubject &subject, Nanoseconds waited_ns) {
    const Nanoseconds asking_since = asking_since_.load(std::memory_order_relaxed);
    if (asking_since == 0 || now_ns() - asking_since < timeout_ns_ / 2) { return; }
    for (std::int32_t rank = 0; rank < topology_.rank_count(); ++rank) {
        if (Rank{rank} == topology_.self()) { continue; }
        const Nanoseconds heard = std::max(engine_.last_heard(Rank{rank}), asking_since);
        const Nanoseconds silent = now_ns() - heard;
        if (silent < timeout_ns_ / 2) { continue; }
        describe_(subject);
        end_job(exit_silent_peer,
                "waited %.1f s for %s %llu: rank %d (node %u) has not answered for %.1f s; see DSM_TIMEOUT",
                static_cast<double>(waited_ns) / ns_per_s, subject.what,
                static_cast<unsigned long long>(subject.subject), rank, topology_.node_of(Rank{rank}).value,
                static_cast<double>(silent) / ns_per_s);
    }
}

void Liveness::on_record(std::int32_t from_rank, std::span<const std::byte> record) {
    if (record.size() < sizeof(ControlRecord)) { return; }
    if (static_cast<ControlKind>(record[1]) == ControlKind::AreYouThere) {
        const ControlRecord answer{Service::Control, ControlKind::Here};
        engine_.post(Rank{from_rank}, bytes_of(answer));
    }
}

} // namespace dsm::rt
