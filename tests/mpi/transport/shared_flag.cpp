// One page of a POSIX shared memory object, unlinked as soon as everybody has it.
#include "shared_flag.hpp"

#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sched.h>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <vector>

namespace dsm::transport {

SharedFlag::SharedFlag(Transport &transport) {
    const long pid = ::getpid();
    std::vector<long> pids(static_cast<std::size_t>(transport.size()));
    transport.all_gather(std::as_bytes(std::span(&pid, 1)), std::as_writable_bytes(std::span(pids)));
    const std::string name = "/dsm_transport_test_" + std::to_string(pids[0]);
    const int file = ::shm_open(name.c_str(), O_RDWR | O_CREAT, 0600);
    if (file < 0 || ::ftruncate(file, sizeof *word_) != 0) {
        std::perror("shared flag");
        std::exit(1);
    }
    void *memory = ::mmap(nullptr, sizeof *word_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ::close(file);
    transport.barrier();
    if (transport.rank().value == 0) { ::shm_unlink(name.c_str()); }
    word_ = static_cast<std::atomic<unsigned> *>(memory);
}

SharedFlag::~SharedFlag() { ::munmap(word_, sizeof *word_); }

void SharedFlag::wait_for(unsigned times) const noexcept {
    while (word_->load() < times) { ::sched_yield(); }
}

} // namespace dsm::transport
