// Ranks count together, under a mutex, in memory that they share.
#include <cstdio>
#include <dsm/dsm.hpp>
#include <mutex>

struct Shared {
    dsm::mutex mutex;
    long sum;
};

int main() {
    if (dsm_version() != DSM_VERSION) { return 1; }
    const dsm::runtime runtime;
    auto *shared = static_cast<Shared *>(dsm_alloc(sizeof(Shared), nullptr));
    if (shared == nullptr) { return 1; }
    for (int i = 0; i < 100; ++i) {
        const std::lock_guard lock(shared->mutex);
        ++shared->sum;
    }
    dsm::barrier_all();
    if (dsm::rank() == 0) { std::printf("%d ranks counted to %ld\n", dsm::size(), shared->sum); }
}
