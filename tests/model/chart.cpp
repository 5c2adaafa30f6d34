// Drawing charts.
#include "tests/model/chart.hpp"

#include <algorithm>

namespace dsm::model {

namespace {

constexpr unsigned lane_columns = 38;
constexpr unsigned first_column = 4;

unsigned column_of(unsigned lane) { return first_column + lane * lane_columns; }

void put(std::string &line, std::size_t at, const std::string &text) {
    if (line.size() < at + text.size()) { line.resize(at + text.size(), ' '); }
    line.replace(at, text.size(), text);
}

} // namespace

std::string Chart::text() const {
    std::string empty;
    std::string head;
    for (unsigned lane = 0; lane < lanes_; ++lane) {
        put(head, column_of(lane) - 3, "node " + std::to_string(lane));
        put(empty, column_of(lane), "|");
    }
    std::string all = head + "\n";
    for (const Row &row : rows_) {
        std::string line = empty;
        if (row.from == row.to) {
            put(line, column_of(row.from) + 2, row.text);
        } else {
            const unsigned left = column_of(std::min(row.from, row.to)) + 1;
            const unsigned right = column_of(std::max(row.from, row.to));
            put(line, left, std::string(right - left, '-'));
            put(line, left + 3, " " + row.text + " ");
            put(line, row.from < row.to ? right - 1 : left, row.from < row.to ? ">" : "<");
        }
        all += line + "\n";
    }
    return all;
}

} // namespace dsm::model
