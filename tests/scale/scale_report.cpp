// Writing figures down.
#include "tests/scale/scale_report.hpp"

#include "tests/scale/memory_figures.hpp"

#include <iomanip>

namespace dsm::scale_test {
namespace {

double us(TimeNs time_ns) { return static_cast<double>(time_ns) / 1000; }

void print_point(std::ostream &out, const Figures &point, bool has_tree) {
    const Traffic &traffic = point.traffic;
    out << std::setw(7) << point.nodes << std::setw(12) << us(point.time_ns);
    if (has_tree) {
        out << std::setw(8) << point.levels << std::setw(10) << us(point.tree_ns) << std::setw(7) << point.ratio();
    } else {
        out << std::setw(8) << "-" << std::setw(10) << "-" << std::setw(7) << "-";
    }
    const auto operations = static_cast<double>(point.operations);
    out << std::setw(10) << traffic.messages << std::setw(10) << static_cast<double>(traffic.messages) / operations
        << std::setw(11) << us(point.time_ns) / operations << std::setw(7) << traffic.chain_max << std::setw(8)
        << traffic.queue_max << std::setw(8) << traffic.sent_by_one_max << std::setw(8) << traffic.peers_of_one_max
        << std::setw(8) << point.memory_bytes_max << "\n";
}

void write_point(std::ostream &out, const Figures &point) {
    const Traffic &traffic = point.traffic;
    out << "{\"nodes\": " << point.nodes << ", \"time_ns\": " << point.time_ns
        << ", \"wait_ns_max\": " << point.wait_ns_max << ", \"levels\": " << point.levels
        << ", \"tree_ns\": " << point.tree_ns << ", \"operations\": " << point.operations
        << ", \"messages\": " << traffic.messages << ", \"bytes\": " << traffic.bytes
        << ", \"chain_max\": " << traffic.chain_max << ", \"queue_max\": " << traffic.queue_max
        << ", \"sent_by_one_max\": " << traffic.sent_by_one_max
        << ", \"received_by_one_max\": " << traffic.received_by_one_max
        << ", \"peers_of_one_max\": " << traffic.peers_of_one_max
        << ", \"memory_bytes_max\": " << point.memory_bytes_max << "}";
}

} // namespace

void print_table(std::ostream &out, const NetworkModel &model, const std::vector<Series> &all) {
    out << std::fixed << std::setprecision(1);
    out << "== " << model.name << ": latency " << us(model.latency_ns) << " us, per message " << us(model.send_ns)
        << " us at the sender and " << us(model.receive_ns) << " us at the receiver, " << model.ps_per_byte
        << " ps per byte, first contact " << us(model.connect_ns) << " us\n";
    for (const Series &series : all) {
        out << "\n" << series.title << " (" << series.key << ")\n";
        out << "  nodes     time us  levels   tree us  ratio  messages    each op  us per op  chain   queue    sent   "
               "peers"
               "   bytes\n";
        for (const Figures &point : series.points) { print_point(out, point, point.nodes > series.tree_above_nodes); }
    }
    out << "\n";
}

void print_memory(std::ostream &out, unsigned nodes_max) {
    out << "== memory\n";
    for (const MemoryFigure &figure : memory_figures()) {
        out << std::setw(9) << figure.bytes << " bytes per " << figure.per << " at each " << figure.where << ": "
            << figure.what << "\n";
    }
    out << std::setw(9) << bytes_per_rank_of_job() * nodes_max << " bytes at each rank of a job of " << nodes_max
        << " ranks, each a node: the sum of what it keeps per rank of the job\n";
}

void write_json(std::ostream &out, const NetworkModel &model, const std::vector<Series> &all) {
    out << "{\"name\": \"" << model.name << "\", \"latency_ns\": " << model.latency_ns
        << ", \"send_ns\": " << model.send_ns << ", \"receive_ns\": " << model.receive_ns
        << ", \"ps_per_byte\": " << model.ps_per_byte << ", \"connect_ns\": " << model.connect_ns
        << ", \"envelope_bytes\": " << model.envelope_bytes << ", \"series\": [";
    for (const Series &series : all) {
        out << (&series == &all.front() ? "\n" : ",\n") << "  {\"key\": \"" << series.key << "\", \"title\": \""
            << series.title << "\", \"tree_above_nodes\": " << series.tree_above_nodes << ", \"points\": [";
        for (const Figures &point : series.points) {
            out << (&point == &series.points.front() ? "\n    " : ",\n    ");
            write_point(out, point);
        }
        out << "]}";
    }
    out << "]}";
}

void write_memory_json(std::ostream &out) {
    out << "[";
    const char *before = "\n";
    for (const MemoryFigure &figure : memory_figures()) {
        out << before << "  {\"what\": \"" << figure.what << "\", \"per\": \"" << figure.per << "\", \"where\": \""
            << figure.where << "\", \"bytes\": " << figure.bytes << "}";
        before = ",\n";
    }
    out << "]";
}

} // namespace dsm::scale_test
