// The sort with plain MPI: a histogram by reduction, then each key travels once, in one exchange of all with all.
#include "apps/sort_mpi.hpp"

#include "apps/support/mpi_communicator.hpp"
#include "apps/support/timing.hpp"

#include <numeric>

namespace apps {
namespace {

// Where each part begins whose sizes are given.
std::vector<int> firsts_of(const std::vector<int> &counts) {
    std::vector<int> firsts(counts.size());
    std::exclusive_scan(counts.begin(), counts.end(), firsts.begin(), 0);
    return firsts;
}

} // namespace

struct MpiSort::State {
    explicit State(const SortInput &of_input)
        : input(of_input), buckets(of_input.max_key), ranks(static_cast<std::size_t>(communicator.size())),
          own(rows_of(input.keys, communicator.rank(), communicator.size())), keys(own.count()), packed(own.count()),
          send_counts(ranks), receive_counts(ranks), result(communicator.rank() == 0 ? input.keys : 0) {}

    void change_keys(std::size_t iteration) {
        for (const std::size_t index : {small_key_of(input, iteration), large_key_of(input, iteration)}) {
            if (index < own.first || index >= own.end) { continue; }
            Key &key = keys[index - own.first];
            key = changed_key(input, iteration, index, key);
        }
    }

    // Own keys in the order of their buckets, and so of the ranks that they go to.
    void pack(const BucketCounts &begins, const std::vector<std::size_t> &firsts) {
        BucketCounts places = begins;
        for (const Key key : keys) { packed[places[buckets.of(key)]++] = key; }
        for (std::size_t rank = 0; rank < ranks; ++rank) {
            send_counts[rank] = static_cast<int>(begins[firsts[rank + 1]] - begins[firsts[rank]]);
        }
    }

    void exchange() {
        MPI_Alltoall(send_counts.data(), 1, MPI_INT, receive_counts.data(), 1, MPI_INT, communicator.get());
        sorted.resize(std::accumulate(receive_counts.begin(), receive_counts.end(), std::size_t{0}));
        MPI_Alltoallv(packed.data(), send_counts.data(), firsts_of(send_counts).data(), MPI_UINT32_T, sorted.data(),
                      receive_counts.data(), firsts_of(receive_counts).data(), MPI_UINT32_T, communicator.get());
    }

    void sort(std::size_t iteration) {
        change_keys(iteration);
        const BucketCounts own_counts = count_keys(buckets, keys);
        BucketCounts counts(bucket_count);
        MPI_Allreduce(own_counts.data(), counts.data(), static_cast<int>(bucket_count), MPI_UINT64_T, MPI_SUM,
                      communicator.get());
        const std::vector<std::size_t> firsts = deal_buckets(begins_of(counts), communicator.size());
        pack(begins_of(own_counts), firsts);
        exchange();
        const auto rank = static_cast<std::size_t>(communicator.rank());
        sort_keys(sorted, buckets.first_key(firsts[rank]), (firsts[rank + 1] - firsts[rank]) * buckets.width(),
                  scratch);
    }

    void gather() {
        const int count = static_cast<int>(sorted.size());
        std::vector<int> counts(ranks);
        MPI_Gather(&count, 1, MPI_INT, counts.data(), 1, MPI_INT, 0, communicator.get());
        MPI_Gatherv(sorted.data(), count, MPI_UINT32_T, result.data(), counts.data(), firsts_of(counts).data(),
                    MPI_UINT32_T, 0, communicator.get());
    }

    MpiCommunicator communicator;
    SortInput input;
    Buckets buckets;
    std::size_t ranks;
    RowRange own;
    std::vector<Key> keys, packed, sorted;
    std::vector<int> send_counts, receive_counts;
    std::vector<std::uint32_t> scratch;
    std::vector<Key> result; // on rank 0
};

MpiSort::MpiSort(const SortInput &input) : state_(std::make_unique<State>(input)) {}

MpiSort::~MpiSort() = default;

double MpiSort::run() {
    State &s = *state_;
    for (std::size_t i = 0; i < s.keys.size(); ++i) { s.keys[i] = generate_key(s.input, s.own.first + i); }
    const MPI_Comm all = s.communicator.get();
    MPI_Barrier(all);
    const Stopwatch clock;
    for (std::size_t iteration = 0; iteration < s.input.iterations; ++iteration) { s.sort(iteration); }
    MPI_Barrier(all);
    const double seconds = clock.seconds();
    s.gather();
    return seconds;
}

const std::vector<Key> &MpiSort::result() const { return state_->result; }

} // namespace apps
