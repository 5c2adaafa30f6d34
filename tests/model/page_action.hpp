// One action of a PageModel while it is applied, and how it is drawn. Private to the model.
#pragma once

#include "tests/model/page_model.hpp"

namespace dsm::model {

/// A message in a few words.
std::string text_of(const protocol::PageMessage &message, const std::string &page);

/// One action as it is applied, and what is noted of it.
struct PageModel::Step {
    State &state;
    Tally &tally;
    const char *failure = nullptr;
    Chart *chart = nullptr;
    PageMachine::Names names{0, 1, 2, 3}; ///< what the chart calls the nodes and pages of this state
    std::array<std::uint8_t, job_pages_max> pages{0, 1};

    void fail(const char *what) {
        if (failure == nullptr) { failure = what; }
    }
    void note(unsigned node, const std::string &text) const {
        if (chart != nullptr) { chart->local(names[node], text); }
    }
};

} // namespace dsm::model
