// The table of synchronisation objects against a map, alone and with threads; lists of pages and notes.
#include "libdsm/runtime/sync_table.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <random>
#include <sys/mman.h>
#include <thread>
#include <vector>

using namespace dsm;
using namespace dsm::rt;

namespace {

constexpr std::size_t segment_bytes = std::size_t{64} << 20;

/// A table in memory that costs only what is touched.
class Table {
public:
    Table()
        : bytes_(SyncTable::region_bytes(segment_bytes)),
          region_(::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)),
          table(static_cast<std::byte *>(region_), segment_bytes) {}
    ~Table() { ::munmap(region_, bytes_); }

private:
    std::size_t bytes_;
    void *region_;

public:
    SyncTable table;
};

struct Nobody final : SyncVisitor {
    void on_entry(SyncKind, LockId, SyncStates &) override {}
};

struct Recorder final : SyncVisitor {
    std::map<std::pair<SyncKind, std::uint64_t>, std::uint64_t> seen;
    void on_entry(SyncKind kind, LockId id, SyncStates &states) override {
        seen[{kind, id.value}] = states.atomic.value;
    }
};

SyncRange range(std::uint64_t begin, std::uint64_t bytes) { return {begin, begin + bytes}; }

TEST(SyncTable, FindsWhatWasInsertedAndNothingElse) {
    Table table;
    EXPECT_EQ(table.table.find_if_present(SyncKind::Mutex, LockId{0}), nullptr);
    SyncEntry &entry = table.table.find(SyncKind::Mutex, LockId{0});
    EXPECT_EQ(&table.table.find(SyncKind::Mutex, LockId{0}), &entry);
    EXPECT_NE(&table.table.find(SyncKind::Atomic, LockId{0}), &entry);
    EXPECT_EQ(table.table.find_if_present(SyncKind::Mutex, LockId{1}), nullptr);
    EXPECT_EQ(table.table.size(), 2U);
}

