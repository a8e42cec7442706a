// Continuous batching: an Engine over any Backend. design.md beside this file tells how the parts fit.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/wake.h"
#include "engine/backend.h"
#include "engine/engine.h"
#include "engine/event_queue.h"
#include "schedule/draft.h"
#include "schedule/live_request.h"
#include "schedule/owners.h"
#include "schedule/policy.h"
#include "schedule/sampler.h"
#include "schedule/sequences.h"
#include "schedule/text_stream.h"

namespace assay::schedule {

struct SchedulerOptions {
  std::uint32_t queue_max = 64;               // requests that wait; one more is refused
  std::uint32_t owner_queue_max = 0;          // of one owner; 0: as many as there is room for
  std::uint32_t streams_max = 0;              // requests that run at once; 0: as many as the backend has sequences
  std::uint32_t step_tokens = 0;              // most tokens of one forward pass; 0: the backend's batch
  std::uint32_t prefill_beside_decode = 128;  // prompt tokens in a pass in which someone writes: bounds the pause
  std::int64_t step_ns = 0;                   // how long a step may take: prompts come in shorter chunks; 0: no bound
  std::uint32_t prefix_min = 8;               // shorter common prefixes are not looked up
  std::uint32_t prefix_worth_waiting = 64;    // tokens of a prompt that another is computing just now; 0: never wait
  bool keep_finished = true;                  // finished sequences stay as prefix cache until their pages are needed
  Draft* draft = nullptr;                     // guesses ahead, where facts().rewind is any; borrowed
  std::uint32_t draft_tokens = 8;             // most guesses of one request in a step
  Wake* wake = nullptr;                       // ends poll() from another thread; borrowed
  std::function<void(std::int64_t ns)> sleep = nullptr;  // how poll() rests; by default it waits for `wake`, or sleeps
};

// What has happened since the start, for tests and for the operator.
struct SchedulerCounts {
  std::uint64_t steps = 0;         // forward passes that succeeded
  std::uint64_t taken_back = 0;    // requests whose pages were taken for an older one
  std::uint64_t refused_full = 0;  // submits that met a full queue
  std::uint64_t out_of_pages = 0;  // requests that failed because the backend cannot hold them even alone
  std::uint64_t undrafted = 0;     // steps that were computed without their guesses because there was no page for them
  std::uint64_t apart = 0;         // steps that were computed one request at a time because the backend refused one
  SequenceCounts sequences;
};

// Invariants:
// 1. Every request that submit() took ends with exactly one finished or failed event, which is its last.
// 2. What a request gets depends on its own tokens, settings and seed alone (and on Facts.backend.deterministic).
// 3. A cancelled, failed or finished request owns no page when its last event is delivered; finished ones may leave a
//    kept sequence, which goes before anyone is taken back or refused.
// 4. waiting_ is ordered by arrival; at most queue_max of it have never run.
// 5. What the backend refuses of one request fails that request alone.
// One thread owns it. It blocks in poll() only as long as one forward pass takes, or rests where nobody may start. Another
// thread that has something for it (a submit, a cancel) leaves that where the owner looks and notifies the wake.
class Scheduler final : public Engine {
 public:
  // Borrows all three for its lifetime. detokenize may be null: no text in events, stop texts are refused.
  Scheduler(Backend& backend, const Clock& clock, const Detokenize* detokenize, const SchedulerOptions& options);

  // Forgets every sequence, so that the backend can serve another scheduler.
  ~Scheduler() override;

  const Facts& facts() const override { return facts_; }
  // Also Errc::engine_lost once the backend was lost; Errc::bad_value for an id that is still live.
  Result<void> submit(const Request& request) override;
  void cancel(RequestId request) override;
  // While requests wait and set_streams_max(0) lets nobody start it sleeps to the deadline, a second at most. With a wake:
  // also while there is nothing to do; and it returns behind the step in which the wake is notified, or out of its sleep.
  Result<std::size_t> poll(std::span<Event> events, std::int64_t deadline_ns) override;
  EventDetail detail(const Event& event) const override;

