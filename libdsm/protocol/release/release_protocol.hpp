// The release protocol of one page: an event goes in, a new state and effects come out, under the lock of its entry.
// Intervals and notices, which belong to the node, are in interval.hpp and notice_log.hpp.
#pragma once

#include "libdsm/protocol/release/release_page.hpp"

namespace dsm::protocol {

/// How bytes from the home meet what the node has.
enum class Install : std::uint8_t {
    Nothing,     ///< they are not to be used
    Overwrite,   ///< nobody looks at the frame
    MergeMapped, ///< others read the frame: store what differs
    MergeTwin,   ///< others write it: store what differs from the twin where they have not written, renew the twin
};

/// What a step wants done, in order, while the page's lock is held. Implementations must not throw.
class ReleaseEffects {
public:
    virtual ~ReleaseEffects() = default;
    /// Sends to another node, never to self. With Contents::Bytes and Lines the frame is read now; the twin where there
    /// is one.
    virtual void send(NodeId to, const ReleaseMessage &message) = 0;
    /// The last interval that this node has published.
    [[nodiscard]] virtual std::uint64_t published() const = 0;
    /// Sends an Update with the twin as it is. False where the way to the node does not serve for that.
    virtual bool push(NodeId to, const ReleaseMessage &message) = 0;
    /// Sends the bytes in which frame and twin differ, in parts that fit a message, each a copy of `message` with a
    /// diff. With `refresh` the twin is as the frame afterwards, from the same read of each byte; else the frame is
    /// write-protected already. Returns the number of parts; 0: nothing differs.
    virtual unsigned flush(NodeId to, const ReleaseMessage &message, bool refresh) = 0;
    /// Sends a Flush without bytes, as one part.
    virtual void claim(NodeId to, const ReleaseMessage &message) = 0;
    /// Stores a diff in the frame, and in the twin where there is one. Returns the lines that it has bytes of.
    virtual std::uint64_t apply(std::span<const std::byte> diff, bool has_twin) = 0;
    /// In which lines frame and twin differ; the twin is as the frame afterwards.
    virtual std::uint64_t refresh_twin() = 0;
    virtual void make_twin() = 0;
    virtual void drop_twin() = 0;
    /// The bytes that came are all zero.
    virtual void install_zeros(Install how) = 0;
    /// The node's access goes down to `access` in every rank: when this returns no thread of the node has more.
    virtual void restrict_access(Access access) = 0;
    /// The node may map the page with `access`; the threads that wait are woken and map it themselves.
    virtual void grant_access(Access access) = 0;
    virtual void drop_frame() = 0;
    /// The page is put on the node's list of the open interval.
    virtual void list() = 0;
    /// A notice has been answered by a Fetch instead of taking the copy: who acquires waits until as many are done.
    virtual void update_due() = 0;
    virtual void update_done() = 0;
    /// The message came too early: it is kept until release_kept().
    virtual void keep(const ReleaseMessage &message) = 0;
    /// All that was kept is given again when this step ends, before anything else happens to the page.
    virtual void release_kept() = 0;
    /// The page's, as they were left. Asked for at the home alone.
    virtual PageVersions &versions() = 0;
};

/// Constants of a job; the same at all nodes but for hot and misses.
struct ReleaseLimits {
    static constexpr std::uint8_t never = UINT8_MAX;
    std::uint8_t hot_faults = 2; ///< or never: write faults after which a page is compared instead of being protected
    std::uint8_t unchanged_max = 64; ///< comparisons in vain after which it is protected again
    std::uint8_t refresh_misses = 2; ///< or never: misses after which a notice is answered by a Fetch
    std::uint16_t trial_every = 256; ///< notices so answered until one takes the copy, to see whether it is missed
    std::uint8_t move_streak = 2;    ///< Flushes of one node in a row that move the home to it; 0: never
    std::uint8_t shared_streak = 0;  ///< so many more where the home has written, or may have
    std::uint8_t bind_streak = 2; ///< hand-overs in a row with a write under the lock that bind a page to it; 0: never
    std::uint8_t push_streak =
        never;                     ///< or: intervals of the home after whose writes others came, until it sends unasked
    std::uint8_t push_gap_max = 4; ///< intervals from one such write to the next, at most
    std::uint8_t push_trial = 32;  ///< so sent until a notice goes without, to see whether anybody comes
    std::uint8_t lines_max = 0;    ///< a copy that lacks no more lines is sent these alone; 0: it is sent the page
};

/// Bugs planted for the tests; None in every product.
enum class ReleaseMutation : std::uint8_t {
    None,
    FetchDuringFlush,   ///< R4: a Fetch does not wait for the Flush
    FlushKeepsFetch,    ///< R7: a Flush does not kill the Fetch under way
    NoticeKeepsFetch,   ///< R7: a notice does not kill it
    NoticeDropsTwin,    ///< R9: what is written here is lost with the copy
    ServeUnprotected,   ///< R6: a Fetch is served with the page left writable
    ServeClearsWritten, ///< R6: serving forgets that the page was written in this interval
    ReaderForgotten,    ///< R6: not in the copyset
    HomeWriteUnnoticed, ///< R6: the home's interval ends without a notice
    MergeOverwrites,    ///< R9: fetched bytes replace what is written here
    TwinNotRenewed,     ///< R9: a merge leaves the twin as it was
    FlushForgotten,     ///< R10: an interval ends without the diff
    HintGoesBack,       ///< R2: an older epoch replaces a younger one
    EarlyFetchLost,     ///< R2: what comes before the Home is served as if it were there
    StaleIsDone,        ///< R8: an update counts as done when it is asked for
    ServeForgetsWrites, ///< R6: what was written before a Fetch is served, and is written back after it, is not noticed
    HomeDuringFetch,    ///< R13: a Home with a lock does not wait for a Fetch, whose bytes may be put late
    HomeDuringFlush,    ///< R13: ... nor for a Flush
    PartsCountTwice,    ///< R13: a part that came back is counted whenever it is looked at
    UpdateGoesBack,     ///< R14: an Update that is older than what has come is used
    UpdateUnderWrites,  ///< R14: ... or one that comes while the node's own writes are on their way
    UpdateForever,      ///< R14: a notice later than the Update is taken for old
    PushForgetsReader,  ///< R6: who is sent an Update is not in the copyset any more
    FlushedLinesLost,   ///< R15: what a Flush changes is not told to old copies
    OwnLinesLost,       ///< R15: nor what the home writes
    VersionsUnwatched,  ///< R15: the home writes unseen and goes on to tell what has changed
    VersionOfAck,       ///< R15: an acknowledgement counts as if the page had come with it
    VersionOutlivesHome, ///< R15: a version of one home is told to the next
    LinesAcrossGap,      ///< R15: lines are used by a copy that lacks others
    RangeForgetsRest,    ///< R10, by the caller: pages out of a range leave the list with those that are in it
    RangeIgnoresClosing, ///< R10, by the caller: who releases a range does not wait for the interval that closes
};

/// What a thread wants.
struct ReleaseWish {
    Access access;
    bool is_awaited = true; ///< it waits; else it is a hint
    std::uint64_t lock = 0; ///< the lock that it took last and holds, number + 1; 0 for none
};

/// What the end of an interval has found out about a page.
struct CloseOutcome {
    bool notice = false;      ///< the node's interval has written it
    unsigned flush_parts = 0; ///< acknowledgements to await
    bool push = false;        ///< on_published() is due when the interval is
};

class ReleaseProtocol {
public:
    ReleaseProtocol(SetPool &pool, ReleaseLimits limits, ReleaseMutation mutation = ReleaseMutation::None)
        : pool_(pool), limits_(limits), mutation_(mutation) {}

