// Puts a fault into a trace, for the tests of its checker.
//
//   dsm_forge_trace FAULT FILE OUT
//
// All but `flip` and `truncate` leave a file whose checksums are right: only a replay can tell.
#include "tests/trace/trace_file.hpp"

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>

namespace {

using namespace dsm::trace_test;
using dsm::rt::TraceEvent;
using dsm::rt::TraceRecordHead;
using Bytes = std::vector<std::byte>;

/// The file's records, each by itself.
struct Parts {
    Bytes head;
    std::vector<Bytes> records; ///< the end is not among them
    Bytes end;
};

TraceRecordHead head_of(const Bytes &record) {
    TraceRecordHead head;
    std::memcpy(&head, record.data(), sizeof head);
    return head;
}

void seal(Bytes &record, TraceRecordHead head) {
    std::memcpy(record.data(), &head, sizeof head);
    head.checksum = dsm::rt::trace_checksum(record);
    std::memcpy(record.data(), &head, sizeof head);
}

Parts parts_of(const Bytes &file) {
    Parts parts;
    constexpr std::size_t head_bytes = sizeof(dsm::rt::TraceFileHead);
    parts.head.assign(file.begin(), file.begin() + head_bytes);
    for (std::size_t at = head_bytes; at < file.size();) {
        std::uint32_t bytes = 0;
        std::memcpy(&bytes, file.data() + at, sizeof bytes);
        const auto begin = file.begin() + static_cast<std::ptrdiff_t>(at);
        parts.records.emplace_back(begin, begin + bytes);
        at += bytes;
    }
    parts.end = parts.records.back();
    parts.records.pop_back();
    return parts;
}

/// The place of the middle one of the records that are `wanted`.
template <class Wanted> std::size_t middle(const Parts &parts, Wanted wanted) {
    std::vector<std::size_t> places;
    for (std::size_t at = 0; at < parts.records.size(); ++at) {
        if (wanted(head_of(parts.records[at]))) { places.push_back(at); }
    }
    if (places.empty()) {
        std::fprintf(stderr, "no record is fit for that\n");
        std::exit(2);
    }
    return places[places.size() / 2];
}

/// Two neighbouring steps of one page, of different events, change places.
void swap_steps(Parts &parts) {
    std::map<std::pair<std::uint64_t, std::uint32_t>, std::size_t> last;
    for (std::size_t at = parts.records.size() / 2; at < parts.records.size(); ++at) {
        TraceRecordHead head = head_of(parts.records[at]);
        const auto [place, is_first] = last.try_emplace({head.page, head.generation}, at);
        TraceRecordHead other = head_of(parts.records[place->second]);
        if (!is_first && other.step + 1 == head.step && other.event != head.event) {
            std::swap(head.step, other.step);
            seal(parts.records[at], head);
            seal(parts.records[place->second], other);
            return;
        }
        place->second = at;
    }
    std::exit(2);
}

void forge(Parts &parts, std::string_view fault) {
    const auto is_message = [](const TraceRecordHead &head) { return head.event == TraceEvent::Message; };
    if (fault == "remove") {
        parts.records.erase(parts.records.begin() +
                            static_cast<std::ptrdiff_t>(middle(parts, [](const auto &) { return true; })));
        TraceRecordHead end = head_of(parts.end);
        --end.page;
        return seal(parts.end, end);
    }
    if (fault == "swap") { return swap_steps(parts); }
    Bytes &record = parts.records[fault == "message" ? middle(parts, is_message)
                                  : fault == "event" ? middle(parts,
                                                              [](const TraceRecordHead &head) {
                                                                  return head.event == TraceEvent::Accessed &&
                                                                         head.effects_bytes_all > 0;
                                                              })
                                                     : middle(parts, [](const auto &) { return true; })];
    TraceRecordHead head = head_of(record);
    if (fault == "message") { record[sizeof head + 12] ^= std::byte{0x40}; } // its version
    if (fault == "event") { head.event = TraceEvent::Unpin; }
    if (fault == "state") { ++head.state.version; }
    if (fault == "state-hash") { ++head.state_hash; }
    seal(record, head);
}

Bytes joined(const Parts &parts) {
    Bytes file = parts.head;
    for (const Bytes &record : parts.records) { file.insert(file.end(), record.begin(), record.end()); }
    file.insert(file.end(), parts.end.begin(), parts.end.end());
    return file;
}

} // namespace

int main(int argc, char **argv) {
    if (argc != 4) { return 2; }
    const std::string_view fault = argv[1];
    std::ifstream in(argv[2], std::ios::binary);
    const std::vector<char> contents{std::istreambuf_iterator<char>(in), {}};
    Bytes file(contents.size());
    std::memcpy(file.data(), contents.data(), contents.size());
    if (fault == "flip") {
        file[file.size() / 2] ^= std::byte{1};
    } else if (fault == "truncate") {
        file.resize(file.size() / 2);
    } else {
        Parts parts = parts_of(file);
        forge(parts, fault);
        file = joined(parts);
    }
    std::ofstream(argv[3], std::ios::binary)
        .write(reinterpret_cast<const char *>(file.data()), static_cast<std::streamsize>(file.size()));
    return 0;
}
