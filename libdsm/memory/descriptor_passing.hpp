// Handing file descriptors to other ranks of the same host over a Unix socket.
//
// The socket has an abstract name with a random part: nothing in the file system, so it works where directories are
// read only and /dev/shm is small. The runtime tells the other ranks the name through the transport. Both sides check
// that the other one belongs to the same user. Start-up only: allocates, waits, must not be used in signal handlers.
#pragma once

#include "libdsm/memory/outcome.hpp"
#include "libdsm/memory/owned.hpp"

#include <string>
#include <vector>

namespace dsm::memory {

/// How many descriptors one offer may hold.
constexpr int offered_descriptors_max = 64;

class DescriptorOffer {
public:
    DescriptorOffer() = default;
    DescriptorOffer(DescriptorOffer &&) noexcept = default;
    DescriptorOffer &operator=(DescriptorOffer &&) noexcept = default;
    /// Opens the socket. `descriptors` stay the caller's and must stay open while the offer is served.
    static Outcome<DescriptorOffer> start(std::vector<int> descriptors);
    /// What the others give to fetch_descriptors: printable, shorter than 64 characters.
    const std::string &address() const noexcept { return address_; }
    /// Serves until `count` ranks have fetched, or fails with ETIMEDOUT after `timeout_s`.
    Outcome<Done> serve(int count, double timeout_s) const;

private:
    FileDescriptor socket_;
    std::string address_;
    std::vector<int> descriptors_;
};

/// The descriptors of an offer, in the order of the offer. Waits for the serving side, `timeout_s` at most.
Outcome<std::vector<FileDescriptor>> fetch_descriptors(const std::string &address, double timeout_s);

/// Every rank of a node has an offer, and each wants all of them: serves its own offer on a thread of its own while it
/// fetches from the others. `addresses[own]` is this rank's. Returns one vector per rank, the own one empty.
Outcome<std::vector<std::vector<FileDescriptor>>> exchange_descriptors(const DescriptorOffer &offer,
                                                                       const std::vector<std::string> &addresses,
                                                                       std::size_t own, double timeout_s);

} // namespace dsm::memory
