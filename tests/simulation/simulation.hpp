// A job of sequential memory in simulated time: threads that read and write, nodes that pause, a network that delays
// and reorders as it likes. One seed decides everything, so a run can be had again.
#pragma once

#include "tests/simulation/protocol_world.hpp"
#include "tests/simulation/random.hpp"

#include <queue>

namespace dsm::protocol_test {

struct SimulationOptions {
    std::uint64_t seed = 1;
    unsigned nodes = 0;             ///< 0: 3 to 16, as the seed says
    unsigned pages = 0;             ///< 0: 1 to 3
    unsigned read_fan_out = 0;      ///< of the tree that reads climb; 0: 1 to 3
    bool pins_in_any_order = false; ///< a planted bug of the program's side: pages are pinned as they come
    protocol::Mutation mutation = protocol::Mutation::None;
};

struct SimulationResult {
    std::string failure; ///< empty: everything held and everything ended
    std::uint64_t steps = 0;
    std::uint64_t accesses = 0;
    std::uint64_t frees = 0;
    std::array<std::uint64_t, 9> messages_sent{};
    std::uint64_t frames_sent = 0;
    std::uint64_t evictions = 0;
    std::uint64_t abandoned_waits = 0;
    std::uint64_t pins = 0;
    World::TreeCounts tree;
};

class Simulation {
public:
    Simulation(const SimulationOptions &options, protocol::SetPool &pool, std::vector<std::string> *trace);
    SimulationResult run();

private:
    enum class EventKind : std::uint8_t { RunThread, Deliver, Timer, Free, Unpin };
    struct Event {
        TimeUs at_us;
        std::uint64_t number; ///< among equals the older goes first: this fixes the order
        EventKind kind;
        unsigned node;
        unsigned subject;        ///< thread or page
        std::uint64_t packet_id; ///< Deliver
        bool operator>(const Event &other) const {
            return at_us != other.at_us ? at_us > other.at_us : number > other.number;
        }
    };
    /// A thread of the simulated program.
    struct Thread {
        unsigned node;
        unsigned accesses_left;
        bool waits;   ///< has faulted and sleeps until a wake
        bool is_busy; ///< has chosen what to access
        unsigned page;
        unsigned word;
        Access wanted;
        bool is_pinning;               ///< what it wants is to hold pages
        std::vector<unsigned> to_pin;  ///< pages still to be pinned, the last one first
        std::vector<unsigned> is_held; ///< pages that it has pinned
    };

    static WorldOptions world_options(const SimulationOptions &options, Random &random);
    void add_event(TimeUs at_us, EventKind kind, unsigned node, unsigned subject, std::uint64_t packet_id = 0);
    void handle(const Event &event);
    void run_thread(unsigned index);
    void access_page(unsigned index);
    void choose(Thread &thread);
    void pin_pages(unsigned index);
    void unpin_pages(unsigned index);
    void keep_cache_small(unsigned node);
    void deliver(std::uint64_t packet_id);
    void free_page(unsigned page);
    /// Turns what the last step asked for into events.
    void collect();
    TimeUs network_delay_us();

    bool pins_in_any_order_;
    Random random_;
    WorldOptions world_options_;
    World world_;
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
    std::vector<Thread> threads_;
    std::vector<TimeUs> paused_until_us_;
    unsigned cache_frames_;
    unsigned delay_us_max_;
    unsigned writes_one_in_;
    TimeUs now_us_ = 0;
    std::uint64_t next_number_ = 0;
    std::uint64_t next_tag_ = 1;
    std::uint64_t first_packet_to_schedule_ = 0;
    SimulationResult result_;
};

} // namespace dsm::protocol_test
