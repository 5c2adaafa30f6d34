// What may not be shared is refused when it is compiled. The test compiles this file as it stands, which must succeed,
// and with REFUSED: then every line that is marked `refused` must fail with libdsm's own words. Each of them names the
// wrong type and beside it the right one.
#include <dsm/dsm.hpp>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#ifdef REFUSED
#define TYPE(wrong, right) wrong
#else
#define TYPE(wrong, right) right
#endif

struct Polymorphic {
    virtual ~Polymorphic() = default;
    int value;
};
struct Plain {
    int value;
};
struct WithVector {
    dsm::vector<int> numbers;
};
struct Allowed {
    using dsm_shareable = Allowed;
    dsm::vector<int> numbers;
};
struct Derived : Allowed {
    std::string name;
};

void arrays_of_all_ranks() {
    dsm::alloc_array<TYPE(std::string, dsm::string)>(1);                            // refused
    dsm::alloc_array<TYPE(Polymorphic, Plain)>(1);                                  // refused
    dsm::alloc_array<TYPE(std::function<void()>, void (*)())>(1);                   // refused
    dsm::alloc_array<TYPE(std::mutex, dsm::mutex)>(1);                              // refused
    dsm::alloc_array<TYPE(std::condition_variable, dsm::condition_variable)>(1);    // refused
    dsm::alloc_array<TYPE(std::thread, int)>(1);                                    // refused
    dsm::alloc_array<TYPE(std::unique_ptr<int>, dsm::unique_ptr<int>)>(1);          // refused
    dsm::alloc_array<TYPE(std::vector<int>, dsm::vector<int>)>(1);                  // refused
    dsm::alloc_array<TYPE(dsm::vector<std::wstring>, dsm::vector<dsm::string>)>(1); // refused
    dsm::alloc_array<TYPE(WithVector, Allowed)>(1);                                 // refused
    dsm::alloc_array<TYPE(Derived, dsm::list<Allowed>)>(1);                         // refused
    dsm::alloc_array<TYPE(std::shared_ptr<int>, std::atomic<int *>)>(1);            // refused
}

struct OtherPolymorphic : Polymorphic {};
struct OtherPlain : Plain {};

void made_by_one_rank() {
    dsm::destroy(dsm::create<TYPE(std::wstring, dsm::basic_string<wchar_t>)>()); // refused
    dsm::make_unique<TYPE(OtherPolymorphic, OtherPlain)>();                      // refused
    dsm::make_shared_array<TYPE(std::recursive_mutex, dsm::recursive_mutex)>(1); // refused
}

void in_containers() {
    dsm::vector<TYPE(std::u16string, dsm::string)>().emplace_back();                        // refused
    dsm::map<int, TYPE(std::u32string, dsm::string)>().try_emplace(1);                      // refused
    dsm::unordered_map<int, TYPE(std::function<int()>, dsm::vector<int>)>().try_emplace(1); // refused
    dsm::list<TYPE(std::timed_mutex, dsm::timed_mutex)>().emplace_back();                   // refused
}
