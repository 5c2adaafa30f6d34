// The list of operations.
#include "tests/scale/scale_run.hpp"

#include "tests/scale/page_job.hpp"
#include "tests/scale/start_jobs.hpp"
#include "tests/scale/sync_jobs.hpp"

#include <sstream>

namespace dsm::scale_test {
namespace {

protocol::SequentialLimits without_read_tree(protocol::SequentialLimits limits) {
    limits.tree_above_nodes = nodes_max;
    return limits;
}

struct PageSeries {
    Series cold;
    Series invalidate;
    Series again;
};

void run_page(PageSeries &all, const NetworkModel &model, unsigned nodes, const protocol::SequentialLimits &limits,
              NodeId owner) {
    PageJob job(model, nodes, limits, owner);
    all.cold.points.push_back(job.read_everywhere());
    all.invalidate.points.push_back(job.invalidate());
    all.again.points.push_back(job.read_everywhere());
}

void add(std::vector<Series> &all, const PageSeries &page) {
    all.insert(all.end(), {page.cold, page.invalidate, page.again});
}

} // namespace

std::vector<unsigned> node_counts(unsigned nodes_max) {
    std::vector<unsigned> counts;
    for (unsigned nodes = 2; nodes < nodes_max; nodes *= 2) { counts.push_back(nodes); }
    counts.push_back(nodes_max);
    return counts;
}

std::vector<Series> run_all(const NetworkModel &model, const RunOptions &options) {
    const unsigned reads_climb = options.limits.tree_above_nodes;
    Series barrier{"barrier", "barrier of all nodes", 0, {}};
    PageSeries home{{"read_cold", "all nodes read one page, cold", reads_climb, {}},
                    {"invalidate", "invalidation of a page that all have read", 0, {}},
                    {"read_again", "all read it again", reads_climb, {}}};
    PageSeries elsewhere{{"read_cold_elsewhere", "all read one page that another than its home owns", reads_climb, {}},
                         {"invalidate_elsewhere", "invalidation of that page", 0, {}},
                         {"read_again_elsewhere", "all read that page again", reads_climb, {}}};
    PageSeries linear{{"read_cold_no_tree", "all read one page, without the tree of readers", has_no_tree, {}},
                      {"invalidate_no_tree", "invalidation of that page, all copies known to the owner", 0, {}},
                      {"read_again_no_tree", "all read that page again, without the tree", has_no_tree, {}}};
    Series lock{"lock", "all nodes want one lock", has_no_tree, {}};
    Series span{"span", "all look up one span", 0, {}};
    Series span_direct{"span_direct", "all look up one span at the directory itself", has_no_tree, {}};
    Series span_connect{"span_connect", "all look up one span, new connections", has_no_tree, {}};
    Series direct_connect{"span_direct_connect", "at the directory itself, new connections", has_no_tree, {}};
    Series direct_jitter{"span_direct_jitter", "at the directory itself, new connections, jitter", has_no_tree, {}};
    Series names{"names", "each awaits its neighbour's name, new connections", has_no_tree, {}};
    Series names_jitter{"names_jitter", "each awaits its neighbour's name, new connections, jitter", has_no_tree, {}};
    Series one_name{"one_name", "all await one name", has_no_tree, {}};
    Series name_connect{"one_name_connect", "all await one name, new connections", has_no_tree, {}};
    Series name_direct{"one_name_direct", "at its keeper itself, new connections", has_no_tree, {}};
    Series name_direct_jitter{
        "one_name_direct_jitter", "at its keeper itself, new connections, jitter", has_no_tree, {}};
    const StartOptions storm{.connections = true};
    const StartOptions spread_out{.jitter_ns = options.jitter_ns, .connections = true};
    for (const unsigned nodes : node_counts(options.nodes_max)) {
        const NodeId last{static_cast<std::uint16_t>(nodes - 1)};
        barrier.points.push_back(barrier_of_all(model, nodes, options.barrier_fan_out));
        run_page(home, model, nodes, options.limits, NodeId{0});
        run_page(elsewhere, model, nodes, options.limits, last);
        run_page(linear, model, nodes, without_read_tree(options.limits), NodeId{0});
        lock.points.push_back(contended_lock(model, nodes));
        span.points.push_back(look_up_one_span(model, nodes, true, {}));
        span_direct.points.push_back(look_up_one_span(model, nodes, false, {}));
        span_connect.points.push_back(look_up_one_span(model, nodes, true, storm));
        direct_connect.points.push_back(look_up_one_span(model, nodes, false, storm));
        direct_jitter.points.push_back(look_up_one_span(model, nodes, false, spread_out));
        names.points.push_back(look_up_neighbours_name(model, nodes, storm));
        names_jitter.points.push_back(look_up_neighbours_name(model, nodes, spread_out));
        one_name.points.push_back(look_up_one_name(model, nodes, true, {}));
        name_connect.points.push_back(look_up_one_name(model, nodes, true, storm));
        name_direct.points.push_back(look_up_one_name(model, nodes, false, storm));
        name_direct_jitter.points.push_back(look_up_one_name(model, nodes, false, spread_out));
    }
    std::vector<Series> all{barrier};
    add(all, home);
    add(all, elsewhere);
    add(all, linear);
    all.insert(all.end(), {lock, span, span_direct, span_connect, direct_connect, direct_jitter, names, names_jitter,
                           one_name, name_connect, name_direct, name_direct_jitter});
    return all;
}

std::vector<std::string> broken_limits(const std::vector<Series> &all) {
    std::vector<std::string> broken;
    for (const Series &series : all) {
        for (const Figures &point : series.points) {
            const bool has_tree = point.nodes > series.tree_above_nodes;
            std::ostringstream line;
            if (has_tree && point.ratio() > ratio_max) {
                line << series.key << ", " << point.nodes << " nodes: " << point.ratio()
                     << " times the tree's depth times the one-way latency";
            } else if (point.memory_bytes_max > page_memory_bytes_max) {
                line << series.key << ", " << point.nodes << " nodes: " << point.memory_bytes_max
                     << " bytes for one page at one node";
            } else if (has_tree && point.traffic.chain_max > point.levels) {
                line << series.key << ", " << point.nodes << " nodes: a chain of " << point.traffic.chain_max
                     << " messages in a tree of " << point.levels << " levels";
            }
            if (!line.str().empty()) { broken.push_back(line.str()); }
        }
    }
    return broken;
}

} // namespace dsm::scale_test
