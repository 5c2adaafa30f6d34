// Linked at a fixed address: what points at code may cross ranks, function pointers and polymorphic objects alike.
#include "tests/mpi/support/job.hpp"

#include <dsm/dsm.hpp>

#include <cstdint>
#include <functional>
#include <new>

namespace {

class Shape {
public:
    virtual ~Shape() = default;
    virtual long area() const = 0;
};
class Square final : public Shape {
public:
    explicit Square(long side) : side_(side) {}
    long area() const override { return side_ * side_; }

private:
    long side_;
};

long twice(long value) { return 2 * value; }

struct Shared {
    std::uintptr_t address_of_code;
    long (*function)(long);
    std::size_t (*of_the_c_library)(const char *);
    std::function<long(long)> *callable;
    Shape *shape;
};

} // namespace

template <> struct dsm::is_shareable<Square> : std::true_type {}; // linked at a fixed address: we may
template <> struct dsm::is_shareable<std::function<long(long)>> : std::true_type {}; // nothing is captured by it

int main() {
    const dsm::runtime runtime;
    Shared &shared = dsm::alloc_array<Shared>(1)[0];
    if (dsm::rank() == 0) {
        shared = {reinterpret_cast<std::uintptr_t>(&twice), &twice, &std::strlen,
                  dsm::create<std::function<long(long)>>(&twice), dsm::create<Square>(7)};
    }
    dsm::barrier_all();
    DSM_REQUIRE_EQUAL(shared.address_of_code, reinterpret_cast<std::uintptr_t>(&twice));
    DSM_REQUIRE_EQUAL(shared.function(21), 42);
    DSM_REQUIRE_EQUAL(shared.of_the_c_library("four"), 4);
    DSM_REQUIRE_EQUAL((*shared.callable)(4), 8);
    DSM_REQUIRE_EQUAL(shared.shape->area(), 49);
    DSM_REQUIRE(dynamic_cast<Square *>(shared.shape) != nullptr);
    dsm::barrier_all();
    if (dsm::rank() == dsm::size() - 1) { dsm::destroy(static_cast<Square *>(shared.shape)); }
    dsm::barrier_all();
    if (dsm::rank() == 0) { std::puts("fixed_address: passed"); }
    return 0;
}
