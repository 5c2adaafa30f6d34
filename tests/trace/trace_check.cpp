// Sorting the steps of a job's traces, and the replay of each page.
#include "tests/trace/trace_check.hpp"

#include "tests/trace/trace_life.hpp"

#include <algorithm>
#include <set>

namespace dsm::trace_test {
namespace {

/// Why the files are not those of one job; empty if they are.
std::string fault_of_files(const std::vector<TraceFile> &files) {
    std::set<std::uint32_t> ranks;
    for (const TraceFile &file : files) {
        const auto &first = files[0].head;
        if (file.head.job != first.job || file.head.node_count != first.node_count ||
            file.head.rank_count != first.rank_count || file.head.limits != first.limits) {
            return "the files are of different jobs";
        }
        if (!ranks.insert(file.head.rank).second) { return "two files are of rank " + std::to_string(file.head.rank); }
    }
    return {};
}

/// Which nodes' traces are whole, and which of them may miss steps that were not recorded any more.
std::vector<NodeTrace> nodes_of(const std::vector<TraceFile> &files) {
    std::vector<NodeTrace> nodes(files[0].head.node_count);
    for (const TraceFile &file : files) {
        NodeTrace &node = nodes[file.head.node];
        ++node.files;
        node.ranks = file.head.node_ranks;
        node.is_cut = node.is_cut || !file.is_finished || file.end != rt::TraceEnd::Complete;
    }
    return nodes;
}

} // namespace

TraceVerdict check_traces(const std::vector<TraceFile> &files) {
    TraceVerdict verdict;
    if (files.empty()) { return verdict; }
    verdict.difference = fault_of_files(files);
    if (!verdict.difference.empty()) { return verdict; }
    const std::vector<NodeTrace> nodes = nodes_of(files);
    verdict.nodes_missing = static_cast<std::uint64_t>(
        std::count_if(nodes.begin(), nodes.end(), [](const NodeTrace &node) { return node.files != node.ranks; }));

    using Key = std::pair<std::uint64_t, std::uint32_t>; // page, generation
    std::map<Key, LifeSteps> lives;
    for (const TraceFile &file : files) {
        for (const TraceStep &step : file.steps) {
            lives[{step.head.page, step.head.generation}][file.head.node].push_back(&step);
        }
    }
    Replayer replayer(files[0].head, nodes, verdict);
    for (auto &[key, steps] : lives) {
        for (auto &[node, of_node] : steps) {
            std::stable_sort(of_node.begin(), of_node.end(),
                             [](const auto *one, const auto *other) { return one->head.step < other->head.step; });
        }
        ++verdict.lives;
        if (!replayer.replay(steps)) { break; }
    }
    return verdict;
}

} // namespace dsm::trace_test
