// Diffs of a page: what is refused stores nothing, what is accepted stores the bytes that it names and is told again.
#include "libdsm/protocol/release/page_diff.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace dsm;

namespace {

struct alignas(protocol::line_bytes) Page {
    std::array<std::byte, page_bytes> bytes;
};

Page filled(std::byte value) {
    Page page;
    page.bytes.fill(value);
    return page;
}

bool has(const protocol::PageBytes &bytes, std::size_t at) {
    return ((bytes[at / protocol::line_bytes] >> (at % protocol::line_bytes)) & 1) != 0;
}

/// The diff between two pages that differ in exactly these bytes names them, and makes the one from the other.
void require_told_again(const protocol::PageBytes &bytes, const Page &frame, protocol::Compare how) {
    Page base = frame;
    for (std::size_t at = 0; at < page_bytes; ++at) {
        if (has(bytes, at)) { base.bytes[at] = ~frame.bytes[at]; }
    }
    Page twin = base;
    protocol::DiffEncoder encoder(frame.bytes.data(), twin.bytes.data(), protocol::RefreshTwin::Yes, how);
    std::vector<std::byte> diff(protocol::page_diff_bytes_max);
    diff.resize(encoder.next(diff));
    FUZZ_REQUIRE(encoder.done() && twin.bytes == frame.bytes);
    FUZZ_REQUIRE(protocol::bytes_in(diff) == bytes);
    FUZZ_REQUIRE(protocol::apply_diff(diff, base.bytes.data()) && base.bytes == frame.bytes);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const fuzz::Input input(data, size);
    const std::span<const std::byte> diff = input.bytes();
    const Page zeros = filled(std::byte{0});
    const Page others = filled(std::byte{0xff});
    Page frame = zeros;
    Page twin = others;
    const bool is_good = protocol::apply_diff_to_both(diff, frame.bytes.data(), twin.bytes.data());
    const protocol::PageBytes bytes = protocol::bytes_in(diff);
    FUZZ_REQUIRE(is_good || (frame.bytes == zeros.bytes && twin.bytes == others.bytes));
    FUZZ_REQUIRE((protocol::diff_changed_bytes(diff) > 0) == (is_good && !diff.empty()));
    for (std::size_t at = 0; at < page_bytes; ++at) {
        FUZZ_REQUIRE((frame.bytes[at] == twin.bytes[at]) == has(bytes, at));
    }
    std::size_t in_runs = 0;
    std::size_t end = 0;
    protocol::for_each_run(diff, [&](std::size_t offset, std::size_t length) {
        FUZZ_REQUIRE(length > 0 && offset + length <= page_bytes && (end == 0 || offset > end));
        end = offset + length;
        in_runs += length;
    });
    FUZZ_REQUIRE(in_runs == protocol::diff_changed_bytes(diff));
    FUZZ_REQUIRE(protocol::overlap(diff, diff).has_value() == (in_runs > 0));
    require_told_again(bytes, frame, protocol::Compare::Words);
    require_told_again(bytes, frame, protocol::best_compare());
    return 0;
}
