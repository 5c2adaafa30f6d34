// A job of sequential memory in simulated time: threads that read and write, nodes that pause or handle messages
// slowly, a network that delays and reorders as it likes. One seed decides everything, so a run can be had again.
//
// A seed has one of three endings. The job runs to its end under disturbance; or the disturbance stops, and from then
// on every waiter must have its access within a bounded number of messages; or a node dies, and every wait that does
// not end must lead to it (simulation_endings.cpp).
#pragma once

#include "tests/simulation/inboxes.hpp"
#include "tests/simulation/protocol_world.hpp"
#include "tests/simulation/random.hpp"

#include <queue>

namespace dsm::protocol_test {

/// In larger jobs handlers take no time, and all end under disturbance: following every waiter would take too long.
constexpr unsigned nodes_max_in_detail = 64;

enum class Ending : std::uint8_t { BySeed, Disturbed, Calm, Death };

struct SimulationOptions {
    std::uint64_t seed = 1;
    unsigned nodes = 0;             ///< 0: 3 to 16, as the seed says
    unsigned pages = 0;             ///< 0: 1 to 3
    unsigned read_fan_out = 0;      ///< of the tree that reads climb; 0: 1 to 3
    bool pins_in_any_order = false; ///< a planted bug of the program's side: pages are pinned as they come
    protocol::Mutation mutation = protocol::Mutation::None;
    Plant plant = Plant::None;
    Ending ending = Ending::BySeed;
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
    World::Peaks peaks;
    std::uint64_t waits_for_room = 0; ///< messages that found a full inbox
    std::uint64_t requests_held = 0;  ///< requests that were not begun, since others waited for room
    unsigned longest_queue = 0;
    std::uint64_t calms = 0;               ///< seeds in which the disturbance stopped while somebody waited
    std::uint64_t waits_in_calm = 0;       ///< that ended with access
    std::uint64_t messages_waited_max = 0; ///< in calm
    double share_of_bound_max = 0;         ///< the same, of the seed's bound
    std::uint64_t deaths = 0;              ///< seeds in which a node died before the end
    std::uint64_t deaths_with_stuck_waits = 0;
    std::uint64_t stuck_waits = 0; ///< of survivors, each led to the dead node
};

class Simulation {
public:
    Simulation(const SimulationOptions &options, protocol::SetPool &pool, std::vector<std::string> *trace);
    SimulationResult run();

private:
    enum class EventKind : std::uint8_t { RunThread, Arrive, Handle, Timer, Free, Unpin, Calm, Death };
    struct Event {
        TimeUs at_us;
        std::uint64_t number; ///< among equals the older goes first: this fixes the order
        EventKind kind;
        unsigned node;
        unsigned subject;        ///< thread or page
        std::uint64_t packet_id; ///< Arrive
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
        std::uint64_t messages_waited; ///< in calm, about what it waits for
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
    void arrive(const Event &event);
    void handle_next(unsigned node);
    void deliver(std::uint64_t packet_id);
    void free_page(unsigned page);
    void wake_thread(unsigned index);
    void end_wait(Thread &thread);
    void end_run();
    bool pauses(const Event &event);
    // Endings.
    void choose_ending(Ending wanted);
    void begin_calm();
    [[nodiscard]] std::uint64_t bound_in_calm() const;
    void count_message(unsigned page);
    [[nodiscard]] std::vector<bool> pages_waited_for(unsigned page) const;
    void kill(unsigned node);
    void note_places(std::size_t first);
    void judge_stuck_waits();
    [[nodiscard]] std::string name_of(const Thread &thread) const;
    /// Turns what the last step asked for into events.
    void collect();
    TimeUs network_delay_us();

    bool pins_in_any_order_;
    Random random_;
    WorldOptions world_options_;
    World world_;
    std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
    std::vector<Thread> threads_; ///< those of node 0, those of node 1, and so on
    unsigned threads_per_node_ = 0;
    std::vector<std::uint32_t> places_; ///< in the network, of each packet that was ever sent
    std::vector<TimeUs> paused_until_us_;
    unsigned cache_frames_;
    unsigned delay_us_max_;
    unsigned writes_one_in_;
    bool has_slow_handlers_;
    unsigned handler_us_max_;
    Inboxes inboxes_;
    bool is_calm_ = false;
    bool has_died_ = false;
    std::uint64_t next_urgent_number_ = 0; ///< of events that go before all others of their time
    TimeUs now_us_ = 0;
    std::uint64_t next_number_ = 1ULL << 40;
    std::uint64_t next_tag_ = 1;
    std::uint64_t first_packet_to_schedule_ = 0;
    SimulationResult result_;
};

} // namespace dsm::protocol_test
