// Where in the table of docs/protocol.md an event stands, and whether it is only kept for later.
#include "tests/model/page_machine.hpp"

namespace dsm::model {
using namespace dsm::protocol;

TableColumn PageMachine::column_of(const Cell &cell) const {
    const PageState &state = cell.state;
    const bool is_home = cell.node == cell.home;
    const bool owned = is_initialised(state) ? owns(state) : is_home && !rules_.in_file;
    const bool is_resident = state.stay == Stay::Resident && rules_.limits.residence_us > 0;
    if (owned && state.pending != Pending::None) { return TableColumn::OwnerGathering; }
    if (owned && (state.pins > 0 || state.stay == Stay::AwaitingAccess || is_resident)) {
        return TableColumn::OwnerHeld;
    }
    if (owned) { return TableColumn::OwnerIdle; }
    // A page that is in its file is asked for by the first event that comes.
    if (state.pending == Pending::Write || state.pending == Pending::Own || is_in_file(cell)) {
        return TableColumn::PendingWrite;
    }
    return state.pending == Pending::Read ? TableColumn::PendingRead : TableColumn::Other;
}

bool PageMachine::is_in_file(const Cell &cell) const {
    return is_initialised(cell.state) ? has(cell.state, Flag::InFile) : cell.node == cell.home && rules_.in_file;
}

/// A message's row, and whether it now waits here.
std::pair<TableRow, bool> PageMachine::row_of_message(const Cell &after, std::uint32_t letter) const {
    const PageState &is = after.state;
    const PageMessage says = message(letter);
    const bool stands_in_line =
        is_initialised(is) && (is.readers.contains(says.origin, pool_) || is.next == says.origin);
    switch (says.kind) {
    case PageMessageKind::ReadRequest:
        return {says.climbs ? TableRow::ClimbingRead : TableRow::ReadRequest, stands_in_line};
    case PageMessageKind::WriteRequest:
        return {TableRow::WriteRequest, stands_in_line};
    case PageMessageKind::ReadReply:
        return {TableRow::ReadReply, false};
    case PageMessageKind::Grant:
        return {TableRow::Grant, false};
    case PageMessageKind::Invalidate:
        return {TableRow::Invalidate, has(is, Flag::PinDelays)};
    case PageMessageKind::InvalidateAck:
        return {TableRow::InvalidateAck, false};
    case PageMessageKind::Redo:
        return {TableRow::Redo, false};
    case PageMessageKind::TakeBack:
        return {TableRow::TakeBack, has(is, Flag::WantedBack)};
    }
    return {TableRow::None, false};
}

void PageMachine::classify(const Cell &before, const Cell &after, CellStep &result) const {
    const PageState &was = before.state;
    const PageState &is = after.state;
    const bool asks_nothing = is.pending == was.pending || is_in_file(before);
    TableRow row = TableRow::None;
    bool deferred = false;
    switch (result.event) {
    case CellEvent::Deliver:
        std::tie(row, deferred) = row_of_message(after, result.letter);
        break;
    case CellEvent::PrefetchRead:
        row = TableRow::FaultRead;
        deferred = was.pending != Pending::None || is_in_file(before);
        break;
    case CellEvent::FaultRead:
        row = TableRow::FaultRead;
        deferred = is.access == Access::None && asks_nothing;
        break;
    case CellEvent::FaultWrite:
        row = TableRow::FaultWrite;
        deferred = is.access != Access::Write && asks_nothing;
        break;
    case CellEvent::PinRead:
    case CellEvent::PinWrite:
        row = TableRow::Pin;
        deferred = !result.succeeds;
        break;
    case CellEvent::Evict:
        row = TableRow::Evict;
        deferred = !result.succeeds;
        break;
    case CellEvent::Free:
        row = TableRow::Free;
        deferred = has(is, Flag::FreeWanted);
        break;
    case CellEvent::Unpin:
        row = TableRow::Unpin;
        break;
    case CellEvent::Accessed:
        row = TableRow::Accessed;
        break;
    case CellEvent::Timer:
        row = TableRow::Timer;
        break;
    case CellEvent::Loaded:
        row = TableRow::Loaded;
        break;
    case CellEvent::Clean:
        row = TableRow::Clean;
        deferred = !result.succeeds;
        break;
    case CellEvent::Write:
        break;
    }
    result.place = {row, column_of(before)};
    result.handling = deferred ? Handling::Deferred : Handling::Done;
}

} // namespace dsm::model
