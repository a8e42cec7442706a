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

namespace assay::adapter {
namespace {

// 110 rows of a vocabulary of 152k. Address space only: the system gives pages where logits are written.
constexpr std::size_t logits_bytes_max = 64 << 20;
// Steps of a GPU that are shorter are waited for awake, up to twice the last one's time; the processors are free then.
constexpr std::int64_t short_step_ns = 5'000'000;

class ProcessBackend final : public WorkerBackend {
 public:
  ProcessBackend(std::unique_ptr<Connection> connection, LoadedFacts loaded, const WorkerOptions& options,
                 const Clock& clock)
      : connection_(std::move(connection)),
        facts_(std::move(loaded.facts)),
        memory_(loaded.memory),
        rows_max_(logits_bytes_max / (sizeof(float) * facts_.vocab)),
        keep_waiting_(options.keep_waiting),
        patience_{options.call_timeout_ns, Errc::engine_lost, keep_waiting_ ? &keep_waiting_ : nullptr},
        stop_timeout_ns_(options.stop_timeout_ns),
        clock_(clock) {}

  ~ProcessBackend() override { connection_->close(stop_timeout_ns_ / 2); }

  const BackendFacts& facts() const override { return facts_; }

  Result<void> forward(std::span<const Slot> slots, Logits& logits) override {
    if (connection_->lost()) return std::unexpected(*connection_->lost());
    if (slots.empty() || slots.size() > facts_.batch) {
      return fail(Errc::bad_value,
                  std::to_string(slots.size()) + " slots, expected 1 to " + std::to_string(facts_.batch));
    }
    const std::int64_t start_ns = clock_.now_ns();
    const auto rows = static_cast<std::size_t>(std::ranges::count(slots, true, &Slot::wants_logits));
    logits.vocab = facts_.vocab;
    ASSAY_TRY(resize(logits.values, rows * facts_.vocab, std::to_string(rows) + " rows of logits"));
    auto result = forward_parts(slots, logits);
    ++cost_.calls;
    cost_.total_ns += clock_.now_ns() - start_ns;
    return result;
  }

  Result<void> forget(SeqId seq, Position from, Position to) override { return done(wire::Forget{seq, from, to}); }
  Result<void> share(SeqId from, SeqId to, Position upto) override { return done(wire::Share{from, to, upto}); }

  MemoryUse memory() const override {
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
  // As many forwards as the rows need. Where a later one fails, what the earlier ones appended is dropped again, so that
  // "nothing was changed" stays true.
  Result<void> forward_parts(std::span<const Slot> slots, Logits& logits) {
    std::size_t row = 0;
    std::span<const Slot> rest = slots;
    while (!rest.empty()) {
      std::size_t count = 0;
      std::size_t rows = 0;
      while (count < rest.size() && rows + (rest[count].wants_logits ? 1 : 0) <= rows_max_) {
        rows += rest[count++].wants_logits ? 1 : 0;
      }
      if (auto result = forward_part(rest.first(count), rows, logits, row); !result) {
        const std::size_t appended = slots.size() - rest.size();
        if (appended > 0 && !connection_->lost()) ASSAY_TRY(take_back(slots.first(appended)));
        return result;
      }
      row += rows;
      rest = rest.subspan(count);
    }
    return {};
  }

  Result<void> forward_part(std::span<const Slot> slots, std::size_t rows, Logits& logits, std::size_t first_row) {
    std::get<wire::Forward>(request_).slots.assign(slots.begin(), slots.end());
    const std::int64_t start_ns = clock_.now_ns();
    const bool is_step = slots.size() <= facts_.sequences;
    Connection::Patience patience = patience_;
    if (is_step && facts_.device != "cpu" && step_ns_ < short_step_ns) patience.awake_ns = 2 * step_ns_;
    const auto answer = connection_->call(request_, patience);
    if (is_step) step_ns_ = clock_.now_ns() - start_ns;
    if (!answer) return std::unexpected(answer.error());
    const auto* told = std::get_if<wire::Done>(&*answer);
    if (told == nullptr || told->rows != rows) {
      return connection_->lose(
          Errc::engine_lost,
          "broke the protocol: answered by " + std::string(wire::name(*answer)) +
              (told == nullptr ? ""
                               : " with " + std::to_string(told->rows) + " rows, expected " + std::to_string(rows)));
    }
    // Its own word, but no more than it took.
    cost_.engine_ns += std::min(told->engine_ns, clock_.now_ns() - start_ns);
    const std::size_t row_bytes = facts_.vocab * sizeof(float);
    if (rows > 0) std::memcpy(logits.row(first_row).data(), connection_->memory().data(), rows * row_bytes);
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
    const auto answer = connection_->call(request, patience_);
    if (!answer) return std::unexpected(answer.error());
    if (const auto* told = std::get_if<wire::Done>(&*answer); told != nullptr && told->rows == 0) return {};
    return connection_->lose(Errc::engine_lost, "broke the protocol: answered by " + std::string(wire::name(*answer)));
  }

  const std::unique_ptr<Connection> connection_;
  const BackendFacts facts_;
  mutable MemoryUse memory_;  // as told last
  const std::size_t rows_max_;
  const Connection::KeepWaiting keep_waiting_;
  const Connection::Patience patience_;
  const std::int64_t stop_timeout_ns_;
  const Clock& clock_;
  mutable BorderCost cost_;
  std::int64_t step_ns_ = short_step_ns;  // that the last step of one token per sequence took
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
    if (std::uint64_t{facts->facts.vocab} * sizeof(float) > logits_bytes_max) {
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
  auto connection = Connection::start(options.program, logits_bytes_max, clock, options.advice);
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
