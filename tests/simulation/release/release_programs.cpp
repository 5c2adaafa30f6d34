// What the simulated threads do with release memory.
#include "tests/simulation/release/release_programs.hpp"

#include "tests/simulation/release/release_job.hpp"

namespace dsm::release_test {

void ReleaseJob::plan_phases() {
    const unsigned locations = options_.world.pages * options_.world.page_bytes;
    const auto threads = static_cast<unsigned>(threads_.size());
    const bool locks_own_pages = options_.locks != 0 && random_.one_in(3); // So that pages are bound to locks.
    const unsigned changes_often = random_.between(1, 4); // Else a byte keeps its guard from phase to phase.
    for (unsigned phase = 0; phase < options_.phases; ++phase) {
        flag_plan_.emplace_back();
        for (unsigned flag = 0; flag < options_.flags; ++flag) {
            flag_plan_.back().push_back({random_.below(threads), random_.below(threads)});
        }
        std::vector<Location> plan(locations);
        for (unsigned location = 0; location < locations; ++location) {
            Location &guard = plan[location];
            if (options_.alternates && phase % 2 == 1) {
                guard = {Guard::ReadOnly, 0};
                continue;
            }
            if (options_.alternates && phase >= 2 && !random_.one_in(8)) {
                guard = plan_[phase - 2][location];
                continue;
            }
            const bool keeps = phase != 0 && !random_.one_in(changes_often);
            if (keeps) {
                guard = plan_.back()[location];
                continue;
            }
            const unsigned way = random_.below(8);
            if (options_.binds) { // One byte of a page is written under another lock than the others.
                guard = {Guard::Lock, byte_of(location) == 0 ? 1U : 0U};
            } else if (locks_own_pages && way < 6) {
                guard = {Guard::Lock, page_of(location) % options_.locks};
            } else if (way < 3 && options_.locks != 0) {
                guard = {Guard::Lock, random_.below(options_.locks)};
            } else if (way < (options_.ranges ? 6U : 4U) && options_.flags != 0) {
                guard = {Guard::Flag, random_.below(options_.flags)};
            } else if (way < 7) {
                guard = {Guard::Owner, random_.below(threads)};
            } else {
                guard = {Guard::ReadOnly, 0};
            }
        }
        plan_.push_back(plan);
    }
}

Task<> ReleaseJob::live(unsigned number) {
    Thread &thread = threads_[number];
    for (unsigned phase = 0; phase < options_.phases; ++phase) {
        unsigned flag = 0;
        for (unsigned i = 0; i < options_.operations; ++i) {
            if (options_.binds) {
                co_await use_lock(thread, phase, random_.one_in(4) ? 1 : 0);
            } else if (options_.locks != 0 && random_.one_in(2)) {
                co_await use_lock(thread, phase, random_.below(options_.locks));
            } else {
                co_await use_own(thread, phase);
            }
            // Flags in rising order, so that nobody waits in a circle.
            if (flag < options_.flags && random_.one_in(2)) { co_await use_flag(thread, phase, flag++); }
            if (random_.one_in(3)) { co_await yield(thread); }
        }
        while (flag < options_.flags) { co_await use_flag(thread, phase, flag++); }
        co_await meet(thread);
    }
    // Once more, everybody reads everything.
    for (unsigned location = 0; location < options_.world.pages * options_.world.page_bytes; ++location) {
        if (random_.one_in(2)) { co_await touch(thread, location, false); }
    }
    co_await meet(thread);
    thread.at = nullptr;
    co_return Nothing{};
}

Task<> ReleaseJob::use(Thread &thread, unsigned location, bool may_write) {
    if (options_.pins && random_.one_in(6)) {
        co_await pinned_use(thread, location, may_write);
        co_return Nothing{};
    }
    if (random_.one_in(2)) { co_await touch(thread, location, false); }
    if (may_write && !random_.one_in(3)) { co_await touch(thread, location, true); }
    if (random_.one_in(3)) { co_await touch(thread, location, false); }
    co_return Nothing{};
}

/// While it is pinned, the kernel reads and writes the frame without asking anybody.
Task<> ReleaseJob::pinned_use(Thread &thread, unsigned location, bool may_write) {
    const unsigned page = page_of(location);
    const Access wanted = may_write && random_.one_in(2) ? Access::Write : Access::Read;
    for (;;) {
        thread.waits_for_page = static_cast<int>(page);
        const bool is_pinned = world_.try_pin(thread.node, page, wanted);
        settle();
        if (is_pinned) { break; }
        co_await sleep(thread);
    }
    thread.waits_for_page = -1;
    ++counts_.pins;
    for (unsigned i = random_.between(1, 6); i != 0; --i) {
        if (wanted == Access::Write && random_.one_in(2)) {
            world_.write(thread.node, page, byte_of(location), some_value());
        } else {
            world_.read(thread.node, page, byte_of(location));
        }
        settle();
        if (random_.one_in(2)) { co_await yield(thread); }
    }
    world_.unpin(thread.node, page);
    settle();
    co_return Nothing{};
}

Task<> ReleaseJob::use_own(Thread &thread, unsigned phase) {
    const std::vector<Location> &plan = plan_[phase];
    const auto locations = static_cast<unsigned>(plan.size());
    const unsigned first = random_.below(locations);
    for (unsigned i = 0; i < locations; ++i) {
        const unsigned location = (first + i) % locations;
        const bool is_own = plan[location].guard == Guard::Owner && plan[location].by == thread.number;
        if (!is_own && plan[location].guard != Guard::ReadOnly) { continue; }
        co_await use(thread, location, is_own);
        if (random_.one_in(2)) { break; }
    }
    co_return Nothing{};
}

Task<> ReleaseJob::use_lock(Thread &thread, unsigned phase, unsigned number) {
    co_await lock(thread, number);
    const std::vector<Location> &plan = plan_[phase];
    for (unsigned location = 0; location < plan.size(); ++location) {
        if (plan[location].guard != Guard::Lock || plan[location].by != number || random_.one_in(3)) { continue; }
        co_await use(thread, location, true);
        if (random_.one_in(4)) { co_await yield(thread); }
    }
    unlock(thread, number);
    settle();
    co_return Nothing{};
}

PageMask ReleaseJob::range_of(unsigned phase, unsigned flag) const {
    if (!options_.ranges) { return all_pages; }
    PageMask pages = 0;
    for (unsigned location = 0; location < plan_[phase].size(); ++location) {
        const Location &guard = plan_[phase][location];
        if (guard.guard == Guard::Flag && guard.by == flag) { pages |= static_cast<PageMask>(1U << page_of(location)); }
    }
    return pages;
}

/// The producer uses the flag's bytes and sets it; the consumer waits for it and uses them then.
Task<> ReleaseJob::use_flag(Thread &thread, unsigned phase, unsigned flag) {
    const Flag &roles = flag_plan_[phase][flag];
    const auto value = static_cast<std::uint8_t>(phase + 1);
    const std::vector<Location> &plan = plan_[phase];
    const bool produces = roles.producer == thread.number;
    if (!produces && roles.consumer != thread.number) { co_return Nothing{}; }
    const PageMask range = range_of(phase, flag);
    if (!produces) { co_await await_flag(thread, flag, value, range); }
    for (unsigned location = 0; location < plan.size(); ++location) {
        if (plan[location].guard == Guard::Flag && plan[location].by == flag) { co_await use(thread, location, true); }
    }
    if (produces) { co_await set_flag(thread, flag, value, range); }
    co_return Nothing{};
}

ReleaseCounts run_release_seed(std::uint64_t seed, unsigned nodes, protocol::ReleaseMutation mutation, bool traces) {
    alignas(64) static std::array<std::byte, protocol::SetPool::bytes_for(16)> memory;
    memory.fill(std::byte{0});
    protocol::SetPool pool(memory.data(), memory.size());
    Random choice(seed * 0x9e3779b97f4a7c15 + 11);
    JobOptions options{};
    WorldOptions &world = options.world;
    world.nodes = nodes != 0 ? nodes : choice.one_in(2) ? choice.between(2, 3) : choice.between(2, nodes_max);
    world.pages = choice.one_in(2) ? choice.between(1, 2) : choice.between(1, pages_max);
    world.page_bytes = choice.between(2, page_bytes_max);
    const bool has_one_home = choice.one_in(3);
    world.first_touch = choice.one_in(4);
    world.splits_data = choice.one_in(2);
    world.splits_diffs = choice.one_in(3);
    world.mutation = mutation;
    if (choice.one_in(2)) { // Tiny limits.
        world.limits.hot_faults = static_cast<std::uint8_t>(choice.between(1, 2));
        world.limits.unchanged_max = static_cast<std::uint8_t>(choice.between(1, 2));
        world.limits.refresh_misses = static_cast<std::uint8_t>(choice.between(1, 2));
        world.limits.trial_every = static_cast<std::uint16_t>(choice.between(2, 3));
        world.limits.bind_streak = static_cast<std::uint8_t>(choice.between(0, 2));
        world.limits.move_streak = static_cast<std::uint8_t>(choice.between(0, 3));
        world.limits.shared_streak = static_cast<std::uint8_t>(choice.one_in(2) ? 0 : 2);
    }
    if (choice.one_in(2)) { // Homes send unasked.
        world.limits.hot_faults = static_cast<std::uint8_t>(choice.between(0, 1));
        world.limits.push_streak = static_cast<std::uint8_t>(choice.between(0, 2));
        world.limits.push_gap_max = static_cast<std::uint8_t>(choice.between(1, 6));
        world.limits.push_trial = static_cast<std::uint8_t>(choice.between(2, 12));
    }
    // A copy that is a few versions old is sent what it lacks.
    if (choice.one_in(2)) { world.limits.lines_max = static_cast<std::uint8_t>(choice.between(1, world.page_bytes)); }
    options.ranges = choice.one_in(3);
    if (options.ranges) { world.pages = choice.between(2, pages_max); }
    options.alternates = choice.one_in(4);
    options.threads_per_node = choice.between(1, 3);
    options.locks = choice.one_in(options.ranges ? 2 : 4) ? 0 : choice.between(1, locks_max);
    options.flags = options.ranges ? choice.between(1, flags_max) : choice.below(flags_max + 1);
    options.phases = options.alternates ? choice.between(6, 16) : choice.between(1, 5);
    options.operations = choice.one_in(2) ? choice.between(1, 6) : choice.between(5, 24);
    options.evicts = choice.one_in(2);
    options.hints = choice.one_in(3);
    options.pins = choice.one_in(3);
    if (choice.one_in(4)) { // Pages that travel with a lock, while others use them too.
        options.binds = true;
        options.locks = 2;
        options.flags = 0;
        world.nodes = nodes != 0 ? nodes : choice.between(3, 4);
        world.pages = choice.between(1, 2);
        const bool moves = choice.one_in(3); // Or their homes move with every write.
        world.limits.move_streak = moves ? 1 : 0;
        world.limits.bind_streak = moves ? 0 : 1;
        options.operations = choice.between(5, 24);
        options.phases = choice.between(1, 2);
    }
    for (unsigned page = 0; page < world.pages; ++page) {
        world.homes.push_back(has_one_home ? 0 : page % world.nodes);
    }
    options.disturb_often = choice.between(5, 60);
    options.values = choice.one_in(3) ? 3 : 200;
    options.traces = traces;
    return ReleaseJob(options, pool, choice.next()).run();
}

} // namespace dsm::release_test
