// Carries out the effects of one step of the page protocol, in order, while the page's lock is held.
#pragma once

#include "libdsm/runtime/coherence.hpp"

namespace dsm::rt {

class PageExecutor final : public protocol::PageEffects {
public:
    PageExecutor(Coherence &coherence, PageEntry &entry, PageId page)
        : coherence_(coherence), entry_(entry), page_(page), attributes_(entry.attributes) {}

    void send(NodeId to, const protocol::PageMessage &message) override;
    void restrict_access(Access access) override;
    void grant_access(Access access) override;
    void drop_frame() override;
    void zero_frame() override;
    void set_timer(protocol::TimeUs at) override;
    void freed() override {}
    void wake_waiters() override;
    void load() override { coherence_.files_->want(page_); }

private:
    void send_bytes(NodeId to, Rank agent, std::span<const std::byte> head, std::span<const std::byte> wire);
    std::span<const std::byte> block_bytes() const;

    Coherence &coherence_;
    PageEntry &entry_;
    PageId page_;
    PageAttributes attributes_;
    bool saved_ = false; ///< the frame was punched when access was taken; its bytes are in this thread's save area
};

} // namespace dsm::rt
