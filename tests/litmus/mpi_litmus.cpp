// mpi_litmus: the litmus files between real nodes. mpirun -n 4 with DSM_RANKS_PER_NODE=1: a test's node is a rank.
//
//   mpi_litmus [--memory sequential|release] [--files PATH] [--test NAME] [--iterations N] [--batch B] [--seed S]
//
// Each test runs N times, dealt out over its placements, in batches of B instances side by side: somebody resets every
// object, some ranks read it, and then every thread runs its operations on one instance after the other, with delays as
// the seed says. Rank 0 compares what came of it with the interleavings on one memory.
#include "tests/litmus/files.hpp"
#include "tests/litmus/placement.hpp"
#include "tests/litmus/report.hpp"
#include "tests/mpi/support/job.hpp"
#include "tests/mpi/support/random.hpp"

#include <dsm/dsm.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <sched.h>
#include <thread>

namespace {

using namespace dsm::litmus;
using dsm_test::Random;

constexpr std::size_t page_bytes = 4096;
constexpr std::size_t line_bytes = 64;
constexpr std::size_t pages_per_instance = 12; ///< a multiple of the nodes, so that homes are the same in each instance
static_assert(pages_per_instance > objects_max + 1 && pages_per_instance % nodes_max == 0);

/// The registers of one thread in each instance of a batch; each thread's in pages of its own.
struct alignas(page_bytes) Registers {
    static constexpr std::size_t instances_max = page_bytes / registers_max;
    std::array<std::array<std::uint8_t, registers_max>, instances_max> values;
};

/// One test at one placement.
class Run {
public:
    Run(const LitmusTest &test, Placement placement, std::byte *arena, Registers *registers, std::uint64_t seed)
        : test_(test), placement_(placement), arena_(arena), registers_(registers), seed_(seed),
          has_barrier_(
              std::any_of(test.threads[0].operations.begin(), test.threads[0].operations.end(),
                          [](const Operation &operation) { return operation.kind == OperationKind::Barrier; })) {}

    /// Rank 0 makes barriers for the test's threads, one for each instance, or takes them away.
    void make_barriers(unsigned instances) const {
        for (unsigned instance = 0; instance < instances && has_barrier_ && dsm_rank() == 0; ++instance) {
            const auto count = static_cast<unsigned>(test_.threads.size());
            DSM_REQUIRE_EQUAL(dsm_barrier_init(&barrier(instance), nullptr, count), 0);
        }
    }
    void destroy_barriers(unsigned instances) const {
        for (unsigned instance = 0; instance < instances && has_barrier_ && dsm_rank() == 0; ++instance) {
            DSM_REQUIRE_EQUAL(dsm_barrier_destroy(&barrier(instance)), 0);
        }
    }

    void batch(unsigned number, unsigned instances, Seen &seen) {
        Random chance(seed_ + 1'000'003 * number);
        dsm_barrier_all();
        for (unsigned instance = 0; instance < instances; ++instance) { reset(instance, chance); }
        dsm_barrier_all();
        Random own(seed_ + 1'000'003 * number + 17 * static_cast<unsigned>(dsm_rank() + 1));
        for (unsigned instance = 0; instance < instances; ++instance) { read_some(instance, own); }
        dsm_barrier_all();
        run_threads(instances, own);
        dsm_barrier_all();
        for (unsigned i = 0; i < instances && dsm_rank() == 0; ++i) { ++seen[outcome_of(i)]; }
    }

private:
    [[nodiscard]] std::byte *place(unsigned instance, unsigned object) const {
        std::byte *const first = arena_ + instance * pages_per_instance * page_bytes;
        // Locks and atomics are 8 bytes and more, and their state is elsewhere: beside the bytes, in the same page.
        const bool is_byte = test_.objects[object].kind == ObjectKind::Variable;
        switch (placement_) {
        case Placement::Bytes:
            return is_byte ? first + object : first + line_bytes * (1 + object);
        case Placement::Page:
            return first + line_bytes * object;
        case Placement::Pages:
            return first + page_bytes * object;
        case Placement::Shifted:
            return first + page_bytes * (object + 1);
        }
        return first;
    }
    [[nodiscard]] std::atomic_ref<std::uint8_t> variable(unsigned instance, unsigned object) const {
        return std::atomic_ref(*reinterpret_cast<std::uint8_t *>(place(instance, object)));
    }
    [[nodiscard]] dsm::atomic<std::uint8_t> &atomic(unsigned instance, unsigned object) const {
        return *reinterpret_cast<dsm::atomic<std::uint8_t> *>(place(instance, object));
    }
    [[nodiscard]] dsm::mutex &lock(unsigned instance, unsigned object) const {
        return *reinterpret_cast<dsm::mutex *>(place(instance, object));
    }

