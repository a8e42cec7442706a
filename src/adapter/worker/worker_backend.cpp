#include "adapter/worker/worker_backend.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "adapter/worker/connection.h"
#include "adapter/worker/loaded_facts.h"
#include "adapter/worker/wire.h"
#include "base/check.h"
#include "engine/pass.h"
#include "engine/slot_runs.h"

namespace assay::adapter {
namespace {

// 110 rows of a vocabulary of 152k. Address space only: the system gives pages where logits are written.
constexpr std::size_t shared_bytes_max = 64 << 20;
// Steps of a GPU that are shorter are waited for awake, up to twice the last one's time; the processors are free then.
constexpr std::int64_t short_step_ns = 5'000'000;

class ProcessBackend final : public WorkerBackend {
 public:
  ProcessBackend(std::unique_ptr<Connection> connection, LoadedFacts loaded, const WorkerOptions& options,
                 const Clock& clock)
      : connection_(std::move(connection)),
        facts_(std::move(loaded.facts)),
        memory_(loaded.memory),
        keep_waiting_(options.keep_waiting),
        patience_{options.call_timeout_ns, Errc::engine_lost, keep_waiting_ ? &keep_waiting_ : nullptr},
        stop_timeout_ns_(options.stop_timeout_ns),
        clock_(clock) {}

  ~ProcessBackend() override { connection_->close(stop_timeout_ns_ / 2); }

  const BackendFacts& facts() const override { return facts_; }

  Result<void> start(const Batch& batch) override {
    if (connection_->lost()) return std::unexpected(*connection_->lost());
    ASSAY_TRY(idle("start"));
    ASSAY_TRY(check_batch(batch));
    slots_.assign(batch.slots.begin(), batch.slots.end());
    embeddings_.clear();
    turns_.assign(batch.turns.begin(), batch.turns.end());
    const std::size_t first = part_of(slots_);
    if (first < slots_.size()) embeddings_.assign(batch.embeddings.begin(), batch.embeddings.end());
    begin_ns_ = clock_.now_ns();
    ASSAY_TRY(send(0, first, batch.embeddings));
    returned_ns_ = clock_.now_ns();
    under_way_ = true;
    return {};
  }

  Result<void> finish(const Rows& rows) override {
    if (connection_->lost()) return std::unexpected(*connection_->lost());
    if (!under_way_) return fail(Errc::bad_value, "finish: no pass is under way");
    under_way_ = false;
    const std::int64_t called_ns = clock_.now_ns();
    cost_engine_ns_ = 0;
    auto result = receive_all(rows, called_ns);
    // The caller's own work in between is no cost of the border, but for what the engine computed meanwhile.
    const std::int64_t between_ns = std::min(called_ns - returned_ns_, cost_engine_ns_);
    ++cost_.calls;
    cost_.total_ns += returned_ns_ - begin_ns_ + between_ns + clock_.now_ns() - called_ns;
    cost_.engine_ns += cost_engine_ns_;
    return result;
  }

  Result<std::size_t> decode(std::span<const Draw> draws, std::uint32_t steps, std::span<Drawn> drawn) override {
    if (!facts_.decodes) return Backend::decode(draws, steps, drawn);
    if (connection_->lost()) return std::unexpected(*connection_->lost());
    ASSAY_TRY(idle("decode"));
    ASSAY_TRY(in_range("draws", draws.size(), 1, wire::draws_max));
    ASSAY_TRY(in_range("steps", steps, 1, std::min(wire::steps_max, wire::drawn_max / draws.size())));
    if (drawn.size() != draws.size() * steps) {
      return fail(Errc::bad_value, "memory for " + std::to_string(drawn.size()) + " tokens, expected " +
                                       std::to_string(draws.size()) + " draws of " + std::to_string(steps));
    }
    wire::Decode request;
    request.steps = steps;
    for (const Draw& draw : draws) {
      ASSAY_TRY(in_range("stop tokens", draw.stop.size(), 0, wire::stops_max));
      request.orders.push_back({draw, {draw.stop.begin(), draw.stop.end()}});
      request.orders.back().draw.stop = {};
    }
    const auto answer = connection_->call(std::move(request), patience_);
    if (!answer) return std::unexpected(answer.error());
    const auto* told = std::get_if<wire::TellDrawn>(&*answer);
    const auto outside = [&](const Drawn& one) {
      return one.token < -1 || (one.token >= 0 && static_cast<std::uint32_t>(one.token) >= facts_.vocab);
    };
    if (told == nullptr || told->steps > steps || told->drawn.size() != drawn.size() ||
        std::ranges::any_of(told->drawn, outside)) {
      return connection_->lose(Errc::engine_lost, "broke the protocol: answered by " +
                                                      std::string(wire::name(*answer)) +
                                                      (told == nullptr ? "" : " with tokens that were not asked for"));
    }
    std::ranges::copy(told->drawn, drawn.begin());
    return told->steps;
  }