    /// A local thread wants access that access_of() does not give.
    void on_fault(ReleasePageState &state, const PageContext &context, const ReleaseWish &wish,
                  ReleaseEffects &effects) const;
    /// The bytes of a Data, Home or Update that are on their way or come now: what to do with them. For each part anew.
    [[nodiscard]] Install install_of(const ReleasePageState &state, const ReleaseMessage &message) const;
    /// Whether a Home must wait for a Flush or a Fetch of this node: keep its records, none of whose bytes may be used
    /// yet. Before its bytes are used, the diffs of this node's own Flushes that are kept are applied to them
    /// (R13).
    [[nodiscard]] bool must_wait(const ReleasePageState &state, const ReleaseMessage &message) const;
    /// Of a Data, Home or Update: all bytes have come; those of a Home are used together, in this step. Returns whether
    /// a Flush of this node has been acknowledged thereby.
    bool on_message(ReleasePageState &state, const PageContext &context, const ReleaseMessage &message,
                    ReleaseEffects &effects) const;
    /// Another node's write to the page is known here from now on.
    void on_notice(ReleasePageState &state, const PageContext &context, const PageNotice &notice,
                   ReleaseEffects &effects) const;
    /// The interval in which the page was listed ends; `interval` is the number that it will have.
    CloseOutcome on_close(ReleasePageState &state, const PageContext &context, std::uint64_t interval,
                          ReleaseEffects &effects) const;
    /// That interval is published, and what waits for it has not gone.
    void on_published(ReleasePageState &state, const PageContext &context, std::uint64_t interval,
                      ReleaseEffects &effects) const;
    /// Gives up a clean copy. False where that is not possible now.
    bool on_evict(ReleasePageState &state, const PageContext &context, ReleaseEffects &effects) const;
    /// Pins the page where the node has the access; else asks for what is missing.
    bool try_pin(ReleasePageState &state, const PageContext &context, Access wanted, ReleaseEffects &effects) const;
    void unpin(ReleasePageState &state) const;
    /// The token of a lock goes to a node: the page goes with it, being bound to the lock. False: it stays. There the
    /// notices that come with the token are applied first and the node's time advances, then the Home is used, then the
    /// token is delivered: a home writes unnoticed what others hold copies of, when a notice was published before.
    bool on_token(ReleasePageState &state, const PageContext &context, NodeId to, ReleaseEffects &effects) const;

    [[nodiscard]] const ReleaseLimits &limits() const { return limits_; }

private:
    friend class ReleaseStep;
    [[nodiscard]] bool takes(ReleasePageState state, const ReleaseMessage &update) const;
    SetPool &pool_;
    const ReleaseLimits limits_;
    const ReleaseMutation mutation_;
};

} // namespace dsm::protocol
