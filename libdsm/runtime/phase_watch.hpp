// A watch over start and end: while a rank is inside MPI's own collective calls nothing of ours runs, so a thread
// besides says which phase does not end, or ends the job.
#pragma once

#include "libdsm/base/futex.hpp"

#include <atomic>
#include <thread>

namespace dsm::rt {

class PhaseWatch {
public:
    /// What happens when a phase has lasted for the time-out.
    enum class AtLimit : std::uint32_t {
        Report, ///< a line, again after every further time-out: the other ranks may have reasons to come late
        EndJob, ///< a line and the end of the job: all ranks are in this phase or have died
    };

    /// Watches nothing before the first enter(), and with a time-out of 0 nothing at all.
    explicit PhaseWatch(double timeout_s);
    ~PhaseWatch();
    PhaseWatch(const PhaseWatch &) = delete;
    PhaseWatch &operator=(const PhaseWatch &) = delete;

    /// The phase before has ended. `phase` completes the sentence "has been in ..."; a literal.
    void enter(const char *phase, AtLimit at_limit) noexcept;

private:
    void run() noexcept;
    void expire() const noexcept;

    double timeout_s_;
    std::atomic<std::uint32_t> changes_{0}; ///< grows with every phase and at the end; the thread sleeps on it
    std::atomic<const char *> phase_{nullptr};
    std::atomic<AtLimit> at_limit_{AtLimit::Report};
    std::atomic<bool> ended_{false};
    std::thread thread_;
};

} // namespace dsm::rt
