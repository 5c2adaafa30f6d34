// Packets: every record lies inside its packet, and packing what was handed over gives the same packet but for padding.
#include "libdsm/transport/packet.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace dsm;

namespace {

class Handler final : public transport::RecordHandler {
public:
    explicit Handler(std::span<const std::byte> packet) : packet_(packet) {}
    void on_record(Rank, std::span<const std::byte> record) override {
        FUZZ_REQUIRE(record.data() >= packet_.data() &&
                     record.data() + record.size() <= packet_.data() + packet_.size());
        FUZZ_REQUIRE((record.data() - packet_.data()) % 8 == 0);
        for (const std::byte byte : record) { sum_ += std::to_integer<unsigned>(byte); } // Every byte can be read.
        framed_ += transport::framed_bytes(record.size());
    }
    std::size_t framed() const { return framed_; }

private:
    std::span<const std::byte> packet_;
    std::size_t framed_ = 0;
    unsigned sum_ = 0;
};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    const fuzz::Input input(data, size);
    Handler handler(input.bytes());
    const bool refused =
        fuzz::is_refused_by_check([&] { static_cast<void>(transport::hand_over(Rank{0}, input.bytes(), handler)); });
    FUZZ_REQUIRE(refused ? handler.framed() < input.bytes().size() : handler.framed() == input.bytes().size());
    return 0;
}
