// One pass over the lines; the first error ends it.
#include "tests/litmus/parser.hpp"

#include <algorithm>
#include <charconv>

namespace dsm::litmus {

namespace {

using Words = std::vector<std::string_view>;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

Words split(std::string_view line) {
    Words words;
    line = line.substr(0, line.find('#'));
    for (std::size_t at = 0; at < line.size();) {
        if (is_blank(line[at])) {
            ++at;
            continue;
        }
        std::size_t end = at;
        while (end < line.size() && !is_blank(line[end])) { ++end; }
        words.push_back(line.substr(at, end - at));
        at = end;
    }
    return words;
}

bool is_name(std::string_view word) {
    const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    const auto may_follow = [&](char c) {
        return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == '+' || c == '-' || c == '.';
    };
    return !word.empty() && word.size() <= name_bytes_max &&
           (is_letter(word[0]) || (word[0] >= '0' && word[0] <= '9')) &&
           std::all_of(word.begin(), word.end(), may_follow);
}

/// A plain decimal number up to `most`; nothing for anything else.
std::optional<std::uint8_t> number_up_to(std::string_view word, unsigned most) {
    unsigned value = 0;
    const auto [end, code] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (code != std::errc{} || end != word.data() + word.size() || value > most) { return std::nullopt; }
    return static_cast<std::uint8_t>(value);
}

std::optional<std::uint8_t> register_of(std::string_view word) {
    if (word.size() < 2 || word[0] != 'r') { return std::nullopt; }
    return number_up_to(word.substr(1), registers_max - 1);
}

/// The parts before and after the first `separator`.
struct Halves {
    std::string_view left, right;
    bool found;
};
Halves cut(std::string_view word, char separator) {
    const std::size_t at = word.find(separator);
    if (at == std::string_view::npos) { return {word, {}, false}; }
    return {word.substr(0, at), word.substr(at + 1), true};
}

std::string quoted(std::string_view word) {
    std::string text(1, '\'');
    text.append(word.substr(0, name_bytes_max));
    text.push_back('\'');
    return text;
}

class Parser {
public:
    ParseResult run(std::string_view text) {
        if (text.size() > file_bytes_max) { return refused(1, "longer than 64 KiB"); }
        while (!text.empty() && error_.empty()) {
            ++line_;
            const std::size_t end = std::min(text.find('\n'), text.size());
            on_line(split(text.substr(0, end)));
            text.remove_prefix(std::min(end + 1, text.size()));
        }
        if (error_.empty()) { at_end(); }
        if (!error_.empty()) { return refused(line_, error_); }
        return {std::move(test_), {}};
    }

private:
    static ParseResult refused(unsigned line, const std::string &reason) { return {std::nullopt, {line, reason}}; }
    void refuse(const std::string &reason) {
        if (error_.empty()) { error_ = reason; }
    }

    void on_line(const Words &words);
    void on_declarations(const Words &words, ObjectKind kind);
    void on_thread(const Words &words);
    void on_operation(Words words);
    void take_guard(Words &words, Operation &operation);
    void take_object(std::string_view name, Operation &operation);
    void check_lock(const Operation &operation);
    void on_outcome(const Words &words);
    void on_verdict(const Words &words);
    void at_end();
    void end_thread();

    [[nodiscard]] std::optional<std::uint8_t> object_named(std::string_view name) const {
        for (unsigned i = 0; i < test_.objects.size(); ++i) {
            if (test_.objects[i].name == name) { return static_cast<std::uint8_t>(i); }
        }
        return std::nullopt;
    }

    [[nodiscard]] unsigned count_of(ObjectKind kind) const {
        unsigned count = 0;
        for (const Object &object : test_.objects) { count += object.kind == kind ? 1 : 0; }
        return count;
    }

