// Producers and consumers, threads dealt over the ranks, pass items through one bounded buffer in shared memory: a
// mutex and two conditions, as in any textbook (Hoare 1974). Every item must arrive exactly once, and the items of a
// producer in the order in which it made them.
#include "apps/support/progress.hpp"
#include "apps/support/report.hpp"
#include "apps/support/session.hpp"
#include "apps/support/timing.hpp"

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace {

constexpr std::size_t max_items = 100'000'000;
constexpr std::size_t max_capacity = 1'000'000;
constexpr int max_threads = 1000;

struct Options : apps::CommonOptions {
    std::size_t capacity = 64;
    std::size_t items = 20000; // of all producers together
    int producers = 0;         // threads; 0: one for every two ranks
    int consumers = 0;
};

struct Item {
    std::uint32_t producer;
    std::uint32_t number; // counts a producer's items
};

// A mark that no item has, for places of the log that nobody has written.
constexpr std::uint32_t no_producer = UINT32_MAX;

// The buffer; its ring of items follows in memory, so that what one lock guards is on as few pages as can be. Zeroed
// memory is an empty one, but for `producing`.
struct Buffer {
    dsm::mutex mutex;
    dsm::condition_variable not_full;
    dsm::condition_variable not_empty;
    std::size_t taken; // so many have been taken in all, and so many put
    std::size_t put;
    int producing; // producers that have not finished
};

class Queue {
public:
    // Collective.
    Queue(std::size_t capacity, const dsm_alloc_attr_t &attr)
        : memory_(apps::alloc_shared<std::byte>(sizeof(Buffer) + capacity * sizeof(Item), attr)),
          buffer_(*reinterpret_cast<Buffer *>(memory_.data())),
          ring_(reinterpret_cast<Item *>(memory_.data() + sizeof(Buffer)), capacity) {}

    // Before anybody puts or takes.
    void expect_producers(int producers) { buffer_.producing = producers; }
    // After everybody has finished.
    bool has_passed(std::size_t items) const { return buffer_.put == items && buffer_.taken == items; }

    void put(Item item) {
        {
            std::unique_lock lock(buffer_.mutex);
            buffer_.not_full.wait(lock, [this] { return buffer_.put - buffer_.taken < ring_.size(); });
            ring_[buffer_.put++ % ring_.size()] = item;
        }
        buffer_.not_empty.notify_one();
    }

    // The next item and its place among all items; nothing once all producers have finished and the ring is empty.
    struct Taken {
        std::size_t place;
        Item item;
    };
    std::optional<Taken> take() {
        Taken taken;
        {
            std::unique_lock lock(buffer_.mutex);
            buffer_.not_empty.wait(lock, [this] { return buffer_.put != buffer_.taken || buffer_.producing == 0; });
            if (buffer_.put == buffer_.taken) { return std::nullopt; }
            taken = {buffer_.taken, ring_[buffer_.taken % ring_.size()]};
            ++buffer_.taken;
        }
        buffer_.not_full.notify_one();
        return taken;
    }

    void finish_producing() {
        {
            const std::lock_guard lock(buffer_.mutex);
            --buffer_.producing;
        }
        buffer_.not_empty.notify_all();
    }

private:
    std::span<std::byte> memory_;
    Buffer &buffer_;
    std::span<Item> ring_;
};

// How many of the items a producer makes.
std::size_t share_of(const Options &options, int producer) {
    const auto producers = static_cast<std::size_t>(options.producers);
    return options.items / producers + (static_cast<std::size_t>(producer) < options.items % producers ? 1 : 0);
}

void produce(Queue queue, const Options &options, int producer) {
    const std::size_t share = share_of(options, producer);
    for (std::size_t number = 0; number < share; ++number) {
        queue.put({static_cast<std::uint32_t>(producer), static_cast<std::uint32_t>(number)});
    }
    queue.finish_producing();
}

// What a consumer takes is noted in private memory, so that nothing but the buffer moves between the nodes.
void consume(Queue queue, std::vector<Queue::Taken> &log, apps::Progress *progress) {
    while (const auto taken = queue.take()) {
        log.push_back(*taken);
        if (progress != nullptr) { progress->show(taken->place + 1); }
    }
}

// Runs this rank's producers and consumers to their end: consumers are dealt out from the first rank on, producers from
// the last.
std::vector<Queue::Taken> work(Queue queue, const Options &options) {
    apps::Progress progress("items", options.items);
    std::vector<std::vector<Queue::Taken>> logs(static_cast<std::size_t>(options.consumers));
    std::vector<std::thread> threads;
    for (int consumer = dsm::rank(); consumer < options.consumers; consumer += dsm::size()) {
        apps::Progress *shown = consumer == 0 ? &progress : nullptr;
        std::vector<Queue::Taken> &log = logs[static_cast<std::size_t>(consumer)];
        threads.emplace_back([=, &log] { consume(queue, log, shown); });
    }
    for (int producer = dsm::size() - 1 - dsm::rank(); producer < options.producers; producer += dsm::size()) {
        threads.emplace_back([=, &options] { produce(queue, options, producer); });
    }
    for (std::thread &thread : threads) { thread.join(); }
    std::vector<Queue::Taken> taken;
    for (const auto &log : logs) { taken.insert(taken.end(), log.begin(), log.end()); }
    return taken;
}

// Every place is taken once, and along the places each producer counts from 0 to its share.
bool verify(const Options &options, std::span<const Item> log) {
    std::vector<std::size_t> next(static_cast<std::size_t>(options.producers));
    for (std::size_t place = 0; place < log.size(); ++place) {
        const Item item = log[place];
        const bool good = item.producer < next.size() && item.number == next[item.producer];
        if (!good) {
            apps::print_error("item " + std::to_string(place) + " is not the next of a producer");
            return false;
        }
        ++next[item.producer];
    }
    for (std::size_t producer = 0; producer < next.size(); ++producer) {
        if (next[producer] != share_of(options, static_cast<int>(producer))) { return false; }
    }
    return true;
}

bool run(Options options) {
    const int half = (dsm::size() + 1) / 2;
    if (options.producers == 0) { options.producers = half; }
    if (options.consumers == 0) { options.consumers = half; }
    Queue queue(options.capacity, options.attributes());
    const auto log = apps::alloc_shared<Item>(options.items, options.attributes());
    if (dsm::rank() == 0) {
        queue.expect_producers(options.producers);
        std::ranges::fill(log, Item{no_producer, 0});
    }
    dsm::barrier_all();
    const apps::Stopwatch clock; // timed: from the first item to the end of the last thread
    const std::vector<Queue::Taken> taken = work(queue, options);
    dsm::barrier_all();
    const double seconds = clock.seconds();
    for (const Queue::Taken &one : taken) { log[one.place] = one.item; }
    dsm::barrier_all();
    const bool complete = queue.has_passed(options.items);
    const bool verified = apps::decide_on_first_rank<bool>([&] { return complete && verify(options, log); });
    apps::Json report = apps::make_report("queue", options, {verified, {}}, {{seconds}, {}});
    report["items"] = options.items;
    report["capacity"] = options.capacity;
    report["producers"] = options.producers;
    report["consumers"] = options.consumers;
    const double items_per_second = seconds > 0 ? static_cast<double>(options.items) / seconds : 0;
    report["items_per_second"] = items_per_second;
    apps::publish_report(report, options,
                         std::to_string(options.items) + " items from " + std::to_string(options.producers) +
                             " producers to " + std::to_string(options.consumers) + " consumers, " +
                             std::to_string(static_cast<long>(items_per_second)) + " items/s");
    return verified;
}

} // namespace

int main(int argc, char **argv) {
    Options options;
    CLI::App app("Producers and consumers pass items through a bounded buffer in shared memory.", "queue");
    app.add_option("--capacity", options.capacity, "Items that the buffer holds")
        ->check(CLI::Range(std::size_t{1}, max_capacity))
        ->capture_default_str();
    app.add_option("--items", options.items, "Items in all")
        ->check(CLI::Range(std::size_t{1}, max_items))
        ->capture_default_str();
    app.add_option("--producers", options.producers,
                   "Threads that produce, dealt out from the last rank; 0: half the ranks")
        ->check(CLI::Range(0, max_threads))
        ->capture_default_str();
    app.add_option("--consumers", options.consumers, "Threads that consume, dealt out from rank 0; 0: half the ranks")
        ->check(CLI::Range(0, max_threads))
        ->capture_default_str();
    apps::add_common_options(app, options);
    return apps::run_program(app, argc, argv, [&] { return run(options); });
}