TEST(SyncTable, AgreesWithAMap) {
    Table table;
    std::map<std::pair<SyncKind, std::uint64_t>, std::uint64_t> model;
    std::mt19937_64 random(3);
    const SyncKind kinds[] = {SyncKind::Mutex, SyncKind::Condition, SyncKind::Atomic};
    for (std::uint64_t turn = 1; turn <= 20'000; ++turn) {
        const std::uint64_t offset = random() % (256 * page_bytes) & ~std::uint64_t{7};
        const SyncKind kind = kinds[random() % 3];
        if (random() % 3 != 0) {
            table.table.find(kind, LockId{offset}).states.atomic.value = turn;
            model[{kind, offset}] = turn;
        } else {
            const SyncRange freed = range(offset, 8 + random() % (random() % 20 == 0 ? 20'000 : 200));
            Recorder seen;
            table.table.erase(freed, seen);
            decltype(model) expected;
            for (auto at = model.begin(); at != model.end();) {
                const bool inside = freed.contains(LockId{at->first.second});
                if (inside) { expected.insert(*at); }
                at = inside ? model.erase(at) : std::next(at);
            }
            EXPECT_EQ(seen.seen, expected);
        }
        ASSERT_EQ(table.table.size(), model.size());
        const SyncEntry *entry = table.table.find_if_present(kind, LockId{offset});
        const auto known = model.find({kind, offset});
        ASSERT_EQ(entry != nullptr, known != model.end());
        if (entry != nullptr) { ASSERT_EQ(entry->states.atomic.value, known->second); }
    }
    Recorder all;
    table.table.visit(range(0, segment_bytes), all);
    EXPECT_EQ(all.seen, model);
}

TEST(SyncTable, NewEntriesAreZero) {
    Table table;
    Nobody nobody;
    for (int round = 0; round < 3; ++round) {
        for (std::uint64_t at = 0; at < 1000; ++at) {
            std::uint64_t &value = table.table.find(SyncKind::Atomic, LockId{at * 8}).states.atomic.value;
            ASSERT_EQ(value, 0U);
            value = at + 1;
        }
        EXPECT_TRUE(table.table.has_entries(range(7992, 8)));
        table.table.erase(range(0, 8000), nobody);
        EXPECT_FALSE(table.table.has_entries(range(0, 8000)));
        EXPECT_EQ(table.table.size(), 0U);
    }
}

/// Marks of deleted entries would fill the table: more than its size comes and goes.
TEST(SyncTable, TakesAnyNumberOverTime) {
    Table table;
    Nobody nobody;
    constexpr std::uint64_t pages = segment_bytes / page_bytes;
    std::uint64_t made = 0;
    for (std::uint64_t round = 0; made < SyncTable::entries_max + SyncTable::entries_max / 8; ++round) {
        const std::uint64_t page = round % pages;
        for (std::uint64_t at = 0; at < page_bytes; at += 1, ++made) {
            table.table.find(round % 2 == 0 ? SyncKind::Atomic : SyncKind::Mutex, LockId{page * page_bytes + at});
        }
        table.table.erase(range(page * page_bytes, page_bytes), nobody);
    }
    EXPECT_EQ(table.table.size(), 0U);
}

/// Threads insert and erase in pages of their own, whose entries stand between one another's in the table, and look
/// for entries that stay.
TEST(SyncTable, ThreadsDoNotDisturbOneAnother) {
    Table table;
    constexpr std::uint64_t steady = 2000;
    for (std::uint64_t at = 0; at < steady; ++at) {
        table.table.find(SyncKind::Mutex, LockId{at * 16}).states.atomic.value = at;
    }
    std::atomic<bool> good{true};
    std::vector<std::thread> threads;
    for (std::uint64_t thread = 0; thread < 4; ++thread) {
        threads.emplace_back([&, thread] {
            std::mt19937_64 random(thread);
            Nobody nobody;
            const std::uint64_t page = 100 + thread;
            for (int round = 0; round < 300; ++round) {
                for (std::uint64_t at = 0; at < 100; ++at) {
                    const LockId id{page * page_bytes + at * 8};
                    const LockId shared{200 * page_bytes + at * 8};
                    std::uint64_t &value = table.table.find(SyncKind::Atomic, id).states.atomic.value;
                    good = good && value == 0;
                    value = thread + 1;
                    // All threads make the same entries: each is made once.
                    good = good && &table.table.find(SyncKind::Atomic, shared) ==
                                       table.table.find_if_present(SyncKind::Atomic, shared);
                    const std::uint64_t kept = random() % steady;
                    const SyncEntry *entry = table.table.find_if_present(SyncKind::Mutex, LockId{kept * 16});
                    good = good && entry != nullptr && entry->states.atomic.value == kept;
                }
                table.table.erase(range(page * page_bytes, page_bytes), nobody);
            }
        });
    }
    for (std::thread &thread : threads) { thread.join(); }
    EXPECT_TRUE(good);
    EXPECT_EQ(table.table.size(), steady + 100);
}

TEST(SyncTable, AnEntryIsLockedAsTheObjects) {
    Table table;
    SyncEntry &entry = table.table.lock(SyncKind::Mutex, LockId{64});
    EXPECT_TRUE(entry.lock.is_locked());
    EXPECT_EQ(&entry, table.table.find_if_present(SyncKind::Mutex, LockId{64}));
    entry.lock.unlock();
}

TEST(SyncTable, NotesAreTakenBackUnlessRenewed) {
    Table table;
    SyncTable &t = table.table;
    const SyncRange block = range(5 * page_bytes + 64, 64);
    EXPECT_FALSE(t.maybe_used(block));
    EXPECT_FALSE(t.is_noted(block));
    t.note(PageId{5});
    EXPECT_TRUE(t.maybe_used(block));
    EXPECT_TRUE(t.is_noted(block));
    EXPECT_FALSE(t.is_noted(range(4 * page_bytes, page_bytes)));
    const std::uint32_t before = t.last_note();
    t.note(PageId{5});
    t.take_back_notes(block, before);
    EXPECT_TRUE(t.is_noted(block));
    t.take_back_notes(block, t.last_note());
    EXPECT_FALSE(t.is_noted(block));
}

TEST(SyncTable, PagesAreForgottenUnlessTheyHaveOthersOrSomebodyAsks) {
    Table table;
    SyncTable &t = table.table;
    Nobody nobody;
    const SyncRange page = range(7 * page_bytes, page_bytes);
    const SyncRange block = range(7 * page_bytes, 64);
    t.set_known_here(PageId{7});
    t.find(SyncKind::Mutex, LockId{7 * page_bytes + 8});
    t.find(SyncKind::Mutex, LockId{7 * page_bytes + 64});
    EXPECT_TRUE(t.is_known_here(PageId{7}));
    EXPECT_FALSE(t.forget_known(block));
    EXPECT_TRUE(t.is_known_here(PageId{7}));
    t.erase(range(7 * page_bytes + 64, 64), nobody);
    EXPECT_TRUE(t.forget_known(block)); // what stands in the block itself is about to go
    EXPECT_FALSE(t.is_known_here(PageId{7}));
    EXPECT_TRUE(t.has_entries(block));
    t.erase(page, nobody);
    EXPECT_FALSE(t.has_entries(block));
    t.set_known_here(PageId{7});
    t.begin_asking();
    EXPECT_FALSE(t.forget_known(page));
    t.end_asking();
    EXPECT_TRUE(t.forget_known(page));
    EXPECT_FALSE(t.is_known_here(PageId{7}));
    t.set_known_here(PageId{7});
    t.note(PageId{7});
    t.clear(range(0, memory::chunk_bytes));
    EXPECT_FALSE(t.is_known_here(PageId{7}));
    EXPECT_FALSE(t.maybe_used(page));
}

} // namespace
