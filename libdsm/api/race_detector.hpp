// What ThreadSanitizer, in a program that is built with it, is told of a library that is not: which calls order
// threads.
//
// Every call on an object orders the caller after all earlier calls on it. That is more than some calls promise, so
// that a race may stay hidden behind them; it is never less, so that no race is reported where there is none.
#pragma once

extern "C" {
// Weak: a program without ThreadSanitizer has none, and the calls are a comparison each.
__attribute__((weak)) void __tsan_acquire(void *address); // NOLINT(bugprone-reserved-identifier)
__attribute__((weak)) void __tsan_release(void *address); // NOLINT(bugprone-reserved-identifier)
}

namespace dsm::api {

/// Stands around a call on the object.
class SeenByRaceDetector {
public:
    explicit SeenByRaceDetector(const void *object) noexcept : object_(const_cast<void *>(object)) {
        if (__tsan_release != nullptr) { __tsan_release(object_); }
    }
    ~SeenByRaceDetector() {
        if (__tsan_acquire != nullptr) { __tsan_acquire(object_); }
    }
    SeenByRaceDetector(const SeenByRaceDetector &) = delete;
    SeenByRaceDetector &operator=(const SeenByRaceDetector &) = delete;

private:
    void *object_;
};

} // namespace dsm::api
