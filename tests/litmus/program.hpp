// A litmus test: a few threads with a few operations each, and what may come of it. docs/litmus.md has the file format.
//
// The same LitmusTest runs on one memory (reference.hpp), in every order of delivery (exhaustive.hpp), under random
// delays (random_runs.hpp) and under mpirun (mpi_litmus.cpp). All sizes are small and bounded, so that states are plain
// bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace dsm::litmus {

constexpr unsigned threads_max = 4;
constexpr unsigned nodes_max = 4;
constexpr unsigned operations_max = 16; ///< of a thread
constexpr unsigned objects_max = 7;
constexpr unsigned variables_max = 4; ///< a page of the model has so many bytes
constexpr unsigned locks_max = 3;
constexpr unsigned registers_max = 4; ///< of a thread
constexpr unsigned no_register = 0xff;

enum class ObjectKind : std::uint8_t {
    Variable, ///< a value in a coherent page, accessed as std::atomic with memory_order_seq_cst
    Atomic,   ///< dsm::atomic: the value is kept at its home
    Lock,     ///< dsm::mutex
};

struct Object {
    std::string name;
    ObjectKind kind;
    std::uint8_t initial; ///< fits a byte, so that a variable may stand between others
};

enum class OperationKind : std::uint8_t { Load, Store, Exchange, FetchAdd, Lock, Unlock, Fence, Barrier };

struct Operation {
    OperationKind kind;
    std::uint8_t object;
    std::uint8_t value;  ///< Store, Exchange, FetchAdd: the operand
    std::uint8_t target; ///< Load, Exchange, FetchAdd: the register that gets the value before
    bool is_guarded;     ///< done only if the guard register has the guard value; else passed over
    std::uint8_t guard_register;
    std::uint8_t guard_value;
};

struct Thread {
    unsigned node = 0;
    std::vector<Operation> operations;
    unsigned registers = 0; ///< r0 up to the highest one named
};

/// How the variables are kept coherent.
enum class Memory : std::uint8_t { Sequential, Release };
constexpr Memory all_memories[] = {Memory::Sequential, Memory::Release};
[[nodiscard]] const char *name_of(Memory memory);

enum class Verdict : std::uint8_t {
    Undefined, ///< a data race: nothing is promised
    Forbidden, ///< never seen
    Allowed,   ///< may be seen
    Sometimes, ///< is seen in some order of delivery, or the model is emptier than it looks
};

/// "1:r0=1" or "x=1".
struct Term {
    bool is_memory;
    std::uint8_t thread;
    std::uint8_t index; ///< the register or the object
    std::uint8_t value;
};

struct Condition {
    std::vector<Term> terms; ///< all of them hold
    Verdict sequential = Verdict::Undefined;
    Verdict release = Verdict::Undefined;
    unsigned line = 0;
    [[nodiscard]] Verdict verdict(Memory memory) const { return memory == Memory::Sequential ? sequential : release; }
};

struct LitmusTest {
    std::string name;
    std::vector<Object> objects;
    std::vector<Thread> threads;
    std::vector<Condition> conditions;

    [[nodiscard]] unsigned node_count() const {
        unsigned count = 0;
        for (const Thread &thread : threads) { count = thread.node + 1 > count ? thread.node + 1 : count; }
        return count;
    }
};

/// How a run has ended: every thread's registers, then every object's value (0 for locks). Registers start as 0.
struct Outcome {
    std::array<std::array<std::uint8_t, registers_max>, threads_max> registers{};
    std::array<std::uint8_t, objects_max> memory{};
    friend auto operator<=>(const Outcome &, const Outcome &) = default;
};

[[nodiscard]] bool holds(const Condition &condition, const Outcome &outcome);
/// "0:r0=1 1:r0=0 x=1": the registers and values that the test has.
[[nodiscard]] std::string text(const LitmusTest &test, const Outcome &outcome);
[[nodiscard]] std::string text(const LitmusTest &test, const Condition &condition);
[[nodiscard]] std::string text(const LitmusTest &test, const Operation &operation);
[[nodiscard]] const char *name_of(Verdict verdict);
/// Whether the operation is done, with these registers of its thread.
[[nodiscard]] inline bool is_done(const Operation &operation,
                                  const std::array<std::uint8_t, registers_max> &registers) {
    return !operation.is_guarded || registers[operation.guard_register] == operation.guard_value;
}
/// The value after the operation on `old`. Arithmetic wraps in a byte.
[[nodiscard]] std::uint8_t applied(const Operation &operation, std::uint8_t old);
[[nodiscard]] inline bool writes(const Operation &operation) {
    return operation.kind == OperationKind::Store || operation.kind == OperationKind::Exchange ||
           operation.kind == OperationKind::FetchAdd;
}

} // namespace dsm::litmus
