// Pages whose first contents are in a file: until they are loaded, the file stands where an owner would.
//
//   home --load()--> whoever has the file ... --on_loaded()--> home
//
// The home of such a page begins without the ownership. The first event that wants the page starts the home's own
// request for it (pending Own), addressed to the file. What others ask meanwhile is deferred as behind any request
// (S9); the file's answer is a grant of ownership with bytes. From then on the page is one like all others.
#include "libdsm/protocol/sequential/sequential_step.hpp"

namespace dsm::protocol {

bool SequentialProtocol::on_load_ahead(PageState &state, const PageContext &context, TimeUs now_us,
                                       PageEffects &effects) const noexcept {
    return SequentialStep(*this, state, context, now_us, effects).on_load_ahead();
}

void SequentialProtocol::on_loaded(PageState &state, const PageContext &context, TimeUs now_us,
                                   PageEffects &effects) const noexcept {
    SequentialStep(*this, state, context, now_us, effects).on_loaded();
}

bool SequentialProtocol::on_clean(PageState &state, const PageContext &context, TimeUs now_us,
                                  PageEffects &effects) const noexcept {
    return SequentialStep(*this, state, context, now_us, effects).on_clean();
}

void SequentialStep::load_if_in_file() {
    if (!is(Flag::InFile) || state_.pending != Pending::None) { return; }
    enter(Access::None, Pending::Own);
    effects_.load();
}

bool SequentialStep::on_load_ahead() {
    if (!is(Flag::InFile)) { return false; }
    if (state_.pending == Pending::None) { enter(Access::None, Pending::Own); }
    return true;
}

void SequentialStep::on_loaded() {
    DSM_CHECK(is(Flag::InFile) && !is(Flag::Owns) && state_.pending == Pending::Own,
              "S12 a page is loaded once, when it was asked for", subject());
    set(Flag::InFile, false);
    set(Flag::Owns);
    complete_own();
}

bool SequentialStep::on_clean() {
    if (state_.access != Access::Write) { return true; }
    if (is_pinned()) { return false; }
    lower_access(Access::Read);
    return true;
}

} // namespace dsm::protocol
