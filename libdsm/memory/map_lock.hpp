// Many mappers or one dropper, inside one process: what lets the mprotect backend drop rights of whole areas.
#pragma once

#include <atomic>
#include <cstdint>

namespace dsm::memory {

/// Usable in a signal handler that did not interrupt its holder. Not recursive. Droppers go before new mappers.
class MapLock {
public:
    void lock_shared() noexcept;
    void unlock_shared() noexcept;
    void lock() noexcept;
    void unlock() noexcept;

private:
    static constexpr std::uint32_t exclusive = 0x8000'0000U;
    void wait(std::uint32_t seen) noexcept;
    std::atomic<std::uint32_t> state_{0};   ///< number of mappers, or `exclusive`
    std::atomic<std::uint32_t> waiting_{0}; ///< droppers that wait or work
};

} // namespace dsm::memory
