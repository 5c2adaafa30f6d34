// A single rank without MPI: records to oneself are kept in packets and handed over by poll, never from within send.
#include "libdsm/base/check.hpp"
#include "libdsm/transport/outbox.hpp"
#include "libdsm/transport/transport.hpp"

#include <cstring>
#include <unistd.h>

namespace dsm::transport {
namespace {

constexpr std::size_t loopback_packet_bytes = 64 * 1024;

class LoopbackTransport final : public Transport {
public:
    Rank rank() const noexcept override { return Rank{0}; }
    int size() const noexcept override { return 1; }
    const char *name() const noexcept override { return "loopback"; }

    void all_gather(std::span<const std::byte> mine, std::span<std::byte> all) override {
        DSM_CHECK(all.size() == mine.size(), "all_gather: one piece per rank", all.size());
        if (!mine.empty()) { std::memcpy(all.data(), mine.data(), mine.size()); }
    }
    void barrier() override {}
    int host_of(Rank) const noexcept override { return 0; }
    void finalize() override {
        while (!outbox_.empty() && handler_ != nullptr) { poll(*handler_); }
    }

    std::size_t record_bytes_max(Rank) const noexcept override { return record_bytes_max_of(loopback_packet_bytes); }
    bool arrives_at_once(Rank) const noexcept override { return true; }
    using Transport::send;
    void send(Rank to, std::span<const std::byte> head, std::span<const std::byte> body, Urgency) override {
        outbox_.append(to, loopback_packet_bytes, head, body);
    }
    void flush() override {}
    void set_sent_notice(SentNotice, void *) noexcept override {}
    std::size_t poll(RecordHandler &handler) override;
    bool quiet() const noexcept override { return outbox_.empty(); }
    bool may_rest() const noexcept override { return quiet(); }

    std::string open_window(std::span<std::byte> window) override {
        window_ = window;
        return {};
    }
    void put(Rank to, std::uint64_t offset, std::span<const std::byte> bytes) override;

    TransportCounts counts() const noexcept override { return counts_; }
    [[noreturn]] void abort(int exit_code) noexcept override { ::_exit(exit_code); }

private:
    PacketPool pool_{loopback_packet_bytes};
    Outbox outbox_{1, pool_};
    std::span<std::byte> window_;
    TransportCounts counts_;
    RecordHandler *handler_ = nullptr; ///< of the last poll; finalize() hands over to it
};

std::size_t LoopbackTransport::poll(RecordHandler &handler) {
    handler_ = &handler;
    // Taken out first: what the handlers send goes into a new packet, which the next poll finds.
    Packet *packet = outbox_.take();
    if (packet == nullptr) { return 0; }
    const std::size_t records = hand_over(Rank{0}, packet->contents(), handler);
    pool_.give_back(packet);
    return records;
}

void LoopbackTransport::put(Rank to, std::uint64_t offset, std::span<const std::byte> bytes) {
    DSM_CHECK(to.value == 0, "put: an existing rank", to.value);
    DSM_CHECK(offset <= window_.size() && bytes.size() <= window_.size() - offset, "put: inside the window", offset);
    if (!bytes.empty()) { std::memmove(window_.data() + offset, bytes.data(), bytes.size()); }
    ++counts_.rma_puts;
}

} // namespace

std::unique_ptr<Transport> make_loopback_transport() { return std::make_unique<LoopbackTransport>(); }

} // namespace dsm::transport
