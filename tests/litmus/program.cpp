// Litmus tests as text, and what an operation does to a value.
#include "tests/litmus/program.hpp"

namespace dsm::litmus {

bool holds(const Condition &condition, const Outcome &outcome) {
    for (const Term &term : condition.terms) {
        const unsigned value = term.is_memory ? outcome.memory[term.index] : outcome.registers[term.thread][term.index];
        if (value != term.value) { return false; }
    }
    return true;
}

std::uint8_t applied(const Operation &operation, std::uint8_t old) {
    switch (operation.kind) {
    case OperationKind::Store:
    case OperationKind::Exchange:
        return operation.value;
    case OperationKind::FetchAdd:
        return static_cast<std::uint8_t>(old + operation.value);
    case OperationKind::Load:
    case OperationKind::Lock:
    case OperationKind::Unlock:
    case OperationKind::Fence:
    case OperationKind::Barrier:
        return old;
    }
    return old;
}

namespace {
std::string register_text(unsigned thread, unsigned index, unsigned value) {
    return std::to_string(thread) + ":r" + std::to_string(index) + "=" + std::to_string(value);
}
void append(std::string &line, const std::string &word) { line += (line.empty() ? "" : " ") + word; }
} // namespace

std::string text(const LitmusTest &test, const Outcome &outcome) {
    std::string line;
    for (unsigned thread = 0; thread < test.threads.size(); ++thread) {
        for (unsigned index = 0; index < test.threads[thread].registers; ++index) {
            append(line, register_text(thread, index, outcome.registers[thread][index]));
        }
    }
    for (unsigned object = 0; object < test.objects.size(); ++object) {
        if (test.objects[object].kind == ObjectKind::Lock) { continue; }
        append(line, test.objects[object].name + "=" + std::to_string(outcome.memory[object]));
    }
    return line;
}

std::string text(const LitmusTest &test, const Condition &condition) {
    std::string line;
    for (const Term &term : condition.terms) {
        append(line, term.is_memory ? test.objects[term.index].name + "=" + std::to_string(term.value)
                                    : register_text(term.thread, term.index, term.value));
    }
    return line;
}

std::string text(const LitmusTest &test, const Operation &operation) {
    static constexpr const char *names[] = {"load", "store",  "exchange", "fetch_add",
                                            "lock", "unlock", "fence",    "barrier"};
    std::string line = names[static_cast<unsigned>(operation.kind)];
    if (operation.kind < OperationKind::Fence) { append(line, test.objects[operation.object].name); }
    if (writes(operation)) { append(line, std::to_string(operation.value)); }
    if (operation.target != no_register) { append(line, "-> r" + std::to_string(operation.target)); }
    return line;
}

const char *name_of(Memory memory) { return memory == Memory::Sequential ? "sequential" : "release"; }

const char *name_of(Verdict verdict) {
    switch (verdict) {
    case Verdict::Undefined:
        return "undefined";
    case Verdict::Forbidden:
        return "forbidden";
    case Verdict::Allowed:
        return "allowed";
    case Verdict::Sometimes:
        return "sometimes";
    }
    return "?";
}

} // namespace dsm::litmus