    /// Behind all objects, in a page of its own.
    [[nodiscard]] dsm_barrier_t &barrier(unsigned instance) const {
        return *reinterpret_cast<dsm_barrier_t *>(arena_ + ((instance + 1) * pages_per_instance - 1) * page_bytes);
    }

    /// All ranks draw the same numbers: one of them writes.
    void reset(unsigned instance, Random &chance) const {
        for (unsigned object = 0; object < test_.objects.size(); ++object) {
            if (static_cast<int>(chance.below(nodes_max)) != dsm_rank()) { continue; }
            const std::uint8_t initial = test_.objects[object].initial;
            if (test_.objects[object].kind == ObjectKind::Variable) { variable(instance, object).store(initial); }
            if (test_.objects[object].kind == ObjectKind::Atomic) { atomic(instance, object).store(initial); }
        }
    }
    void read_some(unsigned instance, Random &own) const {
        for (unsigned object = 0; object < test_.objects.size(); ++object) {
            if (test_.objects[object].kind == ObjectKind::Variable && own.below(2) == 0) {
                (void)variable(instance, object).load();
            }
        }
    }

    void run_threads(unsigned instances, Random &own) const {
        std::vector<std::thread> others;
        int mine = -1;
        for (unsigned thread = 0; thread < test_.threads.size(); ++thread) {
            if (static_cast<int>(test_.threads[thread].node) != dsm_rank()) { continue; }
            if (mine < 0) {
                mine = static_cast<int>(thread);
                continue;
            }
            others.emplace_back([this, thread, instances, seed = own.next()] {
                Random chance(seed);
                run_thread(thread, instances, chance);
            });
        }
        if (mine >= 0) { run_thread(static_cast<unsigned>(mine), instances, own); }
        for (std::thread &other : others) { other.join(); }
    }

    void run_thread(unsigned thread, unsigned instances, Random &chance) const {
        std::array<std::array<std::uint8_t, registers_max>, Registers::instances_max> values{};
        for (unsigned instance = 0; instance < instances; ++instance) {
            dawdle(chance, 4);
            for (const Operation &operation : test_.threads[thread].operations) {
                if (!is_done(operation, values[instance])) { continue; }
                run_operation(instance, operation, values[instance]);
                dawdle(chance, 8);
            }
        }
        std::copy_n(values.begin(), instances, registers_[thread].values.begin());
    }

