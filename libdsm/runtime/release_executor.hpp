// Carries out the effects of one step of the release protocol, in order, while the page's lock is held.
#pragma once

#include "libdsm/runtime/release_pages.hpp"

namespace dsm::rt {

class ReleaseExecutor final : public protocol::ReleaseEffects {
public:
    /// `maps`: what is granted is mapped in this rank at once, where nobody waits for it.
    ReleaseExecutor(ReleasePages &pages, PageEntry &entry, PageId page, bool maps)
        : pages_(pages), entry_(entry), page_(page), maps_(maps) {}

    void send(NodeId to, const protocol::ReleaseMessage &message) override;
    std::uint64_t published() const override;
    bool push(NodeId to, const protocol::ReleaseMessage &message) override;
    unsigned flush(NodeId to, const protocol::ReleaseMessage &message, bool refresh) override;
    void claim(NodeId to, const protocol::ReleaseMessage &message) override;
    std::uint64_t apply(std::span<const std::byte> diff, bool has_twin) override;
    std::uint64_t refresh_twin() override;
    void make_twin() override;
    void drop_twin() override;
    void install_zeros(protocol::Install how) override;
    void restrict_access(Access access) override;
    void grant_access(Access access) override;
    void drop_frame() override;
    void list() override;
    void update_due() override;
    void update_done() override;
    void keep(const protocol::ReleaseMessage &message) override;
    void release_kept() override { pages_.gives_kept_ = true; }
    protocol::PageVersions &versions() override { return pages_.tables_.versions(page_); }

    /// A part of a page's bytes.
    void install(protocol::Install how, std::size_t offset, std::span<const std::byte> bytes);
    /// What has come with the record, or is to be taken from its sender's twin, which this rank has mapped.
    void install_bytes_of(const ReleaseRecord &record, protocol::Install how);

    static void unpack(std::span<const std::byte> packed, std::byte *page);

private:
    ReleaseRecordHead head() const;
    void install_lines(protocol::Install how, std::uint64_t lines, std::span<const std::byte> bytes);
    void send_page(NodeId to, const protocol::ReleaseMessage &message);
    bool send_packed(Rank agent, const protocol::ReleaseMessage &message);
    void send_lines(NodeId to, const protocol::ReleaseMessage &message);
    void post_lines(Rank agent, const protocol::ReleaseMessage &message);
    std::size_t room(Rank agent) const;
    std::size_t room(Rank agent, const protocol::ReleaseMessage &message) const;
    void count_sent(const protocol::ReleaseMessage &message);
    void send_parts(Rank agent, const protocol::ReleaseMessage &message);
    void post(Rank agent, ReleaseRecordHead head, const protocol::ReleaseMessage &message,
              std::span<const std::byte> part);
    void post_flush(Rank agent, const protocol::ReleaseMessage &message, std::span<const std::byte> body);
    bool is_mapped(Access access) const;
    std::byte *frame() const { return pages_.node_.frames.frame(page_); }
    /// Where there is a twin at the home, it is what readers get: what differs from it is noticed.
    const std::byte *sent_bytes() const {
        return protocol::has(entry_.release, protocol::ReleaseFlag::Twin) ? twin() : frame();
    }
    std::byte *twin() const { return pages_.tables_.twin(page_); }

    ReleasePages &pages_;
    PageEntry &entry_;
    PageId page_;
    bool maps_;
};

} // namespace dsm::rt
