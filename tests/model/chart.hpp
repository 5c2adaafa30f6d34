// Counter-examples as message sequence charts in text: a lane for each node, time goes down, an arrow where a message
// arrives, what happens at a node in brackets beside its lane.
#pragma once

#include <string>
#include <vector>

namespace dsm::model {

class Chart {
public:
    explicit Chart(unsigned lanes) : lanes_(lanes) {}

    /// Something that happens at one node.
    void local(unsigned lane, const std::string &text) { rows_.push_back({lane, lane, text}); }
    /// A message arrives.
    void arrow(unsigned from, unsigned to, const std::string &text) { rows_.push_back({from, to, text}); }
    [[nodiscard]] std::string text() const;

private:
    struct Row {
        unsigned from, to;
        std::string text;
    };
    unsigned lanes_;
    std::vector<Row> rows_;
};

} // namespace dsm::model