    /// Now and then a pause: some turns of a loop, or the processor for somebody else.
    static void dawdle(Random &chance, unsigned one_in) {
        if (chance.below(one_in) != 0) { return; }
        const std::uint64_t turns = std::uint64_t{1} << chance.below(16);
        for (std::atomic<std::uint64_t> turn{0}; turn.load(std::memory_order_relaxed) < turns;) {
            turn.store(turn.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        }
        if (chance.below(4) == 0) { ::sched_yield(); }
    }

    void run_operation(unsigned instance, const Operation &operation,
                       std::array<std::uint8_t, registers_max> &values) const {
        const bool is_plain = test_.objects[operation.object].kind == ObjectKind::Variable;
        const auto on_value = [&](auto &&object) -> std::uint8_t {
            switch (operation.kind) {
            case OperationKind::Load:
                return object.load();
            case OperationKind::Store:
                object.store(operation.value);
                return 0;
            case OperationKind::Exchange:
                return object.exchange(operation.value);
            case OperationKind::FetchAdd:
                return object.fetch_add(operation.value);
            case OperationKind::Lock:
            case OperationKind::Unlock:
            case OperationKind::Fence:
            case OperationKind::Barrier:
                break;
            }
            return 0;
        };
        switch (operation.kind) {
        case OperationKind::Lock:
            return lock(instance, operation.object).lock();
        case OperationKind::Unlock:
            return lock(instance, operation.object).unlock();
        case OperationKind::Fence:
            return std::atomic_thread_fence(std::memory_order_seq_cst);
        case OperationKind::Barrier:
            DSM_REQUIRE(dsm_barrier_wait(&barrier(instance)) <= 0);
            return;
        case OperationKind::Load:
        case OperationKind::Store:
        case OperationKind::Exchange:
        case OperationKind::FetchAdd:
            break;
        }
        const std::uint8_t before =
            is_plain ? on_value(variable(instance, operation.object)) : on_value(atomic(instance, operation.object));
        if (operation.target != no_register) { values[operation.target] = before; }
    }

    [[nodiscard]] Outcome outcome_of(unsigned instance) const {
        Outcome outcome;
        for (unsigned thread = 0; thread < test_.threads.size(); ++thread) {
            outcome.registers[thread] = registers_[thread].values[instance];
        }
        for (unsigned object = 0; object < test_.objects.size(); ++object) {
            if (test_.objects[object].kind == ObjectKind::Variable) {
                outcome.memory[object] = variable(instance, object).load();
            }
            if (test_.objects[object].kind == ObjectKind::Atomic) {
                outcome.memory[object] = atomic(instance, object).load();
            }
        }
        return outcome;
    }

    const LitmusTest &test_;
    Placement placement_;
    std::byte *arena_;
    Registers *registers_;
    std::uint64_t seed_;
    bool has_barrier_;
};

std::string text_option(int argc, char **argv, std::string_view name, const char *otherwise) {
    for (int at = 1; at + 1 < argc; ++at) {
        if (name == argv[at]) { return argv[at + 1]; }
    }
    return otherwise;
}

} // namespace

int main(int argc, char **argv) {
    dsm_test::the_seed = dsm_test::option(argc, argv, "--seed", 1);
    const auto iterations = static_cast<unsigned>(dsm_test::option(argc, argv, "--iterations", 1000));
    const auto batch = static_cast<unsigned>(
        std::clamp<std::uint64_t>(dsm_test::option(argc, argv, "--batch", 16), 1, Registers::instances_max));
    const std::string only = text_option(argc, argv, "--test", "");
    bool is_refused = false;
    const std::vector<LitmusTest> tests = load(text_option(argc, argv, "--files", DSM_LITMUS_FILES), is_refused);
    if (is_refused) { return EXIT_FAILURE; }
    dsm_test::start(dsm_init());
    DSM_REQUIRE_EQUAL(dsm_size(), nodes_max);
    DSM_REQUIRE_EQUAL(dsm_node_count(), nodes_max);
    const bool is_release = text_option(argc, argv, "--memory", "sequential") == name_of(Memory::Release);
    dsm_alloc_attr_t attr = DSM_ALLOC_ATTR_INITIALIZER;
    attr.memory = is_release ? DSM_RELEASE : DSM_SEQUENTIAL;
    auto *const arena = static_cast<std::byte *>(dsm_alloc(batch * pages_per_instance * page_bytes, &attr));
    DSM_REQUIRE(arena != nullptr);
    auto *const registers = dsm_test::shared<Registers>(threads_max);
    Report report(false, is_release ? Memory::Release : Memory::Sequential);
    if (dsm_rank() == 0) { report.head("runs"); }
    for (const LitmusTest &test : tests) {
        if (!only.empty() && only != test.name) { continue; }
        const Reference reference = is_release ? enumerate_release(test) : enumerate(test);
        const std::vector<Placement> placements = distinct(test, all_placements);
        const auto share = static_cast<unsigned>((iterations + placements.size() - 1) / placements.size());
        for (const Placement placement : placements) {
            const std::uint64_t seed = dsm_test::the_seed * 64 + static_cast<unsigned>(placement);
            Run run(test, placement, arena, registers, seed);
            Seen seen;
            run.make_barriers(batch);
            for (unsigned done = 0, number = 0; done < share; done += batch, ++number) {
                run.batch(number, std::min(batch, share - done), seen);
            }
            run.destroy_barriers(batch);
            if (dsm_rank() == 0) {
                report.add(test, name_of(placement), std::to_string(share), reference, seen, Expected::Nothing);
            }
        }
    }
    dsm_barrier_all();
    const bool has_passed = dsm_rank() != 0 || report.finish();
    const int code = dsm_test::finish("mpi_litmus");
    return has_passed ? code : EXIT_FAILURE;
}
