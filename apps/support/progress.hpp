// A progress line on the terminal that the program was started from; nothing where there is none. That terminal is
// opened by name, since mpirun puts pipes and terminals of its own in the place of a rank's standard streams.
#pragma once

#include "apps/support/timing.hpp"

#include <cstddef>
#include <cstdio>
#include <string>

namespace apps {

class Progress {
public:
    Progress(std::string what, std::size_t total);
    /// Takes its line away again.
    ~Progress();
    Progress(const Progress &) = delete;
    Progress &operator=(const Progress &) = delete;
    /// Cheap enough for every step: looks at the clock, writes a few times a second.
    void show(std::size_t done);

private:
    std::string what_;
    std::size_t total_;
    std::FILE *terminal_; ///< null on other ranks than 0, and without a terminal
    Stopwatch clock_;
    double next_seconds_ = 0.5; ///< short runs show nothing
    bool shown_ = false;
};

} // namespace apps
