// What diffs of a page cost on this machine, in nanoseconds per page that is in the cache. Prints a table; tests
// nothing.
#include "libdsm/protocol/release/page_diff.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

namespace dsm::protocol {
namespace {

struct alignas(line_bytes) Page {
    std::array<std::byte, page_bytes> bytes{};
    std::byte *data() { return bytes.data(); }
};

/// The best of several rounds: other work on the machine only ever adds.
template <class Prepare, class Body> double best_ns(Prepare prepare, Body body) {
    constexpr unsigned rounds = 7;
    constexpr unsigned pages = 2'000;
    constexpr unsigned batch = 16; ///< prepared together, so that the clock is not what is measured
    double best = 0;
    for (unsigned round = 0; round < rounds; ++round) {
        std::chrono::steady_clock::duration elapsed{};
        for (unsigned done = 0; done < pages; done += batch) {
            for (unsigned i = 0; i < batch; ++i) { prepare(i); }
            const auto begin = std::chrono::steady_clock::now();
            for (unsigned i = 0; i < batch; ++i) { body(i); }
            elapsed += std::chrono::steady_clock::now() - begin;
        }
        const double ns = std::chrono::duration<double, std::nano>(elapsed).count() / pages;
        best = round == 0 ? ns : std::min(best, ns);
    }
    return best;
}

constexpr const char *names[] = {"words", "avx2", "avx512"};

void measure(const char *what, Compare how, std::size_t length, std::size_t step) {
    Page base;
    Page written;
    for (std::size_t at = 0; length > 0 && at < page_bytes; at += step) {
        for (std::size_t i = at; i < at + length; ++i) { written.bytes[i] = std::byte{5}; }
    }
    std::vector<Page> frames(16);
    std::vector<Page> twins(16);
    std::vector<std::byte> diff(page_diff_bytes_max);
    std::size_t bytes = 0;
    volatile bool seen = false;
    const auto clean = [&](unsigned i) { frames[i] = twins[i] = base; };
    const auto dirty = [&](unsigned i) {
        twins[i] = base;
        frames[i] = written;
    };
    const double differs_ns =
        best_ns(dirty, [&](unsigned i) { seen = differs(frames[i].data(), twins[i].data(), how); });
    const double encode_ns = best_ns(dirty, [&](unsigned i) {
        bytes = DiffEncoder(frames[i].data(), twins[i].data(), RefreshTwin::Yes, how).next(diff);
    });
    const auto told = std::span(diff).first(bytes);
    const double apply_ns = best_ns(clean, [&](unsigned i) { seen = apply_diff(told, frames[i].data(), how); });
    const double merge_ns =
        best_ns(clean, [&](unsigned i) { merge(frames[i].data(), twins[i].data(), written.bytes, 0, how); });
    const double merge_clean_ns =
        best_ns(clean, [&](unsigned i) { merge_clean(frames[i].data(), written.bytes, 0, how); });
    std::printf("%-6s %-28s %6zu %9.0f %9.0f %9.0f %9.0f %12.0f\n", names[static_cast<unsigned>(how)], what, bytes,
                differs_ns, encode_ns, apply_ns, merge_ns, merge_clean_ns);
}

void measure_all(Compare how) {
    measure("unchanged", how, 0, page_bytes);
    measure("one word", how, 8, page_bytes);
    measure("a word in every 64 bytes", how, 8, 64);
    measure("6 bytes of every word", how, 6, 8);
    measure("a byte of every second int", how, 1, 8);
    measure("every second byte", how, 1, 2);
    measure("whole page", how, page_bytes, page_bytes);
}

} // namespace
} // namespace dsm::protocol

int main() {
    using namespace dsm::protocol;
    std::printf("%-6s %-28s %6s %9s %9s %9s %9s %12s\n", "by", "written, ns per page", "bytes", "differs", "encode",
                "apply", "merge", "merge_clean");
    for (const Compare how : {Compare::Words, Compare::Avx2, Compare::Avx512}) {
        if (can_compare(how)) { measure_all(how); }
    }
}