    LitmusTest test_;
    unsigned line_ = 0;
    std::string error_;
    std::vector<std::uint8_t> held_; ///< locks that the thread at this place holds
};

void Parser::on_line(const Words &words) {
    if (words.empty()) { return; }
    const std::string_view first = words[0];
    if (first == "test") {
        if (!test_.name.empty()) { return refuse("a second name"); }
        if (words.size() != 2 || !is_name(words[1])) { return refuse("expected: test NAME"); }
        test_.name = words[1];
        return;
    }
    if (test_.name.empty()) { return refuse("a file begins with: test NAME"); }
    if (first == "variables") { return on_declarations(words, ObjectKind::Variable); }
    if (first == "atomics") { return on_declarations(words, ObjectKind::Atomic); }
    if (first == "locks") { return on_declarations(words, ObjectKind::Lock); }
    if (first == "thread") { return on_thread(words); }
    if (first == "outcome") { return on_outcome(words); }
    if (first == "sequential:" || first == "release:") { return on_verdict(words); }
    on_operation(words);
}

void Parser::on_declarations(const Words &words, ObjectKind kind) {
    if (!test_.threads.empty()) { return refuse("objects are declared before the threads"); }
    for (std::size_t i = 1; i < words.size(); ++i) {
        const Halves halves = cut(words[i], '=');
        const auto initial = halves.found ? number_up_to(halves.right, 255) : std::uint8_t{0};
        if (!is_name(halves.left)) { return refuse(quoted(words[i]) + " is no name"); }
        if (!initial || (halves.found && kind == ObjectKind::Lock)) {
            return refuse(quoted(words[i]) + ": an initial value is 0 to 255, and a lock has none");
        }
        if (object_named(halves.left)) { return refuse(quoted(halves.left) + " is declared twice"); }
        if (test_.objects.size() == objects_max) { return refuse("more than 7 objects"); }
        test_.objects.push_back({std::string(halves.left), kind, *initial});
        if (count_of(ObjectKind::Variable) > variables_max) { return refuse("more than 4 variables"); }
        if (count_of(ObjectKind::Lock) > locks_max) { return refuse("more than 3 locks"); }
    }
}

void Parser::on_thread(const Words &words) {
    if (!test_.conditions.empty()) { return refuse("threads stand before the outcomes"); }
    end_thread();
    const auto number = words.size() == 4 ? number_up_to(words[1], threads_max - 1) : std::nullopt;
    const auto node = words.size() == 4 ? number_up_to(words[3], nodes_max - 1) : std::nullopt;
    if (!number || !node || words[2] != "on") { return refuse("expected: thread NUMBER on NODE, each from 0 to 3"); }
    if (*number != test_.threads.size()) { return refuse("threads are numbered 0, 1, 2, 3"); }
    test_.threads.push_back({*node, {}, 0});
}

void Parser::end_thread() {
    if (!held_.empty()) { refuse("the thread before ends while it holds a lock"); }
    held_.clear();
}

std::ptrdiff_t barriers(const Thread &thread) {
    return std::count_if(thread.operations.begin(), thread.operations.end(),
                         [](const Operation &operation) { return operation.kind == OperationKind::Barrier; });
}

/// One kind of operation: its words are the name, then an object, a value and "-> REGISTER" as far as it has them.
struct Form {
    std::string_view name;
    OperationKind kind;
    bool has_object, has_value, has_target;
    [[nodiscard]] std::size_t words() const {
        return 1U + (has_object ? 1U : 0U) + (has_value ? 1U : 0U) + (has_target ? 2U : 0U);
    }
};
constexpr Form forms[] = {
    {"load", OperationKind::Load, true, false, true},        {"store", OperationKind::Store, true, true, false},
    {"exchange", OperationKind::Exchange, true, true, true}, {"fetch_add", OperationKind::FetchAdd, true, true, true},
    {"lock", OperationKind::Lock, true, false, false},       {"unlock", OperationKind::Unlock, true, false, false},
    {"fence", OperationKind::Fence, false, false, false},    {"barrier", OperationKind::Barrier, false, false, false}};

/// load X -> R | store X V | exchange X V -> R | fetch_add X V -> R | lock M | unlock M | fence | barrier, each with
/// "if R=V".
void Parser::on_operation(Words words) {
    if (test_.threads.empty() || !test_.conditions.empty()) { return refuse(quoted(words[0]) + " is not known here"); }
    Operation operation{OperationKind::Fence, 0, 0, no_register, false, 0, 0};
    Thread &thread = test_.threads.back();
    take_guard(words, operation);
    const auto *const form =
        std::find_if(std::begin(forms), std::end(forms), [&](const Form &one) { return one.name == words[0]; });
    if (form == std::end(forms)) { return refuse(quoted(words[0]) + " is no operation"); }
    operation.kind = form->kind;
    if (words.size() != form->words()) { return refuse(quoted(words[0]) + " has too few or too many words"); }
    if (form->has_object) { take_object(words[1], operation); }
    if (form->has_value) {
        const auto value = number_up_to(words[2], 255);
        if (!value) { return refuse(quoted(words[2]) + " is no value from 0 to 255"); }
        operation.value = *value;
    }
    if (form->has_target) {
        const auto target = register_of(words.back());
        if (!target || words[words.size() - 2] != "->") { return refuse("expected: -> REGISTER, r0 to r3"); }
        operation.target = *target;
        thread.registers = std::max(thread.registers, *target + 1U);
    }
    check_lock(operation);
    if (form->kind == OperationKind::Barrier && operation.is_guarded) { return refuse("a barrier has no condition"); }
    if (thread.operations.size() == operations_max) { return refuse("more than 16 operations in a thread"); }
    thread.operations.push_back(operation);
}

/// Takes "if R=V" off the end, if it is there.
void Parser::take_guard(Words &words, Operation &operation) {
    if (words.size() < 3 || words[words.size() - 2] != "if") { return; }
    const Halves guard = cut(words.back(), '=');
    const auto index = register_of(guard.left);
    const auto value = number_up_to(guard.right, 255);
    if (!index || !value || *index >= test_.threads.back().registers) {
        return refuse("expected: if REGISTER=VALUE, loaded before");
    }
    operation.is_guarded = true;
    operation.guard_register = *index;
    operation.guard_value = *value;
    words.resize(words.size() - 2);
}

void Parser::take_object(std::string_view name, Operation &operation) {
    const auto object = object_named(name);
    if (!object) { return refuse(quoted(name) + " is not declared"); }
    operation.object = *object;
    const bool is_lock = test_.objects[*object].kind == ObjectKind::Lock;
    const bool wants_lock = operation.kind == OperationKind::Lock || operation.kind == OperationKind::Unlock;
    if (is_lock != wants_lock) { refuse(quoted(name) + (is_lock ? " is a lock" : " is no lock")); }
}

void Parser::check_lock(const Operation &operation) {
    const bool takes = operation.kind == OperationKind::Lock;
    if (!takes && operation.kind != OperationKind::Unlock) { return; }
    if (operation.is_guarded) { return refuse("lock and unlock have no condition"); }
    const auto found = std::find(held_.begin(), held_.end(), operation.object);
    if (takes == (found != held_.end())) {
        return refuse(takes ? "a lock is taken that is held" : "a lock is released that is not held");
    }
    if (takes) {
        held_.push_back(operation.object);
    } else {
        held_.erase(found);
    }
}

void Parser::on_outcome(const Words &words) {
    end_thread();
    if (test_.threads.empty()) { return refuse("outcomes stand after the threads"); }
    if (words.size() < 2) { return refuse("expected: outcome THREAD:REGISTER=VALUE or VARIABLE=VALUE ..."); }
    if (words.size() > 32 || test_.conditions.size() == 32) { return refuse("too many outcomes or parts of one"); }
    Condition condition;
    condition.line = line_;
    for (std::size_t i = 1; i < words.size(); ++i) {
        const Halves halves = cut(words[i], '=');
        const auto value = number_up_to(halves.right, 255);
        if (!halves.found || !value) { return refuse(quoted(words[i]) + " is no part of an outcome"); }
        Term term{true, 0, 0, *value};
        if (const Halves place = cut(halves.left, ':'); place.found) {
            const auto thread = number_up_to(place.left, threads_max - 1);
            const auto index = register_of(place.right);
            if (!thread || !index || *thread >= test_.threads.size() || *index >= test_.threads[*thread].registers) {
                return refuse(quoted(halves.left) + " is no register of a thread");
            }
            term = {false, *thread, *index, *value};
        } else {
            const auto object = object_named(halves.left);
            if (!object || test_.objects[*object].kind == ObjectKind::Lock) {
                return refuse(quoted(halves.left) + " has no value");
            }
            term.index = *object;
        }
        condition.terms.push_back(term);
    }
    test_.conditions.push_back(condition);
}

void Parser::on_verdict(const Words &words) {
    if (test_.conditions.empty()) { return refuse("a verdict stands after its outcome"); }
    const bool is_sequential = words[0] == "sequential:";
    Verdict &verdict = is_sequential ? test_.conditions.back().sequential : test_.conditions.back().release;
    if (verdict != Verdict::Undefined) { return refuse("a second verdict"); }
    const std::string_view word = words.size() == 2 ? words[1] : std::string_view();
    if (word == "forbidden") {
        verdict = Verdict::Forbidden;
    } else if (word == "allowed") {
        verdict = Verdict::Allowed;
    } else if (word == "sometimes") {
        verdict = Verdict::Sometimes;
    } else if (is_sequential || word != "undefined") {
        refuse("a verdict is: forbidden, allowed, sometimes (or undefined, for release memory)");
    }
}

void Parser::at_end() {
    end_thread();
    if (test_.name.empty()) { return refuse("an empty file"); }
    if (test_.threads.empty()) { return refuse("no thread"); }
    if (test_.conditions.empty()) { return refuse("no outcome"); }
    for (const Thread &thread : test_.threads) {
        if (barriers(thread) != barriers(test_.threads[0])) { return refuse("not every thread comes to each barrier"); }
    }
    for (const Condition &condition : test_.conditions) {
        if (condition.sequential != Verdict::Undefined) { continue; }
        line_ = condition.line;
        return refuse("an outcome without its verdict for sequential memory");
    }
}

} // namespace

ParseResult parse(std::string_view text) { return Parser().run(text); }

} // namespace dsm::litmus
