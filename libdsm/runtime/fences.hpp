// Fences that no object carries: rank 0 knows what every release was told of, and tells every acquire.
//
//   release:  writes in place, then  caller --call, with notices--> rank 0 --answer--> caller
//   acquire:                         caller --call--> rank 0 --answer, with notices--> caller, then updates awaited
//
// Neither has a node write out what it has no need to: of a range, only its pages are (release_order.hpp).
#pragma once

#include "libdsm/runtime/calls.hpp"
#include "libdsm/runtime/node.hpp"
#include "libdsm/runtime/release_tables.hpp"

namespace dsm::rt {

class Fences final : public CallHandler {
public:
    Fences(Node &node, Calls &calls);
    void release(const PageRange &range);
    void acquire(const PageRange &range);
    void on_call(CallKind kind, CallToken token, std::span<const std::byte> arguments) override;

private:
    bool is_at_keeper() const;
    Node &node_;
    Calls &calls_;
};

} // namespace dsm::rt
