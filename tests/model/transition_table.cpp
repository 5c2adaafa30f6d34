// What the table expects, cell by cell, and how it compares.
#include "tests/model/transition_table.hpp"

#include <cstdio>

namespace dsm::model {

namespace {

/// What may become of an event in a cell, one letter for each column:
///   D  done at once     d  always kept for later     B  now the one, now the other     X  impossible
///   -  not an event there: the caller does not make it (a thread that has access does not fault)
struct RowExpectation {
    const char *name;
    const char *cells;
    const char *forbidden; ///< the invariant that forbids the X cells; a DSM_CHECK of that name guards them
};

constexpr std::array<const char *, table_columns> column_names{"owner, idle",     "turn, pinned", "gathers acks",
                                                               "pend. write/own", "pend. read",   "none of these"};

constexpr std::array<RowExpectation, table_rows> expectations{{
    {"fault, read", "D-dddD", ""},     {"fault, write", "DDdddB", ""},  {"pin", "BBdddB", ""},
    {"ReadRequest", "DdddDD", ""},     {"climbing read", "DddddB", ""}, {"WriteRequest", "DBBBDD", ""},
    {"ReadReply", "XXXXDX", "S6"},     {"Grant", "XXXDXX", "S6"},       {"Invalidate", "XXXDDB", "S1"},
    {"InvalidateAck", "XXDDDD", "S8"}, {"Redo", "XXXXDX", "S6"},        {"TakeBack", "DDDDdB", ""},
    {"evict", "Bddd-B", ""},           {"free", "DBdddB", ""},          {"unpin", "XDDXXD", "S11"},
    {"accessed", "DDDD-D", ""},        {"timer", "-D----", ""},         {"loaded", "XXXDXX", "S12"},
    {"clean", "DB----", ""},
}};

char met(std::uint64_t done, std::uint64_t deferred) {
    if (done == 0) { return deferred == 0 ? '.' : 'd'; }
    return deferred == 0 ? 'D' : 'B';
}

std::string padded(const std::string &text, std::size_t width) {
    return text.size() >= width ? text : text + std::string(width - text.size(), ' ');
}

} // namespace

bool is_impossible(TableCell cell) {
    return expectations[static_cast<unsigned>(cell.row)].cells[static_cast<unsigned>(cell.column)] == 'X';
}

std::string text_of(TableCell cell) {
    return std::string(expectations[static_cast<unsigned>(cell.row)].name) + " at \"" +
           column_names[static_cast<unsigned>(cell.column)] + "\"";
}

void TableCounts::add(TableCell cell, Handling handling, std::uint64_t times) {
    if (cell.row == TableRow::None) { return; }
    Count &count = counts_[static_cast<unsigned>(cell.row)][static_cast<unsigned>(cell.column)];
    (handling == Handling::Done ? count.done : count.deferred) += times;
}

std::string TableCounts::text() const {
    constexpr std::size_t width = 22;
    std::string all = padded("", 15);
    for (const char *name : column_names) { all += padded(name, width); }
    all += "\n";
    for (unsigned row = 0; row < table_rows; ++row) {
        all += padded(expectations[row].name, 15);
        for (unsigned column = 0; column < table_columns; ++column) {
            const Count &count = counts_[row][column];
            std::string text;
            switch (met(count.done, count.deferred)) {
            case '.':
                text = expectations[row].cells[column] == 'X' ? std::string("impossible ") + expectations[row].forbidden
                                                              : std::string("-");
                break;
            case 'd':
                text = "deferred " + std::to_string(count.deferred);
                break;
            case 'D':
                text = std::to_string(count.done);
                break;
            default:
                text = std::to_string(count.done) + ", def. " + std::to_string(count.deferred);
            }
            all += padded(text, width);
        }
        all += "\n";
    }
    return all;
}

std::string TableCounts::disagreement(bool demands_all) const {
    std::string all;
    for (unsigned row = 0; row < table_rows; ++row) {
        for (unsigned column = 0; column < table_columns; ++column) {
            const Count &count = counts_[row][column];
            const char is = met(count.done, count.deferred);
            const char expected = expectations[row].cells[column];
            const bool must_not = expected == 'X' || expected == '-';
            const bool agrees = must_not          ? is == '.'
                                : is == '.'       ? !demands_all
                                : expected == 'B' ? !demands_all || is == 'B'
                                                  : is == expected;
            if (agrees) { continue; }
            all += std::string(expectations[row].name) + " at \"" + column_names[column] + "\": expected " + expected +
                   ", met " + is + "\n";
        }
    }
    return all;
}

unsigned TableCounts::reached() const {
    unsigned cells = 0;
    for (const auto &row : counts_) {
        for (const Count &count : row) { cells += count.done + count.deferred > 0 ? 1 : 0; }
    }
    return cells;
}

namespace {
unsigned cells_with(const char *letters) {
    unsigned cells = 0;
    for (const RowExpectation &row : expectations) {
        for (unsigned column = 0; column < table_columns; ++column) {
            cells += std::string(letters).find(row.cells[column]) != std::string::npos ? 1 : 0;
        }
    }
    return cells;
}
} // namespace

unsigned TableCounts::expected() { return cells_with("DdB"); }
unsigned TableCounts::impossible() { return cells_with("X"); }

} // namespace dsm::model
