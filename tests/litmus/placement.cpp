// Pages and homes of objects, for the model.
#include "tests/litmus/placement.hpp"

namespace dsm::litmus {

const char *name_of(Placement placement) {
    switch (placement) {
    case Placement::Bytes:
        return "bytes";
    case Placement::Page:
        return "page";
    case Placement::Pages:
        return "pages";
    case Placement::Shifted:
        return "shifted";
    }
    return "?";
}

const char *name_of(Start start) {
    switch (start) {
    case Start::Cold:
        return "cold";
    case Start::Shared:
        return "shared";
    case Start::Away:
        return "away";
    }
    return "?";
}

std::vector<Placement> distinct(const LitmusTest &test, std::span<const Placement> placements) {
    std::vector<Placement> result;
    for (const Placement placement : placements) {
        const bool is_repeated = test.objects.size() == 1 && placement != Placement::Shifted && !result.empty();
        if (!is_repeated) { result.push_back(placement); }
    }
    return result;
}

Layout layout_of(const LitmusTest &test, Placement placement) {
    Layout layout{};
    const bool is_apart = placement == Placement::Pages || placement == Placement::Shifted;
    const unsigned shift = placement == Placement::Shifted ? 1 : 0;
    unsigned pages = 0;
    unsigned locks = 0;
    unsigned slots = 0;
    for (unsigned i = 0; i < test.objects.size(); ++i) {
        const auto home = static_cast<std::uint8_t>(is_apart ? (i + shift) % test.node_count() : 0);
        layout.home_of[i] = home;
        if (test.objects[i].kind == ObjectKind::Lock) { layout.lock_of[i] = static_cast<std::uint8_t>(locks++); }
        if (test.objects[i].kind != ObjectKind::Variable) { continue; }
        const unsigned page = is_apart ? pages : 0;
        pages = page + 1;
        layout.slot_of[i] = static_cast<std::uint8_t>(slots++);
        layout.page_of[i] = static_cast<std::uint8_t>(page);
        layout.page_home[page] = home;
    }
    layout.pages = pages;
    return layout;
}

} // namespace dsm::litmus