  Result<void> forget(SeqId seq, Position from, Position to) override { return done(wire::Forget{seq, from, to}); }
  Result<void> share(SeqId from, SeqId to, Position upto) override { return done(wire::Share{from, to, upto}); }

  // As told last while a pass is under way: the worker answers one request at a time.
  MemoryUse memory() const override {
    if (under_way_) return memory_;
    const auto answer = connection_->call(wire::AskMemory{}, patience_);
    if (!answer) return memory_;
    if (const auto* told = std::get_if<wire::TellMemory>(&*answer)) {
      memory_ = told->use;
    } else {
      connection_->lose(Errc::engine_lost,
                        "broke the protocol: answered memory by " + std::string(wire::name(*answer)));
    }
    return memory_;
  }

  std::int64_t process_id() const override { return connection_->process_id(); }
  BorderCost border_cost() const override { return std::exchange(cost_, BorderCost{}); }

 private:
  Result<void> idle(const char* doing) const {
    if (!under_way_) return {};
    return fail(Errc::bad_value, std::string(doing) + ": a pass is under way, expected its finish first");
  }

  // What would not fit into a message; the rest is the worker's to refuse.
  Result<void> check_batch(const Batch& batch) const {
    if (batch.slots.empty() || batch.slots.size() > facts_.batch) {
      return fail(Errc::bad_value,
                  std::to_string(batch.slots.size()) + " slots, expected 1 to " + std::to_string(facts_.batch));
    }
    ASSAY_TRY(check_extras(batch, facts_));
    const std::size_t bytes = batch.embeddings.size_bytes();
    if (bytes <= shared_bytes_max) return {};
    return fail(Errc::bad_value, "embeddings of " + std::to_string(bytes) + " bytes, expected no more than the " +
                                     std::to_string(shared_bytes_max) + " of the shared memory");
  }

  std::size_t row_floats(const Slot& slot) const {
    return slot.want == Want::logits ? facts_.vocab : slot.want == Want::hidden ? facts_.hidden : 0;
  }

  // How many slots one message may have for their rows to fit into the shared memory; at least one.
  std::size_t part_of(std::span<const Slot> slots) const {
    std::size_t count = 0;
    for (std::size_t floats = 0; count < slots.size(); ++count) {
      floats += row_floats(slots[count]);
      if (count > 0 && floats > shared_bytes_max / sizeof(float)) break;
    }
    return count;
  }

  // Sends slots [begin, begin + count) of the pass.
  Result<void> send(std::size_t begin, std::size_t count, std::span<const float> embeddings) {
    auto& request = std::get<wire::Forward>(request_);
    const std::span<const Slot> slots = std::span(slots_).subspan(begin, count);
    request.slots.assign(slots.begin(), slots.end());
    request.turns.clear();
    if (!turns_.empty()) {
      const auto turns = std::span(turns_).subspan(begin, count);
      request.turns.assign(turns.begin(), turns.end());
    }
    request.embeddings = facts_.embedding == 0 ? 0 : static_cast<std::uint32_t>(embeddings.size() / facts_.embedding);
    if (!embeddings.empty()) {
      std::memcpy(connection_->memory().data(), embeddings.data(), embeddings.size_bytes());
    }
    sent_ns_ = clock_.now_ns();
    return connection_->ask(request_, patience_);
  }

