// The cases of the transport contract.
#include "contract.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

namespace dsm::transport::contract {
namespace {

/// Calls a function for each record, and sees to it that no handler runs inside another.
class Handler final : public RecordHandler {
public:
    using Function = std::function<void(Rank, std::span<const std::byte>)>;
    explicit Handler(Function function) : function_(std::move(function)) {}
    void on_record(Rank from, std::span<const std::byte> record) override {
        require(!inside_, "a handler ran inside a handler");
        inside_ = true;
        function_(from, record);
        inside_ = false;
    }

private:
    Function function_;
    bool inside_ = false;
};

struct Head {
    std::uint32_t sequence;
    std::uint32_t body_bytes;
};

std::span<const std::byte> bytes_of(const auto &value) { return std::as_bytes(std::span(&value, 1)); }

template <class Value> Value value_of(std::span<const std::byte> record) {
    require(record.size() >= sizeof(Value), "a record was shorter than it was sent");
    Value value;
    std::memcpy(&value, record.data(), sizeof value);
    return value;
}

std::byte pattern(int from, std::uint32_t sequence, std::size_t place) {
    return static_cast<std::byte>(static_cast<std::size_t>(from) * 31 + sequence * 7 + place * 13 + place / 251);
}

std::vector<Rank> all_ranks(const Transport &transport) {
    std::vector<Rank> ranks;
    for (int rank = 0; rank < transport.size(); ++rank) { ranks.push_back(Rank{rank}); }
    return ranks;
}

/// Lengths of bodies: around every multiple of 8 that is small, then in growing steps, then the longest.
std::vector<std::size_t> body_lengths(std::size_t longest) {
    std::vector<std::size_t> lengths;
    for (std::size_t length = 0; length < 40; ++length) { lengths.push_back(length); }
    for (std::size_t length = 41; length < longest; length = length * 5 / 3) { lengths.push_back(length); }
    lengths.push_back(longest - 1);
    lengths.push_back(longest);
    return lengths;
}

void poll_until(Transport &transport, RecordHandler &handler, const std::function<bool()> &done) {
    while (!done() || !transport.quiet()) {
        transport.poll(handler);
        transport.flush();
    }
    transport.barrier();
}

} // namespace

void every_record_comes_once_and_whole(Transport &transport) {
    const std::vector<Rank> ranks = all_ranks(transport);
    std::vector<std::vector<int>> seen(ranks.size());
    std::size_t left = 0;
    for (Rank from : ranks) {
        // The path is as wide in both directions.
        const std::size_t count = body_lengths(transport.record_bytes_max(from) - sizeof(Head)).size();
        seen[static_cast<std::size_t>(from.value)].resize(count);
        left += count;
    }
    Handler handler([&](Rank from, std::span<const std::byte> record) {
        require(reinterpret_cast<std::uintptr_t>(record.data()) % 8 == 0, "a record was not at a multiple of 8");
        const Head head = value_of<Head>(record);
        const auto body = record.subspan(sizeof(Head));
        require(body.size() == head.body_bytes, "a record came with another length");
        for (std::size_t i = 0; i < body.size(); ++i) {
            require(body[i] == pattern(from.value, head.sequence, i), "a record came with other bytes");
        }
        require(seen[static_cast<std::size_t>(from.value)].at(head.sequence)++ == 0, "a record came twice");
        --left;
    });
    std::vector<std::byte> body;
    for (Rank to : ranks) {
        std::uint32_t sequence = 0;
        for (std::size_t length : body_lengths(transport.record_bytes_max(to) - sizeof(Head))) {
            body.resize(length);
            for (std::size_t i = 0; i < length; ++i) { body[i] = pattern(transport.rank().value, sequence, i); }
            transport.send(to, bytes_of(Head{sequence++, static_cast<std::uint32_t>(length)}), body);
            std::fill(body.begin(), body.end(), std::byte{0xee}); // send has copied
        }
    }
    poll_until(transport, handler, [&] { return left == 0; });
}

void small_records_travel_together(Transport &transport) {
    constexpr int records = 100;
    constexpr std::size_t record_bytes = 16;
    const Rank next{(transport.rank().value + 1) % transport.size()};
    int received = 0;
    Handler handler([&](Rank, std::span<const std::byte>) { ++received; });
    const std::uint64_t packets_before = transport.counts().packets_sent;
    const std::byte record[record_bytes] = {};
    for (int i = 0; i < records; ++i) { transport.send(next, record, {}); }
    transport.flush();
    const std::uint64_t packets = transport.counts().packets_sent - packets_before;
    // A frame's head takes 8 bytes; a packet is at least as long as its longest record.
    const std::size_t per_packet = transport.record_bytes_max(next) / (record_bytes + 8);
    const std::uint64_t fewest = (records + per_packet - 1) / per_packet;
    require(packets <= fewest, std::to_string(packets) + " packets for what " + std::to_string(fewest) + " hold");
    poll_until(transport, handler, [&] { return received == records; });
}

void handlers_may_send(Transport &transport, int records) {
    enum Kind : std::uint32_t { hop, end_of_chain, stop };
    struct Record {
        Kind kind;
        std::uint32_t hops_left;
        std::uint64_t random;
    };
    const int size = transport.size();
    const int chains = 64;
    const int hops = records / (chains * size);
    int ended = 0;
    bool stopped = false;
    const auto pass_on = [&](std::uint32_t hops_left, std::uint64_t random) {
        random = random * 6364136223846793005ULL + 1442695040888963407ULL;
        const Rank to{static_cast<int>((random >> 33) % static_cast<unsigned>(size))};
        transport.send(to, bytes_of(Record{hop, hops_left, random}), {});
    };
    Handler handler([&](Rank, std::span<const std::byte> bytes) {
        const Record record = value_of<Record>(bytes);
        if (record.kind == stop) {
            require(!stopped, "the last record came twice");
            stopped = true;
        } else if (record.kind == end_of_chain) {
            require(++ended <= chains * size, "a chain ended twice");
            if (ended < chains * size) { return; }
            for (Rank rank : all_ranks(transport)) { transport.send(rank, bytes_of(Record{stop, 0, 0}), {}); }
        } else if (record.hops_left > 0) {
            pass_on(record.hops_left - 1, record.random);
            if (record.hops_left % 5 == 0) { transport.flush(); }
        } else {
            transport.send(Rank{0}, bytes_of(Record{end_of_chain, 0, 0}), {});
        }
    });
    for (int chain = 0; chain < chains; ++chain) {
        pass_on(static_cast<std::uint32_t>(hops), static_cast<std::uint64_t>(transport.rank().value * 1000 + chain));
    }
    poll_until(transport, handler, [&] { return stopped; });
}

void own_records_wait_for_poll(Transport &transport) {
    const Rank self = transport.rank();
    int received = 0;
    Handler handler([&](Rank from, std::span<const std::byte> record) {
        require(from == self, "a record to oneself came from another rank");
        require(value_of<int>(record) == received, "records to oneself came in another order");
        if (++received < 50) { transport.send(self, bytes_of(received), {}); }
    });
    transport.send(self, bytes_of(received), {});
    transport.flush();
    require(received == 0, "send handed a record over");
    while (received < 50) {
        require(!transport.quiet(), "quiet with a record to oneself waiting");
        const int before = received;
        transport.poll(handler);
        require(received > before, "poll did not hand over what was sent before it");
    }
    poll_until(transport, handler, [] { return true; });
}

void sends_become_quiet_after_notices(Transport &transport) {
    std::vector<std::uint64_t> notices(static_cast<std::size_t>(transport.size()));
    transport.set_sent_notice(
        [](void *context, Rank to, Urgency) {
            ++static_cast<std::vector<std::uint64_t> *>(context)->at(static_cast<std::size_t>(to.value));
        },
        &notices);
    const std::uint64_t packets_before = transport.counts().packets_sent;
    constexpr int rounds = 300;
    int received = 0;
    Handler handler([&](Rank, std::span<const std::byte>) { ++received; });
    for (int round = 0; round < rounds; ++round) {
        for (Rank to : all_ranks(transport)) {
            const std::vector<std::byte> body(transport.record_bytes_max(to) / 2);
            transport.send(to, {}, body);
            require(!transport.quiet(), "quiet with a record waiting");
        }
        transport.flush();
    }
    poll_until(transport, handler, [&] { return received == rounds * transport.size(); });
    require(transport.quiet(), "not quiet after everything was sent");
    std::uint64_t all = 0;
    for (Rank to : all_ranks(transport)) {
        const std::uint64_t count = notices[static_cast<std::size_t>(to.value)];
        require(to == transport.rank() ? count == 0 : count >= rounds / 2, "too few notices to a rank");
        all += count;
    }
    require(all >= transport.counts().packets_sent - packets_before, "fewer notices than packets");
    transport.set_sent_notice(nullptr, nullptr);
}

void collectives_agree(Transport &transport) {
    const std::vector<Rank> ranks = all_ranks(transport);
    struct Piece {
        int rank;
        std::uint32_t hosts_digest;
    };
    Piece mine{transport.rank().value, 0};
    for (Rank rank : ranks) {
        mine.hosts_digest = mine.hosts_digest * 31 + static_cast<std::uint32_t>(transport.host_of(rank)) + 1;
    }
    std::vector<Piece> all(ranks.size());
    transport.all_gather(bytes_of(mine), std::as_writable_bytes(std::span(all)));
    for (std::size_t i = 0; i < all.size(); ++i) {
        require(all[i].rank == static_cast<int>(i), "all_gather mixed the pieces up");
        require(all[i].hosts_digest == mine.hosts_digest, "ranks disagree about hosts");
    }
    transport.barrier();
}

std::string puts_are_in_place(Transport &transport, std::span<std::byte> window) {
    constexpr std::size_t piece_bytes = 4096;
    constexpr std::uint64_t pieces = 200;
    std::string reason = transport.open_window(window);
    if (!reason.empty()) { return reason; }
    const auto ranks = static_cast<std::uint64_t>(transport.size());
    // Spread over the whole window: the first, many in between, and the very last piece.
    const auto place = [&](std::uint64_t from, std::uint64_t piece) {
        const std::uint64_t slots = window.size() / piece_bytes;
        const std::uint64_t last = pieces * ranks - 1;
        return (piece * ranks + from) * ((slots - 1) / last) * piece_bytes +
               (piece * ranks + from == last ? (slots - 1) % last * piece_bytes : 0);
    };
    std::vector<std::byte> body(piece_bytes);
    const auto self = static_cast<std::uint64_t>(transport.rank().value);
    for (std::uint64_t piece = 0; piece < pieces; ++piece) {
        std::fill(body.begin(), body.end(), pattern(transport.rank().value, static_cast<std::uint32_t>(piece), 0));
        // Everybody writes to everybody and nobody polls: puts must not wait for polls of a rank that is in put itself.
        for (Rank to : all_ranks(transport)) { transport.put(to, place(self, piece), body); }
    }
    transport.barrier();
    for (std::uint64_t from = 0; from < ranks; ++from) {
        for (std::uint64_t piece = 0; piece < pieces; ++piece) {
            const std::byte expected = pattern(static_cast<int>(from), static_cast<std::uint32_t>(piece), 0);
            const auto found = window.subspan(place(from, piece), piece_bytes);
            require(std::all_of(found.begin(), found.end(), [&](std::byte byte) { return byte == expected; }),
                    "a put is not in place");
        }
    }
    transport.barrier();
    return reason;
}

int finalize_delivers_everything(Transport &transport, int hops) {
    int handled = 0;
    Handler handler([&](Rank, std::span<const std::byte> bytes) {
        ++handled;
        const int left = value_of<int>(bytes) - 1;
        const Rank next{(transport.rank().value + 1) % transport.size()};
        if (left > 0) { transport.send(next, bytes_of(left), {}); }
    });
    transport.poll(handler);
    transport.send(Rank{(transport.rank().value + 1) % transport.size()}, bytes_of(hops), {});
    transport.finalize();
    return handled;
}

} // namespace dsm::transport::contract
