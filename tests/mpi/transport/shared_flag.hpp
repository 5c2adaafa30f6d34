// A word that ranks of one host share outside MPI: for tests of what happens while a rank is not inside MPI.
#pragma once

#include "libdsm/transport/transport.hpp"

#include <atomic>

namespace dsm::transport {

class SharedFlag {
public:
    /// Collective over the transport, whose ranks must all be on one host.
    explicit SharedFlag(Transport &transport);
    ~SharedFlag();
    SharedFlag(const SharedFlag &) = delete;
    SharedFlag &operator=(const SharedFlag &) = delete;

    void raise() noexcept { word_->fetch_add(1); }
    /// Waits, calling nothing but the kernel, until the flag has been raised `times` times since the start.
    void wait_for(unsigned times) const noexcept;

private:
    std::atomic<unsigned> *word_ = nullptr;
};

} // namespace dsm::transport
