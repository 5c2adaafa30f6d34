// Records of the Page and Piece services: what is taken apart lies in the segment, in the block and in the record.
#include "libdsm/protocol/page_wire.hpp"
#include "libdsm/runtime/page_records.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace dsm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    fuzz::Input input(data, size);
    const unsigned node_count = 1 + input.take<std::uint16_t>() % nodes_max;
    const std::uint64_t page_count = input.take<std::uint32_t>();
    const auto record = input.bytes();
    if (const auto page = rt::decode_page_record(record, page_count, node_count); page) {
        FUZZ_REQUIRE(page->message.page.value + pages_of(page->attributes) <= page_count);
        FUZZ_REQUIRE(page->attributes.home.value < node_count && page->attributes.generation != 0);
        FUZZ_REQUIRE(page->before_tail.size() + page->tail.size() == record.size());
        FUZZ_REQUIRE(page->tail.empty() ||
                     page->head.tail_offset + page->tail.size() == bytes_of_block(page->attributes));
    }
    if (const auto piece = rt::decode_piece_record(record, page_count); piece) {
        FUZZ_REQUIRE(piece->head.page < page_count);
        FUZZ_REQUIRE(piece->head.offset + piece->bytes.size() <= block_bytes_max);
        FUZZ_REQUIRE(piece->bytes.size() + sizeof(rt::PieceRecordHead) == record.size());
    }
    return 0;
}