  // Fewer or more at once from the next step on (memory pressure). Those that run are not stopped. 0 admits nobody.
  void set_streams_max(std::uint32_t streams_max);

  // Drops what ended requests left in the backend as prefix cache, so that others may compute on the backend between two
  // requests. Needs running() == 0. Errc as Backend::forget.
  Result<void> drop_kept();

  SchedulerCounts counts() const;
  std::size_t waiting() const { return waiting_.size(); }
  std::size_t running() const { return running_.size(); }

 private:
  using Live = std::unique_ptr<LiveRequest>;

  enum class After : std::uint8_t { drop, keep };     // what becomes of an ended request's sequence
  using Endings = std::vector<std::optional<After>>;  // (running_.size()); nothing: it goes on
  using Counts = std::span<const std::uint32_t>;      // (running_.size()) tokens in a step

  // What one step does.
  Result<void> step();  // Errc::cancelled: its forward pass was stopped, and nothing has changed
  void admit();
  bool waits_for_prefix(const LiveRequest& request) const;
  void propose();  // asks the draft for guesses of all that write
  StepLimits limits(std::span<const Work> work) const;
  void build_slots(Counts tokens, Counts guesses);
  // One pass over slots_. While the device computes, the masks of those whose next token it chooses are filled.
  Result<void> compute(Counts tokens);
  bool make_room(std::span<const Work> work, const Error& full);  // false: nothing can be computed in this step
  void take_back(std::size_t index);
  // The step that the backend refused whole, request by request: who is refused alone fails, the others go on.
  void compute_apart(std::span<const Work> work, Counts tokens, Counts guesses, const Error& refusal);

  // What becomes of the rows of a pass (scheduler_deliver.cpp).
  struct Row {
    std::size_t logits = 0;  // the next one of each kind
    std::size_t hidden = 0;
  };
  void deliver(Counts tokens, Counts guesses);
  std::optional<After> advance(LiveRequest& request, std::uint32_t tokens, std::uint32_t guesses, Row& row);
  std::optional<After> pool(LiveRequest& request, std::uint32_t tokens, Row& row);
  std::optional<After> walk_guesses(LiveRequest& request, std::uint32_t guesses, Row& row);
  // guess: what the draft said that it would choose; -1: nothing.
  std::optional<After> choose_token(LiveRequest& request, std::size_t row, Token guess);
  void retire(const Endings& endings);

  // Last events. Each leaves its request where it is; retire() or lose() removes it.
  QueuedEvent& finish_request(LiveRequest& request, Finish finish, Token token);
  void fail_request(LiveRequest& request, const Error& error);
  void lose(const Error& error);  // the backend is gone: everyone fails, nothing is accepted any more

  QueuedEvent& emit(LiveRequest& request, Event::Kind kind);
  std::vector<Work> work() const;
  bool rest(std::int64_t deadline_ns);  // true: woken
  bool woken() const { return options_.wake != nullptr && options_.wake->take(); }

  Backend& backend_;
  const Clock& clock_;
  const Detokenize* const detokenize_;
  SchedulerOptions options_;
  Facts facts_;
  std::string engine_name_;  // "direct 0.1 (cpu)", for errors
  Sequences sequences_;
  Owners owners_;
  std::deque<Live> waiting_;
  std::vector<Live> running_;
  EventQueue outgoing_;
  std::optional<Error> lost_;
  bool short_of_pages_ = false;
  std::uint64_t arrivals_ = 0;
  Pace pace_;
  SchedulerCounts counts_;
  std::optional<Error> broken_;  // what the backend said of a tail that it had to drop; then it is lost
  std::vector<Slot> slots_;      // memory reused between steps, as the next three
  Logits logits_;
  std::vector<float> hidden_;  // (rows, facts_.backend.hidden)
  SampleScratch scratch_;
};

}  // namespace assay::schedule