  // The parts of the pass, each sent when the one before it is there; start() sent the first. Where a later one fails, or
  // the rows have the wrong size, what was appended is dropped again, so that "nothing has changed" stays true.
  Result<void> receive_all(const Rows& rows, std::int64_t called_ns) {
    const auto sized = check_rows(slots_, rows, facts_);
    Rows rest = rows;
    std::size_t appended = 0;
    Result<void> result;
    while (result && appended < slots_.size()) {
      const std::size_t count = part_of(std::span(slots_).subspan(appended));
      if (appended > 0) {
        called_ns = clock_.now_ns();
        result = send(appended, count, embeddings_);
      }
      if (result) result = receive(std::span(slots_).subspan(appended, count), sized ? &rest : nullptr, called_ns);
      if (!result) break;
      appended += count;
      result = sized;
    }
    if (!result && appended > 0 && !connection_->lost()) ASSAY_TRY(take_back(std::span(slots_).first(appended)));
    return result;
  }

  // Of the part that was sent last: its rows go to the front of `rest`, which moves on; null: nowhere.
  Result<void> receive(std::span<const Slot> slots, Rows* rest, std::int64_t called_ns) {
    const bool is_step = slots_.size() <= facts_.sequences;
    Connection::Patience patience = patience_;
    if (is_step && facts_.device != "cpu" && step_ns_ < short_step_ns) patience.awake_ns = 2 * step_ns_;
    // What the caller did since start() is not the worker's to be blamed for.
    const auto answer = connection_->answer(patience, called_ns);
    const std::int64_t took_ns = clock_.now_ns() - sent_ns_;
    if (!answer) return std::unexpected(answer.error());
    const auto* told = std::get_if<wire::Done>(&*answer);
    const std::size_t logits = Batch(slots).count(Want::logits);
    const std::size_t hidden = Batch(slots).count(Want::hidden);
    if (told == nullptr || told->logits != logits || told->hidden != hidden) {
      const auto rows = [](std::size_t some, std::size_t others) {
        return std::to_string(some) + (others == 0 ? "" : " and " + std::to_string(others) + " hidden") + " rows";
      };
      return connection_->lose(
          Errc::engine_lost,
          "broke the protocol: answered by " + std::string(wire::name(*answer)) +
              (told == nullptr ? ""
                               : " with " + rows(told->logits, told->hidden) + ", expected " + rows(logits, hidden)));
    }
    // Its own word, but no more than it took.
    const std::int64_t engine_ns = std::min(told->engine_ns, took_ns);
    cost_engine_ns_ += engine_ns;
    if (is_step) step_ns_ = engine_ns;
    if (rest == nullptr) return {};
    auto take = [&, from = std::size_t{0}](std::span<float>& to, std::size_t floats) mutable {
      if (floats > 0) std::memcpy(to.data(), connection_->memory().data() + from, floats * sizeof(float));
      from += floats * sizeof(float);
      to = to.subspan(floats);
    };
    take(rest->logits, logits * facts_.vocab);
    take(rest->hidden, hidden * facts_.hidden);
    return {};
  }

  Result<void> take_back(std::span<const Slot> slots) {
    std::vector<SeqId> seen;
    for (const Slot& slot : slots) {
      if (std::ranges::find(seen, slot.seq) != seen.end()) continue;
      seen.push_back(slot.seq);
      if (const auto result = forget(slot.seq, slot.pos, facts_.context); !result) {
        return connection_->lose(Errc::engine_lost, "half a batch was computed and could not be dropped again: " +
                                                        to_string(result.error()));
      }
    }
    return {};
  }

  Result<void> done(const wire::Message& request) {
    ASSAY_TRY(idle(wire::name(request)));
    const auto answer = connection_->call(request, patience_);
    if (!answer) return std::unexpected(answer.error());
    if (const auto* told = std::get_if<wire::Done>(&*answer); told != nullptr && told->logits == 0 && told->hidden == 0)
      return {};
    return connection_->lose(Errc::engine_lost, "broke the protocol: answered by " + std::string(wire::name(*answer)));
  }

