// Counter-examples of a PageModel as charts, under the names that nodes and pages had in the beginning.
#include "tests/model/page_action.hpp"

namespace dsm::model {
using namespace dsm::protocol;

std::string text_of(const PageMessage &message, const std::string &page) {
    std::string text = name_of(message.kind);
    std::string details = page;
    const auto add = [&](bool is_so, const char *word) {
        if (is_so) { details += (details.empty() ? "" : ", ") + std::string(word); }
    };
    add(message.own_only, "own only");
    add(message.have_copy, "have copy");
    add(message.discard, "discard");
    add(message.climbs, "climbs");
    add(message.contents == Contents::Zero, "zero");
    add(message.contents == Contents::Bytes, "bytes");
    return details.empty() ? text : text + " (" + details + ")";
}

/// The last action is only named if the shipped code ends the program in it.
std::string PageModel::chart(const std::vector<std::uint32_t> &path, bool runs_last) {
    Chart chart(options_.rules.nodes);
    Tally tally;
    State state = initial();
    PageMachine::Names names{0, 1, 2, 3};
    std::array<std::uint8_t, job_pages_max> pages{0, 1};
    for (std::size_t i = 0; i < path.size(); ++i) {
        const JobAction action = JobAction::unpacked(path[i]);
        Step step{state, tally, nullptr, &chart, names, pages};
        if (i + 1 == path.size() && !runs_last) {
            note_only(step, action);
            break;
        }
        run_action(step, action);
        if (step.failure != nullptr) { break; }
        const Symmetry &taken = symmetries_[make_canonical(state)];
        const PageMachine::Names old_names = names;
        const auto old_pages = pages;
        for (unsigned node = 0; node < job_nodes_max; ++node) { names[taken.nodes[node]] = old_names[node]; }
        for (unsigned page = 0; page < options_.pages; ++page) { pages[taken.pages[page]] = old_pages[page]; }
    }
    return chart.text();
}

/// What is about to happen, without doing it.
void PageModel::note_only(const Step &step, JobAction action) const {
    if (action.kind != JobActionKind::Deliver) {
        const bool is_thread = action.kind <= JobActionKind::Continue || action.kind == JobActionKind::StartPinRead ||
                               action.kind == JobActionKind::StartPinWrite;
        const unsigned node = is_thread ? action.subject / options_.threads_per_node : action.subject;
        return step.note(node, "goes on, and a check in the protocol fails");
    }
    const std::uint16_t letter = step.state.letters[first_letter(step.state, action.page) + action.place];
    const LetterView &seen = machine_.letter_view(letter);
    step.chart->arrow(step.names[seen.from], step.names[seen.to], text_of(machine_.message(letter), ""));
    step.note(seen.to, "a check in the protocol fails");
}

} // namespace dsm::model
