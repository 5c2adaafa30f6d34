// Drives a target where there is no libFuzzer: every file of its corpus, then mutations of them, as one seed says.
//
//   fuzz_TARGET CORPUS [--runs N] [--seed N] [--bytes-max N] [--crash FILE]
//   fuzz_TARGET FILE                            one input again
//
// Where the target ends the run, its input is in the file crash-TARGET (--crash names another).
#include "tests/fuzz/fuzz.hpp"

#include <csignal>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <unistd.h>

namespace {

using Bytes = std::vector<std::uint8_t>;

const char *crash_file = "crash";
const Bytes *current = nullptr;

void keep_input() {
    if (current == nullptr) { return; }
    const int file = ::open(crash_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    static_cast<void>(::write(file, current->data(), current->size()));
    ::close(file);
    std::fprintf(stderr, "the input is in %s\n", crash_file);
}

void on_abort(int signal) {
    keep_input();
    std::signal(signal, SIG_DFL);
    ::raise(signal);
}

class Mutator {
public:
    Mutator(std::uint64_t seed, const std::vector<Bytes> &corpus, std::size_t bytes_max)
        : random_(seed), corpus_(corpus), bytes_max_(bytes_max) {}

    Bytes next() {
        Bytes input = pick();
        for (std::size_t changes = 1 + below(8); changes > 0; --changes) { change(input); }
        if (input.size() > bytes_max_) { input.resize(bytes_max_); }
        return input;
    }

private:
    std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }
    const Bytes &pick() { return corpus_[below(corpus_.size())]; }
    std::ptrdiff_t place(const Bytes &input) { return static_cast<std::ptrdiff_t>(below(input.size() + 1)); }
    std::uint8_t byte() {
        constexpr std::uint8_t odd[] = {0x00, 0x01, 0x7f, 0x80, 0xff, ' ', '\n', '-', '0', '9', '%', '.'};
        return below(2) == 0 ? odd[below(std::size(odd))] : static_cast<std::uint8_t>(random_());
    }

    void change(Bytes &input) {
        const std::size_t kind = below(8);
        if (kind == 0) { // Bytes come in.
            for (std::size_t count = 1 + below(8); count > 0; --count) {
                input.insert(input.begin() + place(input), byte());
            }
            return;
        }
        if (kind == 1) { // The head of one, the tail of another.
            const Bytes &other = pick();
            const std::ptrdiff_t from = place(other);
            input.resize(static_cast<std::size_t>(place(input)));
            input.insert(input.end(), other.begin() + from, other.end());
            return;
        }
        if (input.empty()) { return; }
        const std::size_t at = below(input.size());
        const auto begin = input.begin() + static_cast<std::ptrdiff_t>(at);
        const std::size_t length = 1 + below(std::min<std::size_t>(input.size() - at, 32));
        switch (kind) {
        case 2:
            input.erase(begin, begin + static_cast<std::ptrdiff_t>(length));
            break;
        case 3:
            input.resize(at);
            break;
        case 4: { // A part twice.
            const Bytes part(begin, begin + static_cast<std::ptrdiff_t>(length));
            input.insert(input.begin() + place(input), part.begin(), part.end());
            break;
        }
        case 5:
            input[at] ^= static_cast<std::uint8_t>(1U << below(8));
            break;
        case 6:
            input[at] = static_cast<std::uint8_t>(input[at] + below(5) - 2);
            break;
        default:
            input[at] = byte();
            break;
        }
    }

    std::mt19937_64 random_;
    const std::vector<Bytes> &corpus_;
    std::size_t bytes_max_;
};

Bytes contents_of(const std::filesystem::path &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

void run(const Bytes &input) {
    current = &input;
    LLVMFuzzerTestOneInput(input.data(), input.size());
    current = nullptr;
}

} // namespace

#if defined(__SANITIZE_ADDRESS__)
extern "C" void __sanitizer_set_death_callback(void (*callback)());
#endif

int main(int argc, char **argv) {
    if (argc < 2) {
        std::fprintf(stderr, "usage: %s CORPUS|FILE [--runs N] [--seed N] [--bytes-max N] [--crash FILE]\n", argv[0]);
        return 2;
    }
    std::uint64_t runs = 10'000;
    std::uint64_t seed = 1;
    std::size_t bytes_max = 4096;
    const std::string own_crash_file = "crash-" + std::filesystem::path(argv[0]).filename().string();
    crash_file = own_crash_file.c_str();
    for (int at = 2; at + 1 < argc; at += 2) {
        const std::string_view name = argv[at];
        if (name == "--runs") { runs = std::strtoull(argv[at + 1], nullptr, 10); }
        if (name == "--seed") { seed = std::strtoull(argv[at + 1], nullptr, 10); }
        if (name == "--bytes-max") { bytes_max = std::strtoull(argv[at + 1], nullptr, 10); }
        if (name == "--crash") { crash_file = argv[at + 1]; }
    }
    std::signal(SIGABRT, on_abort);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_set_death_callback(keep_input);
#endif
    if (!std::filesystem::is_directory(argv[1])) {
        run(contents_of(argv[1]));
        return 0;
    }
    std::vector<std::filesystem::path> paths;
    for (const auto &entry : std::filesystem::directory_iterator(argv[1])) { paths.push_back(entry.path()); }
    std::sort(paths.begin(), paths.end()); // The order of a folder is the machine's; a seed is to mean one run.
    std::vector<Bytes> corpus;
    for (const auto &path : paths) { corpus.push_back(contents_of(path)); }
    if (corpus.empty()) {
        std::fprintf(stderr, "%s: an empty corpus\n", argv[1]);
        return 2;
    }
    for (const Bytes &input : corpus) { run(input); }
    run({});
    Mutator mutator(seed, corpus, bytes_max);
    for (std::uint64_t done = 0; done < runs; ++done) { run(mutator.next()); }
    std::printf("%zu inputs of the corpus, %llu mutations, seed %llu: no complaint\n", corpus.size(),
                static_cast<unsigned long long>(runs), static_cast<unsigned long long>(seed));
    return 0;
}
