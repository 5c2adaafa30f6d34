// What the fuzz targets share. A target is a file with LLVMFuzzerTestOneInput, which libFuzzer drives, or our driver.
//
// A target checks properties, not only that nothing crashes: what is decoded encodes to the same bytes, what is refused
// says why. FUZZ_REQUIRE ends the run, and whoever drives it keeps the input.
#pragma once

#include <algorithm>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

#define FUZZ_REQUIRE(condition)                                                                                        \
    ((condition) ? static_cast<void>(0)                                                                                \
                 : (std::fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition), std::abort()))

namespace dsm::fuzz {

/// The input in memory of exactly its size, so that a read beside it is seen.
class Input {
public:
    Input(const std::uint8_t *data, std::size_t size) : bytes_(size) {
        if (size > 0) { std::memcpy(bytes_.data(), data, size); }
    }
    std::span<const std::byte> bytes() const { return bytes_; }
    std::string_view text() const { return {reinterpret_cast<const char *>(bytes_.data()), bytes_.size()}; }
    /// Takes a number from the front; 0 once there is nothing more.
    template <class Number> Number take() {
        Number number{};
        const std::size_t taken = std::min(sizeof number, bytes_.size());
        if (taken > 0) { std::memcpy(&number, bytes_.data(), taken); }
        bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(taken));
        bytes_.shrink_to_fit();
        return number;
    }

private:
    std::vector<std::byte> bytes_;
};

/// Whether a call ends the job by DSM_CHECK, which for some decoders is how they refuse. Nothing on the way may own
/// memory: its destructors are skipped.
template <class Call> bool is_refused_by_check(Call call);

/// Set while a refusal is expected; refusal.cpp jumps there.
inline std::jmp_buf *refusal_place = nullptr;

template <class Call> bool is_refused_by_check(Call call) {
    std::jmp_buf place;
    refusal_place = &place;
    // NOLINTNEXTLINE(cert-err52-cpp): what ends a job does not return.
    const bool refused = setjmp(place) != 0;
    if (!refused) { call(); }
    refusal_place = nullptr;
    return refused;
}

} // namespace dsm::fuzz
