// The shared table of words.
#include "apps/shared_words.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <system_error>

namespace apps {
namespace {

constexpr std::size_t bucket_count = 1024;
constexpr std::uint32_t places_at_first = 64;
constexpr std::uint32_t letters_at_first = 512;

// The low bits of a hash choose the place in a bucket, the high ones the bucket.
std::size_t bucket_of(std::uint64_t hash) { return hash >> 54U; }
static_assert(bucket_count == std::size_t{1} << (64 - 54));

template <class Value> Value *allocate(std::size_t count) {
    void *const block = dsm_calloc(count, sizeof(Value));
    if (block == nullptr) { throw std::bad_alloc(); }
    return static_cast<Value *>(block);
}

class Locked {
public:
    explicit Locked(dsm_mutex_t &mutex) : mutex_(mutex) {
        const int error = dsm_mutex_lock(&mutex_);
        if (error != 0) { throw std::system_error(error, std::generic_category(), "dsm_mutex_lock"); }
    }
    ~Locked() { dsm_mutex_unlock(&mutex_); }
    Locked(const Locked &) = delete;
    Locked &operator=(const Locked &) = delete;

private:
    dsm_mutex_t &mutex_;
};

} // namespace

SharedWords::SharedWords(const dsm_alloc_attr_t &attr)
    : buckets_(alloc_shared<Bucket>(bucket_count, attr)), locks_(alloc_shared<dsm_mutex_t>(bucket_count, attr)) {}

void SharedWords::merge(const WordCounts &counts) {
    std::vector<std::vector<std::uint32_t>> of_bucket(bucket_count);
    for (std::size_t index = 0; index < counts.distinct(); ++index) {
        of_bucket[bucket_of(counts.word(index).hash)].push_back(static_cast<std::uint32_t>(index));
    }
    const std::size_t first = rows_of(bucket_count, dsm::rank(), dsm::size()).first;
    for (std::size_t turn = 0; turn < bucket_count; ++turn) {
        const std::size_t number = (first + turn) % bucket_count;
        if (of_bucket[number].empty()) { continue; }
        const Locked locked(locks_[number]);
        for (const std::uint32_t index : of_bucket[number]) { add(buckets_[number], counts.word(index)); }
    }
}

void SharedWords::add(Bucket &bucket, const CountedWord &word) {
    if (bucket.used * 2 >= bucket.place_count) { grow_words(bucket); }
    const std::uint32_t mask = bucket.place_count - 1;
    for (auto place = static_cast<std::uint32_t>(word.hash) & mask;; place = (place + 1) & mask) {
        Word &there = bucket.words[place];
        if (there.count == 0) {
            there = {word.hash, word.count, store_letters(bucket, word.letters),
                     static_cast<std::uint32_t>(word.letters.size())};
            ++bucket.used;
            return;
        }
        if (there.hash == word.hash && std::string_view(bucket.letters + there.begin, there.length) == word.letters) {
            there.count += word.count;
            return;
        }
    }
}

void SharedWords::grow_words(Bucket &bucket) {
    const std::uint32_t count = std::max(places_at_first, bucket.place_count * 2);
    Word *const words = allocate<Word>(count);
    for (std::uint32_t i = 0; i < bucket.place_count; ++i) {
        if (bucket.words[i].count == 0) { continue; }
        auto place = static_cast<std::uint32_t>(bucket.words[i].hash) & (count - 1);
        while (words[place].count != 0) { place = (place + 1) & (count - 1); }
        words[place] = bucket.words[i];
    }
    dsm_free(bucket.words);
    bucket.words = words;
    bucket.place_count = count;
}

std::uint32_t SharedWords::store_letters(Bucket &bucket, std::string_view letters) {
    const auto length = static_cast<std::uint32_t>(letters.size());
    if (length > bucket.letters_max - bucket.letter_count) {
        bucket.letters_max = std::max({letters_at_first, bucket.letters_max * 2, bucket.letter_count + length});
        auto *const moved = static_cast<char *>(dsm_realloc(bucket.letters, bucket.letters_max));
        if (moved == nullptr) { throw std::bad_alloc(); }
        bucket.letters = moved;
    }
    std::memcpy(bucket.letters + bucket.letter_count, letters.data(), length);
    bucket.letter_count += length;
    return bucket.letter_count - length;
}

std::vector<CountedWord> SharedWords::all() const {
    std::vector<CountedWord> words;
    for (const Bucket &bucket : buckets_) {
        for (std::uint32_t i = 0; i < bucket.place_count; ++i) {
            const Word &word = bucket.words[i];
            if (word.count != 0) {
                words.push_back({{bucket.letters + word.begin, word.length}, word.hash, word.count});
            }
        }
    }
    return words;
}

void SharedWords::clear() {
    const RowRange own = rows_of(bucket_count, dsm::rank(), dsm::size());
    for (std::size_t number = own.first; number < own.end; ++number) {
        dsm_free(buckets_[number].words);
        dsm_free(buckets_[number].letters);
        buckets_[number] = {};
    }
    dsm::barrier_all();
}

} // namespace apps