  const std::unique_ptr<Connection> connection_;
  const BackendFacts facts_;
  mutable MemoryUse memory_;  // as told last
  const Connection::KeepWaiting keep_waiting_;
  const Connection::Patience patience_;
  const std::int64_t stop_timeout_ns_;
  const Clock& clock_;
  mutable BorderCost cost_;
  std::int64_t step_ns_ = short_step_ns;  // that the last step of one token per sequence took
  // The pass that was started last.
  bool under_way_ = false;
  std::vector<Slot> slots_;
  std::vector<Turn3> turns_;
  std::vector<float> embeddings_;  // where it is sent in parts
  std::int64_t begin_ns_ = 0;      // start() was called, and returned
  std::int64_t returned_ns_ = 0;
  std::int64_t sent_ns_ = 0;         // the last part
  std::int64_t cost_engine_ns_ = 0;  // of all its parts
  wire::Message request_ = wire::Forward{};
};

// One name for one installation, wherever it is printed.
void name_as_installed(BackendFacts& facts, const WorkerOptions& options) {
  if (options.version.empty()) return;
  std::string before;
  if (facts.version != options.version) before = facts.name + " " + facts.version + " by its own count; ";
  if (!options.way.empty()) before += "built by " + options.way + "; ";
  facts.build = before + facts.build;
  facts.version = options.version;
}

Result<LoadedFacts> load(Connection& connection, const WorkerOptions& options, const Clock& clock,
                         const LoadProgress& progress) {
  double share = 0;
  const Connection::KeepWaiting keep_waiting = [&] { return !progress || progress(share); };
  const Connection::Patience patience{options.load_timeout_ns, Errc::timeout, &keep_waiting};
  wire::Load request{to_json(options.load).dump(-1, ' ', false, Json::error_handler_t::replace)};
  ASSAY_TRY(connection.ask(std::move(request), patience));
  std::int64_t since_ns = clock.now_ns();  // of the last progress: a worker that makes some may take what it needs
  while (true) {
    const auto answer = connection.answer(patience, since_ns);
    if (!answer) {
      // An engine's own words on why it cannot load are often in its log only.
      return connection.lost() ? std::unexpected(answer.error())
                               : fail(answer.error().code, answer.error().detail + connection.printed());
    }
    if (const auto* loading = std::get_if<wire::Loading>(&*answer)) {
      if (loading->share > share) since_ns = clock.now_ns();
      share = std::max(share, loading->share);
      if (!keep_waiting()) return connection.lose(Errc::cancelled, "stopped on request");
      continue;
    }
    const auto* loaded = std::get_if<wire::Loaded>(&*answer);
    if (loaded == nullptr) {
      return connection.lose(Errc::engine_lost, "broke the protocol: answered by " + std::string(wire::name(*answer)));
    }
    const auto json = parse_json_unique(loaded->facts, "facts");
    auto facts = json ? loaded_facts_from_json(*json) : std::unexpected(json.error());
    if (!facts) return connection.lose(Errc::engine_lost, "broke the protocol: " + to_string(facts.error()));
    if (std::uint64_t{facts->facts.vocab} * sizeof(float) > shared_bytes_max) {
      return connection.lose(Errc::engine_lost, "broke the protocol: a row of logits larger than the shared memory");
    }
    if (facts->facts.device != options.load.device) {
      return connection.lose(Errc::unsupported,
                             "asked for device " + options.load.device + ", it computes on " + facts->facts.device);
    }
    share = 1;
    if (!keep_waiting()) return connection.lose(Errc::cancelled, "stopped on request");
    return facts;
  }
}

}  // namespace

Result<std::unique_ptr<WorkerBackend>> start_worker(const WorkerOptions& options, const Clock& clock,
                                                    const LoadProgress& progress) {
  // The same checks as the worker's, before anything is started.
  if (auto checked = load_settings_from_json(to_json(options.load)); !checked) {
    return std::unexpected(with_context("load settings", std::move(checked.error())));
  }
  auto connection = Connection::start(options.program, shared_bytes_max, clock, options.advice);
  if (!connection) return std::unexpected(std::move(connection.error()));
  const auto close_and = [&](Error error) {
    (*connection)->close(options.stop_timeout_ns / 2);
    return std::unexpected(std::move(error));
  };
  const Connection::KeepWaiting keep_waiting = [&] { return !progress || progress(0); };
  const auto hello = (*connection)->greeting({options.start_timeout_ns, Errc::timeout, &keep_waiting});
  if (!hello) return close_and(hello.error());
  if (!std::holds_alternative<wire::Hello>(*hello)) {
    return (*connection)->lose(Errc::engine_lost, "broke the protocol: began by " + std::string(wire::name(*hello)));
  }
  auto loaded = load(**connection, options, clock, progress);
  if (!loaded) return close_and(loaded.error());
  name_as_installed(loaded->facts, options);
  return std::make_unique<ProcessBackend>(std::move(*connection), std::move(*loaded), options, clock);
}

}  // namespace assay::adapter
