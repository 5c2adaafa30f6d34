// Diffs of a page: exact to the byte, in parts of any size, under foreign writes, and that foreign bytes do no harm.
#include "libdsm/protocol/release/page_diff.hpp"
#include "tests/simulation/random.hpp"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <cstring>
#include <gtest/gtest.h>
#include <initializer_list>
#include <thread>
#include <vector>

namespace dsm::protocol {
namespace {

using protocol_test::Random;
using Bytes = std::vector<std::byte>;

struct alignas(line_bytes) Page {
    std::array<std::byte, page_bytes> bytes{};
    std::byte *data() { return bytes.data(); }
    const std::byte *data() const { return bytes.data(); }
    std::byte &operator[](std::size_t at) { return bytes[at]; }
    const std::byte &operator[](std::size_t at) const { return bytes[at]; }
    bool operator==(const Page &other) const = default;
};

/// All ways to compare that the machine has.
std::vector<Compare> all_ways() {
    std::vector<Compare> ways;
    for (const Compare how : {Compare::Words, Compare::Avx2, Compare::Avx512}) {
        if (can_compare(how)) { ways.push_back(how); }
    }
    return ways;
}

std::byte other_than(std::byte value, Random &random) { return value ^ static_cast<std::byte>(1 + random.below(255)); }

Page random_page(Random &random) {
    Page page;
    for (std::byte &byte : page.bytes) { byte = static_cast<std::byte>(random.below(256)); }
    return page;
}

/// Changes single bytes, words or long runs, as dense as `changes` and the run of the random numbers say.
void change(Page &page, Random &random, unsigned changes) {
    const unsigned length_max = 1U << random.below(11);
    for (; changes > 0; --changes) {
        const unsigned at = random.below(page_bytes);
        const unsigned end = std::min<unsigned>(page_bytes, at + 1 + random.below(length_max));
        const unsigned step = random.one_in(2) ? 1 : 2;
        for (unsigned i = at; i < end; i += step) { page[i] = static_cast<std::byte>(random.below(256)); }
    }
}

/// All parts, each in `room` bytes at most.
std::vector<Bytes> parts_of(const Page &frame, Page &twin, RefreshTwin refresh, Compare how, std::size_t room) {
    std::vector<Bytes> parts;
    DiffEncoder encoder(frame.data(), twin.data(), refresh, how);
    while (true) {
        Bytes part(room);
        const std::size_t used = encoder.next(part);
        if (used == 0) { break; }
        EXPECT_LE(used, room);
        part.resize(used);
        parts.push_back(part);
    }
    EXPECT_TRUE(encoder.done());
    return parts;
}

Bytes diff_of(const Page &frame, const Page &twin, Compare how = best_compare()) {
    Page untouched = twin;
    const auto parts = parts_of(frame, untouched, RefreshTwin::No, how, page_diff_bytes_max);
    EXPECT_LE(parts.size(), 1U);
    return parts.empty() ? Bytes{} : parts[0];
}

Bytes bytes_from(std::initializer_list<unsigned> values) {
    Bytes bytes;
    for (unsigned value : values) { bytes.push_back(static_cast<std::byte>(value)); }
    return bytes;
}

/// A mask item with this head and the first byte of each line.
Bytes lines_from(unsigned head, unsigned lines) {
    Bytes bytes = bytes_from({head & 0xff, head >> 8});
    const Bytes line = bytes_from({1, 0, 0, 0, 0, 0, 0, 0, 5});
    for (; lines > 0; --lines) { bytes.insert(bytes.end(), line.begin(), line.end()); }
    return bytes;
}

using Runs = std::vector<std::pair<std::size_t, std::size_t>>;
Runs runs_of(const Bytes &diff) {
    Runs runs;
    for_each_run(diff, [&](std::size_t offset, std::size_t length) { runs.emplace_back(offset, length); });
    return runs;
}

/// Carries every differing byte and no other.
void expect_exact(const Bytes &diff, const Page &frame, const Page &twin) {
    const PageBytes bytes = bytes_in(diff);
    for (std::size_t i = 0; i < page_bytes; ++i) {
        ASSERT_EQ((bytes[i / line_bytes] >> (i % line_bytes)) & 1, frame[i] != twin[i] ? 1U : 0U) << "byte " << i;
    }
}

TEST(PageDiff, EqualPagesHaveNoDiff) {
    Random random(1);
    const Page twin = random_page(random);
    for (Compare how : all_ways()) {
        EXPECT_FALSE(differs(twin.data(), twin.data(), how));
        EXPECT_TRUE(diff_of(twin, twin, how).empty());
    }
    Page frame = twin;
    EXPECT_TRUE(apply_diff({}, frame.data()));
    EXPECT_EQ(frame, twin);
    EXPECT_EQ(diff_changed_bytes({}), 0U);
}

TEST(PageDiff, EverySingleByteIsSeen) {
    const Page twin;
    for (Compare how : all_ways()) {
        for (std::size_t at = 0; at < page_bytes; ++at) {
            Page frame;
            frame[at] = static_cast<std::byte>(at % 2 == 0 ? 0x80 : 0x01);
            ASSERT_TRUE(differs(frame.data(), twin.data(), how)) << at;
            const Bytes diff = diff_of(frame, twin, how);
            ASSERT_EQ(diff, bytes_from({static_cast<unsigned>(at & 0xff), static_cast<unsigned>(at >> 8), 1, 0,
                                        std::to_integer<unsigned>(frame[at])}));
            Page copy;
            ASSERT_TRUE(apply_diff(diff, copy.data(), how));
            ASSERT_EQ(copy, frame);
        }
    }
}

TEST(PageDiff, WholePageIsOneRun) {
    Page frame;
    const Page twin;
    for (std::byte &byte : frame.bytes) { byte = std::byte{7}; }
    for (Compare how : all_ways()) {
        const Bytes diff = diff_of(frame, twin, how);
        EXPECT_EQ(diff.size(), 4 + page_bytes);
        EXPECT_EQ(runs_of(diff), (Runs{{0, page_bytes}}));
    }
}

TEST(PageDiff, RunsGoOnBeyondALine) {
    Page frame;
    for (std::size_t i = 60; i < 200; ++i) { frame[i] = std::byte{1}; }
    frame[300] = std::byte{2};
    const Bytes diff = diff_of(frame, Page{});
    EXPECT_EQ(diff.size(), 4U + 140 + 4 + 1);
    EXPECT_EQ(runs_of(diff), (Runs{{60, 140}, {300, 1}}));
}

TEST(PageDiff, ScatteredBytesOfALineAreAMask) {
    Page frame;
    for (std::size_t i : {64U, 66U, 70U, 127U}) { frame[i] = static_cast<std::byte>(i); }
    frame[128] = std::byte{9}; // Shorter as a run, although it touches what is before.
    const Bytes diff = diff_of(frame, Page{});
    EXPECT_EQ(diff, bytes_from({0x01, 0x80, 0x45, 0, 0, 0, 0, 0, 0, 0x80, 64, 66, 70, 127, 128, 0, 1, 0, 9}));
    EXPECT_EQ(runs_of(diff), (Runs{{64, 1}, {66, 1}, {70, 1}, {127, 2}}));
    EXPECT_EQ(diff_changed_bytes(diff), 5U);
}

TEST(PageDiff, NoPageExceedsItsBound) {
    Page every_second;
    for (std::size_t i = 0; i < page_bytes; i += 2) { every_second[i] = std::byte{1}; }
    EXPECT_EQ(diff_of(every_second, Page{}).size(), 2 + lines_per_page * (8 + 32));
    // For one line every number of runs, with as many bytes as it can have.
    for (std::size_t gaps = 0; gaps < line_bytes / 2; ++gaps) {
        Page line;
        for (std::size_t i = 0; i < line_bytes; ++i) { line[i] = static_cast<std::byte>(i % 2 == 0 || i / 2 >= gaps); }
        EXPECT_LE(diff_of(line, Page{}).size(), line_diff_bytes_max);
        Page page;
        for (std::size_t i = 0; i < page_bytes; ++i) { page[i] = line[i % line_bytes]; }
        EXPECT_LE(diff_of(page, Page{}).size(), page_diff_bytes_max);
        Page twin;
        std::size_t total = 0;
        for (const Bytes &part : parts_of(page, twin, RefreshTwin::No, best_compare(), page_diff_part_bytes_min)) {
            total += part.size();
        }
        EXPECT_LE(total, page_diff_bytes_max);
    }
}

TEST(PageDiff, PartsInAnyOrderMakeTheFrame) {
    for (std::uint64_t seed = 1; seed <= 400; ++seed) {
        Random random(seed);
        const Page base = random_page(random);
        Page frame = base;
        change(frame, random, 1 + random.below(1U << random.below(9)));
        const std::size_t room = page_diff_part_bytes_min + random.below(1U << random.below(12));
        std::vector<std::vector<Bytes>> by_way;
        for (Compare how : all_ways()) {
            Page twin = base;
            by_way.push_back(parts_of(frame, twin, RefreshTwin::Yes, how, room));
            ASSERT_EQ(twin, frame) << seed;
            ASSERT_FALSE(differs(frame.data(), twin.data(), how));
        }
        for (const std::vector<Bytes> &parts : by_way) { ASSERT_TRUE(parts == by_way.front()) << seed; }
        std::vector<Bytes> parts = by_way.front();
        Bytes joined;
        for (const Bytes &part : parts) { joined.insert(joined.end(), part.begin(), part.end()); }
        ASSERT_LE(joined.size(), page_diff_bytes_max);
        expect_exact(joined, frame, base);
        ASSERT_EQ(bytes_in(joined), bytes_in(diff_of(frame, base)));
        for (std::size_t i = parts.size(); i > 1; --i) {
            std::swap(parts[i - 1], parts[random.below(static_cast<unsigned>(i))]);
        }
        Page copy = base;
        Page copy_twin = base;
        for (std::size_t i = 0; i < parts.size(); ++i) {
            for (std::size_t j = i + 1; j < parts.size(); ++j) { ASSERT_FALSE(overlap(parts[i], parts[j])); }
            const Compare how = all_ways()[random.below(static_cast<unsigned>(all_ways().size()))];
            ASSERT_TRUE(apply_diff_to_both(parts[i], copy.data(), copy_twin.data(), how));
        }
        ASSERT_EQ(copy, frame) << seed;
        ASSERT_EQ(copy_twin, frame) << seed;
    }
}

TEST(PageDiff, TwinThatIsNotRefreshedIsNotTouched) {
    Random random(3);
    const Page base = random_page(random);
    Page frame = base;
    change(frame, random, 40);
    Page twin = base;
    const auto parts = parts_of(frame, twin, RefreshTwin::No, best_compare(), 100);
    EXPECT_GT(parts.size(), 2U);
    EXPECT_EQ(twin, base);
}

TEST(PageDiff, LinesAreThoseOfItsBytes) {
    Random random(8);
    for (unsigned round = 0; round < 400; ++round) {
        const Page base = random_page(random);
        Page frame = base;
        change(frame, random, 1 + random.below(60));
        std::uint64_t lines = 0;
        for (std::size_t i = 0; i < page_bytes; ++i) {
            if (frame[i] != base[i]) { lines |= std::uint64_t{1} << (i / line_bytes); }
        }
        const Bytes diff = diff_of(frame, base);
        ASSERT_EQ(lines_in(diff), lines);
        ASSERT_EQ(lines_of(bytes_in(diff)), lines);
        for (Compare how : all_ways()) {
            Page twin = base;
            ASSERT_EQ(refresh(twin.data(), frame.data(), how), lines);
            ASSERT_EQ(twin, frame);
            ASSERT_EQ(refresh(twin.data(), frame.data(), how), 0U);
        }
        Page gathered;
        std::size_t at = 0;
        const std::size_t bytes = gather_lines(lines, frame.data(), gathered.data());
        for (std::size_t line = 0; line < lines_per_page; ++line) {
            if ((lines >> line & 1U) == 0) { continue; }
            ASSERT_TRUE(std::equal(&gathered[at], &gathered[at] + line_bytes, &frame[line * line_bytes]));
            at += line_bytes;
        }
        ASSERT_EQ(at, bytes);
    }
    EXPECT_EQ(lines_in(bytes_from({0xff, 0xff, 0, 0})), 0U) << "malformed";
}

TEST(PageDiff, DoneSaysWhetherAnotherPartComes) {
    Page frame;
    Page twin;
    frame[10] = std::byte{1};
    frame[1'000] = std::byte{1};
    DiffEncoder encoder(frame.data(), twin.data(), RefreshTwin::Yes);
    std::array<std::byte, page_diff_part_bytes_min> part;
    EXPECT_EQ(encoder.next(std::span(part).first(4)), 0U);
    EXPECT_FALSE(encoder.done());
    EXPECT_EQ(encoder.next(std::span(part).first(5)), 5U);
    EXPECT_FALSE(encoder.done());
    EXPECT_EQ(encoder.next(part), 5U);
    EXPECT_TRUE(encoder.done());
    EXPECT_EQ(encoder.next(part), 0U);
}

TEST(PageDiff, StoresNothingBesideItsBytes) {
    for (std::uint64_t seed = 1; seed <= 100; ++seed) {
        Random random(seed);
        const Page base = random_page(random);
        Page written = base;
        change(written, random, 1 + random.below(60));
        const Bytes diff = diff_of(written, base);
        const Page before = random_page(random);
        Page expected = before;
        for (std::size_t i = 0; i < page_bytes; ++i) {
            if (written[i] != base[i]) { expected[i] = written[i]; }
        }
        for (Compare how : all_ways()) {
            Page other = before;
            ASSERT_TRUE(apply_diff(diff, other.data(), how));
            ASSERT_EQ(other, expected);
        }
    }
}

TEST(PageDiff, MalformedBytesAreRefusedAndStoreNothing) {
    const std::vector<Bytes> malformed = {
        bytes_from({0}),
        bytes_from({0, 0, 1}),
        bytes_from({0, 0, 0, 0}),                                           // no byte in the run
        bytes_from({0, 0, 1, 0}),                                           // its byte is missing
        bytes_from({0, 0, 1, 0, 5, 9}),                                     // one too many
        bytes_from({0x00, 0x10, 1, 0, 5}),                                  // beyond the page
        bytes_from({0xff, 0x0f, 2, 0, 5, 5}),                               // out of the page
        bytes_from({0, 0, 0xff, 0xff, 5}),                                  // longer than the diff
        bytes_from({9, 0, 1, 0, 5, 8, 0, 1, 0, 5}),                         // falling
        bytes_from({9, 0, 2, 0, 5, 5, 10, 0, 1, 0, 5}),                     // a byte twice
        bytes_from({0, 0x80, 1, 0, 0, 0, 0, 0, 0}),                         // half a mask
        bytes_from({0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0}),                      // an empty mask
        bytes_from({0, 0x80, 3, 0, 0, 0, 0, 0, 0, 0, 5}),                   // a byte too few
        lines_from(0x807f, 2),                                              // the second is behind the page
        bytes_from({0x40, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 5}),                // two lines said, one there
        lines_from(0x9000, 65),                                             // more lines than a page has
        bytes_from({9, 0, 1, 0, 5, 0, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 5}),    // a mask before a run's end
        bytes_from({0, 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0x3f, 0, 1, 0, 5}), // a run before a mask's end
    };
    for (const Bytes &diff : malformed) {
        Page frame;
        Page twin;
        EXPECT_FALSE(apply_diff(diff, frame.data())) << "number " << &diff - malformed.data();
        EXPECT_FALSE(apply_diff_to_both(diff, frame.data(), twin.data()));
        EXPECT_EQ(frame, Page{});
        EXPECT_EQ(twin, Page{});
        EXPECT_EQ(diff_changed_bytes(diff), 0U);
        EXPECT_TRUE(runs_of(diff).empty());
    }
}

TEST(PageDiff, EveryHeadOfADiffIsRefusedOrApplied) {
    Random random(5);
    Page frame;
    change(frame, random, 30);
    const Bytes diff = diff_of(frame, Page{});
    for (std::size_t size = 0; size < diff.size(); ++size) {
        const Bytes head(diff.begin(), diff.begin() + static_cast<std::ptrdiff_t>(size));
        Page page;
        const bool is_good = apply_diff(head, page.data());
        ASSERT_EQ(is_good || size == 0, diff_changed_bytes(head) > 0 || size == 0);
        if (!is_good) { ASSERT_EQ(page, Page{}); }
    }
}

TEST(PageDiff, OverlapIsTheFirstByteOfBoth) {
    Page a;
    Page b;
    a[100] = a[2'000] = a[2'001] = std::byte{1};
    b[101] = b[2'001] = b[3'000] = std::byte{1};
    EXPECT_EQ(overlap(diff_of(a, Page{}), diff_of(b, Page{})), 2'001U);
    b[2'001] = std::byte{0};
    EXPECT_EQ(overlap(diff_of(a, Page{}), diff_of(b, Page{})), std::nullopt);
}

TEST(PageMerge, IsAsTheRuleSaysByteByByte) {
    for (std::uint64_t seed = 1; seed <= 400; ++seed) {
        Random random(seed);
        const Page twin = random_page(random);
        Page frame = twin;
        change(frame, random, random.below(30));
        Page home = twin;
        change(home, random, random.below(30));
        const unsigned offset = random.one_in(3) ? 0 : random.below(page_bytes);
        const unsigned size = random.one_in(3) ? page_bytes - offset : random.below(page_bytes - offset + 1);
        const Bytes fresh(home.data() + offset, home.data() + offset + size);
        Page frame_expected = frame;
        Page twin_expected = twin;
        Page clean_expected = frame;
        for (std::size_t i = offset; i < offset + size; ++i) {
            clean_expected[i] = home[i];
            if (home[i] == twin[i]) { continue; }
            if (frame[i] == twin[i]) { frame_expected[i] = home[i]; }
            twin_expected[i] = home[i];
        }
        for (Compare how : all_ways()) {
            Page frame_merged = frame;
            Page twin_merged = twin;
            merge(frame_merged.data(), twin_merged.data(), fresh, offset, how);
            ASSERT_EQ(frame_merged, frame_expected) << seed;
            ASSERT_EQ(twin_merged, twin_expected) << seed;
            Page clean = frame;
            merge_clean(clean.data(), fresh, offset, how);
            ASSERT_EQ(clean, clean_expected) << seed;
        }
    }
}

/// A thread that writes every third byte of a frame, a few times in each phase. Nobody else may store these, so each
/// must be as it was last written here.
class Writer {
public:
    static constexpr unsigned phases = 200;
    explicit Writer(Page &frame) : frame_(frame), thread_([this] { run(); }) {}
    Writer(const Writer &) = delete;
    Writer &operator=(const Writer &) = delete;
    ~Writer() { thread_.join(); }
    static bool is_mine(std::size_t at) { return at % 3 == 0; }
    /// Called as often as there are phases. Meanwhile does `work` again and again.
    template <class Work> void phase(Work work) {
        both_.arrive_and_wait();
        do { work(); } while (!has_written_.load());
        has_written_ = false;
        both_.arrive_and_wait();
    }
    [[nodiscard]] unsigned lost() const { return lost_; }

private:
    void run() {
        constexpr std::size_t count = (page_bytes + 2) / 3;
        constexpr unsigned times = 20;
        for (unsigned phase = 0; phase < phases; ++phase) {
            both_.arrive_and_wait();
            for (unsigned time = phase * times; time < (phase + 1) * times; ++time) {
                for (std::size_t i = 0; i < count; ++i) {
                    std::atomic_ref<std::byte> byte(frame_[i * 577 % count * 3]); // All over the page.
                    if (byte.load(std::memory_order_relaxed) != static_cast<std::byte>(time)) { ++lost_; }
                    byte.store(static_cast<std::byte>(time + 1), std::memory_order_relaxed);
                }
            }
            has_written_ = true;
            both_.arrive_and_wait();
        }
    }

    Page &frame_;
    std::barrier<> both_{2};
    std::atomic<bool> has_written_{false};
    unsigned lost_ = 0;
    std::thread thread_;
};

/// A node's page while the writer writes it, and what all the other nodes have together.
struct SharedPage {
    explicit SharedPage(Compare compare) : how(compare) {}

    void tell() {
        const std::size_t room = page_diff_part_bytes_min + random.below(2'000);
        for (const Bytes &part : parts_of(frame, twin, RefreshTwin::Yes, how, room)) {
            EXPECT_TRUE(apply_diff(part, home.data()));
        }
    }
    /// Others write, and it comes here as a diff or as bytes.
    void hear() {
        Page written = home;
        const std::size_t offset = random.below(300);
        for (unsigned changes = random.below(200); changes > 0; --changes) {
            const std::size_t at = offset + random.below(static_cast<unsigned>(page_bytes - offset));
            if (!Writer::is_mine(at)) { written[at] = other_than(written[at], random); }
        }
        if (random.one_in(2)) {
            EXPECT_TRUE(apply_diff_to_both(diff_of(written, home, how), frame.data(), twin.data(), how));
        } else {
            merge(frame.data(), twin.data(), std::span(written.bytes).subspan(offset), offset, how);
        }
        home = written;
    }

    Compare how;
    Random random{17};
    Page frame;
    Page twin;
    Page home;
};

TEST(PageDiff, NoWriteOfAnotherThreadIsLost) {
    for (Compare how : all_ways()) {
        SharedPage page(how);
        Writer writer(page.frame);
        for (unsigned phase = 0; phase < Writer::phases; ++phase) {
            writer.phase([&] {
                page.tell();
                page.hear();
            });
            page.tell();
            EXPECT_EQ(page.home, page.frame);
            EXPECT_EQ(page.twin, page.frame);
        }
        EXPECT_EQ(writer.lost(), 0U);
    }
}

TEST(PageMerge, OfACleanPageKeepsWritesOfAnotherThread) {
    for (Compare how : all_ways()) {
        Random random(19);
        Page frame;
        Writer writer(frame);
        for (unsigned phase = 0; phase < Writer::phases; ++phase) {
            writer.phase([&] {
                // Between the writer's bytes, so that what is fetched has none of them.
                const std::size_t at = 3 * random.below(page_bytes / 3) + 1;
                merge_clean(frame.data(), bytes_from({random.below(256), random.below(256)}), at, how);
            });
        }
        EXPECT_EQ(writer.lost(), 0U);
    }
}

} // namespace
} // namespace dsm::protocol
