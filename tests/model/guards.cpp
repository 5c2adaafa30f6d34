// What the transition table calls impossible is not only never met: if it came, a check would end the job.
#include "tests/model/guards.hpp"

#include "libdsm/base/check.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <sys/wait.h>
#include <unistd.h>

namespace dsm::model {

namespace {

constexpr int exit_checked = 42;

struct Event {
    CellEvent event;
    std::uint32_t letter;
};

/// Does a step in a child process; the name of the check that ended it, nothing if none did.
std::string checked_by(PageMachine &machine, std::uint32_t cell, Event event) {
    std::array<int, 2> pipe_ends{};
    if (pipe(pipe_ends.data()) != 0) { give_up("no pipe"); }
    std::fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        dup2(pipe_ends[1], STDERR_FILENO);
        set_job_ender([](int) { ::_exit(exit_checked); });
        machine.step(cell, event.event, event.letter);
        ::_exit(0);
    }
    close(pipe_ends[1]);
    std::array<char, 400> text{};
    const ssize_t bytes = read(pipe_ends[0], text.data(), text.size() - 1);
    close(pipe_ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    const bool is_checked = WIFEXITED(status) && WEXITSTATUS(status) == exit_checked && bytes > 0;
    if (!is_checked) { return ""; }
    const std::string line(text.data());
    const std::string before = "broken invariant: ";
    const std::size_t from = line.find(before) + before.size();
    return line.substr(from, line.find(" (") - from);
}

/// An event of the row for this cell; false if the search has met no message of the kind for the node.
bool find_event(const PageMachine &machine, TableRow row, std::uint32_t cell, Event &event) {
    if (row == TableRow::Unpin || row == TableRow::Loaded) {
        event = {row == TableRow::Unpin ? CellEvent::Unpin : CellEvent::Loaded, 0};
        return row == TableRow::Loaded || machine.cell(cell).state.pins == 0;
    }
    for (std::uint32_t letter = 1; letter < machine.letters_end(); ++letter) {
        const LetterView &seen = machine.letter_view(letter);
        const bool is_for_cell = row_of(seen.kind) == row && seen.to == machine.cell(cell).node;
        if (!is_for_cell || seen.origin == seen.to) {
            const bool is_answer = seen.kind == protocol::PageMessageKind::ReadReply ||
                                   seen.kind == protocol::PageMessageKind::Grant ||
                                   seen.kind == protocol::PageMessageKind::Redo;
            if (!is_for_cell || !is_answer) { continue; }
        }
        event = {CellEvent::Deliver, letter};
        return true;
    }
    return false;
}

} // namespace

TableRow row_of(protocol::PageMessageKind kind) {
    switch (kind) {
    case protocol::PageMessageKind::ReadRequest:
        return TableRow::ReadRequest;
    case protocol::PageMessageKind::ReadReply:
        return TableRow::ReadReply;
    case protocol::PageMessageKind::WriteRequest:
        return TableRow::WriteRequest;
    case protocol::PageMessageKind::Grant:
        return TableRow::Grant;
    case protocol::PageMessageKind::Invalidate:
        return TableRow::Invalidate;
    case protocol::PageMessageKind::InvalidateAck:
        return TableRow::InvalidateAck;
    case protocol::PageMessageKind::Redo:
        return TableRow::Redo;
    case protocol::PageMessageKind::TakeBack:
        return TableRow::TakeBack;
    }
    return TableRow::None;
}

unsigned count_guards(PageMachine &machine) {
    unsigned guarded = 0;
    for (unsigned place = 0; place < table_rows * table_columns; ++place) {
        const TableCell at{static_cast<TableRow>(place / table_columns),
                           static_cast<TableColumn>(place % table_columns)};
        if (!is_impossible(at)) { continue; }
        std::string check;
        for (std::uint32_t cell = 1; cell < machine.cells_end() && check.empty(); ++cell) {
            Event event{};
            if (machine.column_of(machine.cell(cell)) != at.column || !find_event(machine, at.row, cell, event)) {
                continue;
            }
            check = checked_by(machine, cell, event);
            break;
        }
        std::printf("  %-45s %s\n", text_of(at).c_str(), check.empty() ? "NOT GUARDED" : check.c_str());
        guarded += check.empty() ? 0 : 1;
    }
    return guarded;
}

} // namespace dsm::model
