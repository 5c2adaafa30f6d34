// How a call on a home object is carried out: to the home, its queue, and back.
#include "libdsm/runtime/home_objects.hpp"
#include "libdsm/runtime/release_node.hpp"
#include "libdsm/sync/home_wire.hpp"

#include <cstring>
#include <mutex>

namespace dsm::rt {
namespace {

using Kind = sync::HomeMessageKind;
using Phase = sync::HomeCallPhase;

constexpr bool is_for_home(Kind kind) { return kind == Kind::Request || kind == Kind::Cancel; }

/// As reports name an object. By these very pointers describe() knows its own subjects.
constexpr const char *rwlock_name = "read-write lock";
constexpr const char *semaphore_name = "semaphore";
constexpr const char *latch_name = "latch";
constexpr const char *once_name = "once";

const char *name_of(sync::HomeObjectKind object) {
    switch (object) {
    case sync::HomeObjectKind::Rwlock:
        return rwlock_name;
    case sync::HomeObjectKind::Semaphore:
        return semaphore_name;
    case sync::HomeObjectKind::Latch:
        return latch_name;
    case sync::HomeObjectKind::Once:
        return once_name;
    }
    return "";
}

SyncKind table_kind(sync::HomeObjectKind object) {
    switch (object) {
    case sync::HomeObjectKind::Rwlock:
        return SyncKind::Rwlock;
    case sync::HomeObjectKind::Semaphore:
        return SyncKind::Semaphore;
    case sync::HomeObjectKind::Latch:
        return SyncKind::Latch;
    case sync::HomeObjectKind::Once:
        return SyncKind::Once;
    }
    return SyncKind::Rwlock;
}

} // namespace

/// Carries out what a home's machine answers.
class HomeObjects::Executor final : public sync::HomeEffects {
public:
    /// `itself`: the seat of the thread that steps, which needs no waking.
    explicit Executor(HomeObjects &objects, std::uint32_t itself = seats_max) : objects_(objects), itself_(itself) {}

