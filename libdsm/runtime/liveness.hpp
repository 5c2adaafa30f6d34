// Is the peer alive? A wait may last for ever, a peer's silence may not: when a thread of this rank waits for long,
// every other rank is asked whether its progress engine lives. A rank that does not answer in time ends the job with
// one report.
#pragma once

#include "libdsm/runtime/engine.hpp"

#include <atomic>

namespace dsm::rt {

class Liveness final : public LongWaitWatch, public RecordService {
public:
    /// timeout_s: how long a peer's silence is borne, 0 for ever. `describe` adds what is known about a subject.
    using Describe = void (*)(const WaitSubject &subject);
    Liveness(Engine &engine, const Topology &topology, double timeout_s, Describe describe);

    void waiting(const WaitSubject &subject, Nanoseconds since_ns) override;
    void on_record(std::int32_t from_rank, std::span<const std::byte> record) override;

private:
    void ask_all();
    void look_for_silence(const WaitSubject &subject, Nanoseconds waited_ns);

    Engine &engine_;
    const Topology &topology_;
    const Nanoseconds timeout_ns_;
    const Describe describe_;
    std::atomic<Nanoseconds> asking_since_{0}; ///< when the present series of questions began
    std::atomic<Nanoseconds> asked_last_{0};
};

} // namespace dsm::rt
