// Encoding and checked decoding of the parts of envelopes.
#include "libdsm/protocol/release/notice_wire.hpp"

#include "libdsm/base/check.hpp"

#include <array>

namespace dsm::protocol {
namespace {

constexpr unsigned flag_last = 1;
constexpr unsigned version = 1U << 1; ///< of the format, in the bits above the flag
constexpr unsigned runs_per_group_max = 0xffff;
constexpr unsigned number_bits_max = 49;

void put(std::span<std::byte> out, std::size_t at, std::uint64_t value, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) { out[at + i] = static_cast<std::byte>((value >> (8 * i)) & 0xff); }
}

std::uint64_t get(std::span<const std::byte> bytes, std::size_t at, std::size_t count) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < count; ++i) { value |= std::to_integer<std::uint64_t>(bytes[at + i]) << (8 * i); }
    return value;
}

std::size_t put_number(std::span<std::byte> out, std::size_t at, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) { out[at++] = static_cast<std::byte>((value & 0x7f) | 0x80); }
    out[at++] = static_cast<std::byte>(value);
    return at;
}

std::uint64_t zigzag(std::uint64_t difference) { return (difference << 1) ^ (0 - (difference >> 63)); }
std::uint64_t unzigzag(std::uint64_t value) { return (value >> 1) ^ (0 - (value & 1)); }

} // namespace

bool PartWriter::continues_group(const NoticeRun &run) const noexcept {
    return group_ != 0 && run.writer == writer_ && run.interval == interval_ && runs_ > 0 && runs_ < runs_per_group_max;
}

bool PartWriter::add(const NoticeRun &run) noexcept {
    std::array<std::byte, notice_run_bytes_max> bytes;
    std::size_t run_bytes = 0;
    if (!run.is_all()) {
        const std::uint64_t distance = zigzag(run.first.value - previous_end_);
        run_bytes = put_number(bytes, 0, (distance << 1) | (run.count > 1 ? 1 : 0));
        if (run.count > 1) { run_bytes = put_number(bytes, run_bytes, run.count - 2); }
    }
    const bool is_new_group = run.is_all() || !continues_group(run);
    if (used_ + (is_new_group ? notice_group_bytes : 0) + run_bytes > out_.size()) { return false; }
    if (is_new_group) {
        group_ = used_;
        writer_ = run.writer;
        interval_ = run.interval;
        runs_ = 0;
        put(out_, group_, writer_.value, 2);
        put(out_, group_ + 2, interval_, 6);
        put(out_, group_ + 8, 0, 2);
        used_ += notice_group_bytes;
    }
    if (run.is_all()) { return true; }
    put(out_, group_ + 8, ++runs_, 2);
    for (std::size_t i = 0; i < run_bytes; ++i) { out_[used_++] = bytes[i]; }
    previous_end_ = run.first.value + run.count;
    return true;
}

std::size_t PartWriter::finish(const EnvelopeHead &head) noexcept {
    put(out_, 0, version | (head.is_last ? flag_last : 0), 1);
    put(out_, 1, head.from.value, 2);
    put(out_, 3, head.part, 2);
    put(out_, 5, head.number, 4);
    put(out_, 9, head.end, 8);
    put(out_, 17, head.length, 4);
    put(out_, 21, head.ack, 8);
    return used_;
}

bool RunCursor::refuse() noexcept {
    good_ = false;
    return false;
}

/// The head of a group. What stands for everything of a writer comes first, by rising writers; a writer's intervals
/// rise.
bool RunCursor::open_group() noexcept {
    if (bytes_.size() - read_ < notice_group_bytes) { return refuse(); }
    const NodeId writer{static_cast<std::uint16_t>(get(bytes_, read_, 2))};
    const Interval interval = get(bytes_, read_ + 2, 6);
    runs_left_ = static_cast<unsigned>(get(bytes_, read_ + 8, 2));
    read_ += notice_group_bytes;
    is_all_ = runs_left_ == 0;
    if (writer.value >= node_count_ || interval == 0) { return refuse(); }
    if (is_all_ && (had_runs_ || (writer_ != no_node && writer.value <= writer_.value))) { return refuse(); }
    if (had_runs_ && writer == writer_ && interval < interval_) { return refuse(); }
    had_runs_ = !is_all_;
    writer_ = writer;
    interval_ = interval;
    return true;
}

bool RunCursor::take_number(std::uint64_t &value) noexcept {
    value = 0;
    for (unsigned bits = 0; bits < number_bits_max; bits += 7) {
        if (read_ == bytes_.size()) { return refuse(); }
        const auto byte = std::to_integer<std::uint64_t>(bytes_[read_++]);
        value |= (byte & 0x7f) << bits;
        if (byte < 0x80) { return (byte != 0 || bits == 0) || refuse(); }
    }
    return refuse();
}

bool RunCursor::take_run(NoticeRun &run) noexcept {
    std::uint64_t distance = 0;
    if (!take_number(distance)) { return false; }
    std::uint64_t count = 1;
    if ((distance & 1) != 0) {
        if (!take_number(count) || count > run_pages_max - 2) { return refuse(); }
        count += 2;
    }
    const std::uint64_t first = previous_end_ + unzigzag(distance >> 1); // Wraps round to a huge number below page 0.
    if (first >= page_count_ || count > page_count_ - first) { return refuse(); }
    previous_end_ = first + count;
    run.first = PageId{first};
    run.count = static_cast<std::uint32_t>(count);
    --runs_left_;
    return true;
}

bool RunCursor::next(NoticeRun &run) noexcept {
    if (!good_) { return false; }
    if (runs_left_ == 0 && (read_ == bytes_.size() || !open_group())) { return false; }
    run = {writer_, interval_, PageId{0}, 0};
    return is_all_ || take_run(run);
}

std::optional<EnvelopePart> decode_envelope_part(std::span<const std::byte> bytes, unsigned node_count,
                                                 std::uint64_t page_count) noexcept {
    DSM_CHECK(page_count <= noticed_pages_max, "N8 pages that a notice can name", page_count);
    if (bytes.size() < envelope_head_bytes) { return std::nullopt; }
    const auto flags = static_cast<unsigned>(get(bytes, 0, 1));
    EnvelopePart part{};
    part.head.is_last = (flags & flag_last) != 0;
    part.head.from = NodeId{static_cast<std::uint16_t>(get(bytes, 1, 2))};
    part.head.part = static_cast<std::uint16_t>(get(bytes, 3, 2));
    part.head.number = static_cast<std::uint32_t>(get(bytes, 5, 4));
    part.head.end = get(bytes, 9, 8);
    part.head.length = static_cast<std::uint32_t>(get(bytes, 17, 4));
    part.head.ack = get(bytes, 21, 8);
    part.groups = bytes.subspan(envelope_head_bytes);
    if ((flags & ~flag_last) != version || part.head.from.value >= node_count || part.head.length > part.head.end) {
        return std::nullopt;
    }
    RunCursor cursor(part.groups, node_count, page_count);
    for (NoticeRun run; cursor.next(run);) {}
    if (!cursor.good()) { return std::nullopt; }
    return part;
}

} // namespace dsm::protocol