    void answer(const sync::HomeMessage &message) override {
        if (message.waiter.node == objects_.self_node()) {
            deliver(message);
        } else {
            objects_.post(message.waiter.rank, message);
        }
    }
    void deliver(const sync::HomeMessage &message) {
        const std::uint32_t slot = message.waiter.slot.value;
        DSM_CHECK(slot < seats_max, "H5 an answer goes to a seat of this node", slot);
        const SyncSeat &seat = objects_.memory_.seats[slot];
        const bool is_news = sync::on_home_answer(objects_.memory_.home_calls[slot], message);
        if (is_news && slot != itself_) { objects_.engine_.wake(seat.rank, seat.bit); }
    }

private:
    HomeObjects &objects_;
    std::uint32_t itself_;
};

HomeObjects::HomeObjects(Node &node, Engine &engine, const Synchronisation &sync)
    : node_(node), engine_(engine), sync_(sync), memory_(*node.sync), table_(*node.objects) {
    engine_.serve(Service::HomeSync, *this);
}

sync::HomeEnd HomeObjects::ask(const Call &call, const Patience &patience) {
    const Seat &seat = seat_of_this_thread(memory_, node_.topology->self(), engine_);
    sync::HomeMessage request{};
    request.kind = Kind::Request;
    request.object = call.object;
    request.operation = call.operation;
    request.manner = patience.manner;
    request.reads = call.reads;
    request.id = call.id;
    request.waiter = {self_node(), node_.topology->self(), seat.slot, sync::begin_call(call_of(seat.slot))};
    request.owner = seat.owner;
    request.incarnation = call.birth.incarnation;
    request.initial = call.birth.initial;
    request.number = call.number;
    tell_home(request);
    await_end({name_of(call.object), call.id.value}, request, patience);
    acquired(node_);
    return sync::end_call(call_of(seat.slot));
}

void HomeObjects::await_end(const WaitSubject &subject, const sync::HomeMessage &request, const Patience &patience) {
    const sync::HomeCall &call = call_of(request.waiter.slot);
    const std::uint32_t bit = memory_.seats[request.waiter.slot.value].bit;
    if (patience.manner == sync::HomeManner::Timed) {
        // The home says at once that it is granted or queued, whatever the time. Only then a Cancel may be sent.
        engine_.wait(subject, bit, [&call] { return sync::call_phase(call) != Phase::Asked; });
        wait_until(engine_, subject, bit, patience.deadline, [&call] { return sync::call_phase(call) == Phase::Over; });
        if (sync::begin_cancel(call_of(request.waiter.slot))) {
            sync::HomeMessage cancel = request;
            cancel.kind = Kind::Cancel;
            tell_home(cancel);
        }
    }
    engine_.wait(subject, bit, [&call] { return sync::call_phase(call) == Phase::Over; });
}

void HomeObjects::tell_home(const sync::HomeMessage &message) {
    const NodeId home = sync_.home_of(message.id);
    if (home == self_node()) {
        Executor effects(*this, message.waiter.slot.value);
        step(message, effects);
    } else {
        post(node_.topology->agent(home, message.id.value), message);
    }
    engine_.kick();
}

void HomeObjects::step(const sync::HomeMessage &message, Executor &effects) {
    SyncEntry &entry = table_.lock(table_kind(message.object), message.id);
    const std::lock_guard held(entry.lock, std::adopt_lock);
    const sync::HomeContext context{message.id, {memory_.home_pool, {memory_.home_records, home_records_max}}};
    switch (message.object) {
    case sync::HomeObjectKind::Rwlock:
        sync::step(entry.states.rwlock, context, effects, message);
        break;
    case sync::HomeObjectKind::Semaphore:
        sync::step(entry.states.semaphore, context, effects, message);
        break;
    case sync::HomeObjectKind::Latch:
        sync::step(entry.states.latch, context, effects, message);
        break;
    case sync::HomeObjectKind::Once:
        sync::step(entry.states.once, context, effects, message);
        break;
    }
}

void HomeObjects::post(Rank to, const sync::HomeMessage &message) {
    std::byte record[1 + sync::home_message_bytes];
    record[0] = static_cast<std::byte>(Service::HomeSync);
    sync::encode(message, std::span<std::byte, sync::home_message_bytes>(record + 1, sync::home_message_bytes));
    engine_.post(to, record);
}

void HomeObjects::on_record(std::int32_t, std::span<const std::byte> record) {
    const auto message = sync::decode_home(record.subspan(1), node_.topology->node_count());
    DSM_CHECK(message.has_value(), "H5 a home record holds a message", record.size());
    Executor effects(*this);
    if (is_for_home(message->kind)) {
        step(*message, effects);
    } else {
        effects.deliver(*message);
    }
}

bool HomeObjects::describe(const WaitSubject &subject) {
    const LockId id{subject.subject};
    const auto number = static_cast<unsigned long long>(id.value);
    const unsigned home = sync_.home_of(id).value;
    const bool is_home = sync_.home_of(id) == self_node();
    if (std::strcmp(subject.what, rwlock_name) == 0) {
        const SyncEntry *entry = table_.find_if_present(SyncKind::Rwlock, id);
        if (entry != nullptr && is_home) {
            const sync::RwlockState &state = entry->states.rwlock;
            log_line("%s %llu: this is its home; %u readers, writer %llx", subject.what, number, state.readers,
                     static_cast<unsigned long long>(state.writer.value));
            return true;
        }
    }
    for (const char *name : {rwlock_name, semaphore_name, latch_name, once_name}) {
        if (std::strcmp(subject.what, name) != 0) { continue; }
        log_line("%s %llu: home node %u", subject.what, number, home);
        return true;
    }
    return false;
}

} // namespace dsm::rt
