// Fences that no object carries: rank 0 knows what every release was told of, and tells every acquire.
//
//   release:  writes in place, then  caller --call, with notices--> rank 0 --answer--> caller
//   acquire:                         caller --call--> rank 0 --answer, with notices--> caller
//
// Both are calls, which carry notices like everything that orders memory (release_order.hpp).
#pragma once

#include "libdsm/runtime/calls.hpp"
#include "libdsm/runtime/node.hpp"

namespace dsm::rt {

class Fences final : public CallHandler {
public:
    Fences(Node &node, Calls &calls);
    void release();
    void acquire();
    void on_call(CallKind kind, CallToken token, std::span<const std::byte> arguments) override;

private:
    bool is_at_keeper() const;
    Node &node_;
    Calls &calls_;
};

} // namespace dsm::rt
