// The transition table of docs/protocol.md: what each event may meet, what has been met, and whether the two agree.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace dsm::model {

enum class TableRow : std::uint8_t {
    FaultRead,
    FaultWrite,
    Pin,
    ReadRequest,
    ClimbingRead, ///< a ReadRequest that climbs
    WriteRequest,
    ReadReply,
    Grant,
    Invalidate,
    InvalidateAck,
    Redo,
    TakeBack,
    Evict,
    Free,
    Unpin,
    Accessed,
    Timer,
    Loaded,
    Clean,
    None, ///< not an event of the protocol
};
constexpr unsigned table_rows = static_cast<unsigned>(TableRow::None);

enum class TableColumn : std::uint8_t {
    OwnerIdle,      ///< owner, nothing pending
    OwnerHeld,      ///< owner, a thread's turn not over or pinned
    OwnerGathering, ///< owner, gathering acknowledgements
    PendingWrite,   ///< pending write or own, or the page is in a file that is about to be asked
    PendingRead,
    Other,
};
constexpr unsigned table_columns = 6;

struct TableCell {
    TableRow row;
    TableColumn column;
};

/// Whether the table calls it impossible.
bool is_impossible(TableCell cell);
std::string text_of(TableCell cell);

/// What became of the event: done (answered, passed on, ignored), or kept for later (deferred, refused, waits).
enum class Handling : std::uint8_t { Done, Deferred };

/// How often each cell was met.
class TableCounts {
public:
    void add(TableCell cell, Handling handling, std::uint64_t times);
    /// The table, with what is impossible by its invariant.
    [[nodiscard]] std::string text() const;
    /// What disagrees with the expected table; empty if nothing. `demands_all`: what should be reached must have been.
    [[nodiscard]] std::string disagreement(bool demands_all) const;
    [[nodiscard]] unsigned reached() const;
    [[nodiscard]] static unsigned expected();
    [[nodiscard]] static unsigned impossible();

private:
    struct Count {
        std::uint64_t done, deferred;
    };
    std::array<std::array<Count, table_columns>, table_rows> counts_{};
};

} // namespace dsm::model
