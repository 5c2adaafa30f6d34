// Integers as bytes and back, for the messages of this folder.
#pragma once

#include "libdsm/base/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace dsm::sync {

/// Appends integers, least significant byte first. The room suffices.
class ByteWriter {
public:
    explicit ByteWriter(std::span<std::byte> out) noexcept : out_(out) {}
    template <class Integer> void put(Integer value) noexcept {
        for (std::size_t i = 0; i < sizeof(Integer); ++i) {
            out_[used_++] = static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i));
        }
    }
    std::size_t used() const noexcept { return used_; }

private:
    std::span<std::byte> out_;
    std::size_t used_ = 0;
};

/// Takes integers; the length was checked before. Remembers whether anything was out of range.
class ByteReader {
public:
    ByteReader(std::span<const std::byte> in, std::uint16_t node_count) noexcept : in_(in), node_count_(node_count) {}
    template <class Integer> Integer take() noexcept {
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < sizeof(Integer); ++i) {
            value |= static_cast<std::uint64_t>(in_[read_++]) << (8 * i);
        }
        return static_cast<Integer>(value);
    }
    NodeId take_node() noexcept {
        const NodeId node{take<std::uint16_t>()};
        good_ = good_ && node.value < node_count_;
        return node;
    }
    bool take_flag() noexcept {
        const auto flag = take<std::uint8_t>();
        good_ = good_ && flag <= 1;
        return flag == 1;
    }
    bool good() const noexcept { return good_; }

private:
    std::span<const std::byte> in_;
    std::uint16_t node_count_;
    std::size_t read_ = 0;
    bool good_ = true;
};

} // namespace dsm::sync
