// The way of inquiries about names over the engine. The exchange itself is in libdsm/sync/name_table.hpp.
#include "libdsm/runtime/names.hpp"

#include "libdsm/base/check.hpp"
#include "libdsm/runtime/release_node.hpp"

#include <cerrno>
#include <cstring>
#include <functional>
#include <mutex>
#include <utility>

namespace dsm::rt {
namespace {

using sync::NameReply;
using sync::NameReplyKind;
using sync::NameRequest;
using sync::NameRequestKind;
using sync::NameTicket;

enum class Direction : std::uint8_t { Request = 1, Reply = 2 };

/// A request is followed by the name's bytes; who asks is told by the transport.
struct NameRecord {
    Service service;
    Direction direction;
    std::uint8_t kind;
    std::uint8_t was_noted;
    std::uint32_t number;
    std::uint32_t sequence;
    std::int32_t error;
    std::uint64_t value;
};

NameRecord read_head(std::span<const std::byte> record) {
    NameRecord head{};
    DSM_CHECK(record.size() >= sizeof head && record.size() <= sizeof head + name_bytes_max,
              "N5 a record about a name holds its head and the name", record.size());
    std::memcpy(&head, record.data(), sizeof head);
    return head;
}

} // namespace

class Names::Asking {
public:
    Asking(Names &names, std::string_view name) : names_(names), name_(name) {
        const std::lock_guard lock(names_.slots_lock_);
        std::uint32_t number = names_.free_ - 1;
        if (names_.free_ == 0) {
            number = static_cast<std::uint32_t>(names_.slots_.size());
            names_.slots_.emplace_back();
        } else {
            names_.free_ = names_.slots_[number].next_free;
        }
        slot_ = &names_.slots_[number];
        slot_->bit = names_.engine_.next_bit();
        slot_->inquiry.begin({names_.node_.topology->self(), number, ++slot_->sequence});
    }
    ~Asking() {
        const std::lock_guard lock(names_.slots_lock_);
        slot_->next_free = names_.free_;
        names_.free_ = ticket().number + 1;
    }
    Asking(const Asking &) = delete;
    Asking &operator=(const Asking &) = delete;

    /// Asks, and waits for the answer until the deadline; then the inquiry is withdrawn.
    int ask(NameRequestKind kind, std::uint64_t &value, Nanoseconds deadline_ns = Engine::no_deadline) {
        names_.send({kind, ticket(), value}, name_);
        if (!wait_for(&sync::NameInquiry::is_answered, deadline_ns)) {
            wait_for(&Asking::is_noted_or_answered, Engine::no_deadline);
            // The answer may come between the two lines: then the keeper does not know the inquiry any more.
            if (!look(&sync::NameInquiry::is_answered)) {
                names_.send({NameRequestKind::Withdraw, ticket(), 0}, name_);
            }
        }
        wait_for(&sync::NameInquiry::is_over, Engine::no_deadline);
        const int error = slot_->inquiry.error();
        acquired(names_.node_);
        if (error == 0) { value = slot_->inquiry.value(); }
        return error;
    }

private:
    static bool is_noted_or_answered(const sync::NameInquiry &inquiry) {
        return inquiry.is_noted() || inquiry.is_answered();
    }
    NameTicket ticket() { return slot_->inquiry.ticket(); }
    template <class Test> bool look(Test test) {
        const std::lock_guard lock(names_.slots_lock_);
        return std::invoke(test, std::as_const(slot_->inquiry));
    }
    template <class Test> bool wait_for(Test test, Nanoseconds deadline_ns) {
        const auto keeper = static_cast<std::uint64_t>(names_.keeper_of(name_).value);
        const WaitSubject subject{"a name that is kept by rank", keeper};
        return names_.engine_.wait_until(subject, slot_->bit, deadline_ns, [&] { return look(test); });
    }

    Names &names_;
    std::string_view name_;
    Slot *slot_ = nullptr;
};

Names::Names(Node &node, Engine &engine) : node_(node), engine_(engine), relay_(node.topology->self()) {
    engine_.serve(Service::Names, *this);
}

Rank Names::keeper_of(std::string_view name) const { return sync::keeper_of(name, node_.topology->rank_count()); }

int Names::publish(std::string_view name, std::uint64_t offset) {
    return Asking(*this, name).ask(NameRequestKind::Publish, offset);
}

int Names::unpublish(std::string_view name) {
    std::uint64_t none = 0;
    return Asking(*this, name).ask(NameRequestKind::Unpublish, none);
}

int Names::look_up(std::string_view name, std::uint64_t &offset) {
    return Asking(*this, name).ask(NameRequestKind::LookUp, offset);
}

int Names::await(std::string_view name, std::uint64_t &offset, Nanoseconds deadline_ns) {
    return Asking(*this, name).ask(NameRequestKind::Await, offset, deadline_ns);
}

/// Who awaits asks this rank's own relay, which may have asked already.
void Names::send(const NameRequest &request, std::string_view name) {
    const bool waits = request.kind == NameRequestKind::Await || request.kind == NameRequestKind::Withdraw;
    post(waits ? node_.topology->self() : keeper_of(name), request, name);
    engine_.kick();
}

/// On the driver.
void Names::ask_above(const NameRequest &request, std::string_view name) {
    const Topology &topology = *node_.topology;
    post(sync::name_tree_parent(topology.self(), keeper_of(name), topology.rank_count()), request, name);
}

void Names::post(Rank to, const NameRequest &request, std::string_view name) {
    const NameRecord head{Service::Names,
                          Direction::Request,
                          static_cast<std::uint8_t>(request.kind),
                          0,
                          request.ticket.number,
                          request.ticket.sequence,
                          0,
                          request.value};
    engine_.post(to, bytes_of(head), std::as_bytes(std::span(name)));
}

void Names::reply(const NameReply &reply) {
    const NameRecord head{Service::Names,  Direction::Reply,    static_cast<std::uint8_t>(reply.kind),
                          reply.was_noted, reply.ticket.number, reply.ticket.sequence,
                          reply.error,     reply.value};
    engine_.post(reply.ticket.asker, bytes_of(head));
}

void Names::on_record(std::int32_t from_rank, std::span<const std::byte> record) {
    if (read_head(record).direction == Direction::Request) {
        on_request(Rank{from_rank}, record);
    } else {
        on_reply(record);
    }
}

void Names::on_request(Rank from, std::span<const std::byte> record) {
    const NameRecord head = read_head(record);
    const auto bytes = record.subspan(sizeof head);
    const std::string_view name(reinterpret_cast<const char *>(bytes.data()), bytes.size());
    const NameRequest request{static_cast<NameRequestKind>(head.kind), {from, head.number, head.sequence}, head.value};
    if (keeper_of(name) == node_.topology->self()) { return table_.step(request, name, *this); }
    relay_.step(request, name, *this);
}

void Names::on_reply(std::span<const std::byte> record) {
    const NameRecord head = read_head(record);
    const NameReply reply{static_cast<NameReplyKind>(head.kind),
                          head.was_noted != 0,
                          {node_.topology->self(), head.number, head.sequence},
                          head.error,
                          head.value};
    if (head.number == sync::relay_inquiry) { return relay_.on_reply(reply, *this); }
    std::uint32_t bit = 0;
    {
        const std::lock_guard lock(slots_lock_);
        DSM_CHECK(head.number < slots_.size(), "N6 a reply goes to a slot that waits for it", head.number);
        Slot &slot = slots_[head.number];
        slot.inquiry.on_reply(reply);
        bit = slot.bit;
    }
    engine_.wake(node_.topology->self(), bit);
}

} // namespace dsm::rt
