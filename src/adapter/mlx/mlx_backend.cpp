#include "adapter/mlx/mlx_backend.h"

#include <mlx/memory.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>
#include <mlx/version.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <new>
#include <set>
#include <utility>
#include <vector>

#include "adapter/mlx/compute.h"
#include "adapter/mlx/graph.h"
#include "adapter/mlx/luck.h"
#include "adapter/worker/serve.h"
#include "base/clock.h"
#include "checkpoint/checkpoint.h"
#include "engine/pass.h"
#include "engine/slot_runs.h"
#include "model/weights.h"

namespace assay::adapter::mlx {
namespace {

constexpr std::uint64_t default_cache_bytes = std::uint64_t{256} << 20U;

// Slots [begin, end) of a planned batch as a batch of their own.
GraphBatch piece_of(std::span<const Slot> slots, std::span<const SlotRun> runs, std::uint32_t begin,
                    std::uint32_t end) {
  GraphBatch piece;
  for (std::uint32_t s = begin; s < end; ++s) {
    piece.tokens.push_back(slots[s].token);
    if (slots[s].want == Want::logits) piece.wanted.push_back(static_cast<std::int32_t>(s - begin));
  }
  for (const SlotRun& run : runs) {
    const std::uint32_t first = std::max(run.first, begin);
    const std::uint32_t last = std::min(run.first + run.count, end);
    if (first >= last) continue;
    piece.runs.push_back({.seq = run.seq,
                          .position = run.position + (first - run.first),
                          .first = first - begin,
                          .count = last - first});
  }
  return piece;
}

class MlxBackend final : public Backend {
 public:
  MlxBackend(Compute compute, GraphModel model, const LoadSettings& settings)
      : compute_(std::move(compute)),
        model_(std::move(model)),
        graph_(model_, compute_),
        ubatch_(settings.ubatch),
        sequences_(settings.sequences),
        lengths_(settings.sequences) {
    facts_.name = "mlx";
    facts_.version = libmlx_version();
    facts_.build = "libmlx " + libmlx_version() + ", " + settings.device + ", streams " +
                   std::to_string(std::max<std::size_t>(1, compute_.streams.size()));
    facts_.device = settings.device;
    facts_.kernel_path =
        settings.device + (compute_.fused ? ", rotation and attention fused" : ", composed operations");
    facts_.context = settings.context;
    facts_.sequences = settings.sequences;
    facts_.batch = settings.batch;
    facts_.vocab = model_.config.vocab;
    facts_.kv_type = type_name(compute_.kv);
    facts_.activations = type_name(compute_.activations);
    facts_.notes = model_.notes;
    if (settings.map_file) facts_.notes.emplace_back("weights are copied: libmlx maps no file");
    if (!settings.flash_attention && compute_.fused) {
      facts_.notes.emplace_back("flash_attention: libmlx chooses its attention kernel itself");
    }
    facts_.deterministic = false;
  }

  const BackendFacts& facts() const override { return facts_; }

  // The graph is built and computed in finish(), which prepares the next one while it waits.
  Result<void> start(const Batch& batch) override {
    ASSAY_TRY(alive());
    ASSAY_TRY(pass_.plan(batch, facts_, lengths_));
    pass_.begun();
    return {};
  }

  Result<void> finish(const Rows& rows) override {
    ASSAY_TRY(pass_.end());
    ASSAY_TRY(pass_.check(rows, facts_));
    return guarded([&] { compute_pieces(pass_.slots(), rows.logits); });
  }

  Result<void> forget(SeqId seq, Position from, Position to) override {
    ASSAY_TRY(alive());
    ASSAY_TRY(pass_.idle("forget"));
    const auto cut = check_forget(facts_, lengths_, seq, from, to);
    if (!cut) return std::unexpected(cut.error());
    if (!*cut) return {};
    return guarded([&] {
      ahead_.reset();
      lengths_[seq] = from;
      if (from == 0) sequences_[seq] = KvSequence{};
    });
  }

  Result<void> share(SeqId from, SeqId to, Position upto) override {
    ASSAY_TRY(alive());
    ASSAY_TRY(pass_.idle("share"));
    ASSAY_TRY(check_share(facts_, lengths_, from, to, upto));
    if (upto == 0) return {};
    return guarded([&] {
      ahead_.reset();
      sequences_[to] = sequences_[from];
      lengths_[to] = upto;
    });
  }

  MemoryUse memory() const override {
    MemoryUse use{.weights = model_.bytes, .kv = 0, .scratch = mx::get_cache_memory()};
    std::set<std::uintptr_t> seen;  // shared arrays once
    for (const KvSequence& sequence : sequences_) {
      for (const std::vector<mx::array>* arrays : {&sequence.keys, &sequence.values}) {
        for (const mx::array& array : *arrays) {
          if (seen.insert(array.id()).second) use.kv += array.nbytes();
        }
      }
    }
    return use;
  }

 private:
  // A piece that is being computed.
  struct Step {
    mx::array out;                    // as Graph::build returns it
    std::optional<mx::array> likely;  // (slots) int32, where each sequence may get one more token
  };

  Result<void> alive() const {
    if (lost_.empty()) return {};
    return fail(Errc::engine_lost, "libmlx failed before: " + lost_);
  }

  // libmlx says what went wrong by exceptions. What it had begun to write is then unknown: nothing goes on.
  template <class Work>
  Result<void> guarded(Work work) {
    try {
      mx::set_default_device(compute_.device);
      if (!compute_.streams.empty()) mx::set_default_stream(compute_.streams.front());
      work();
      return {};
    } catch (const std::exception& error) {
      lost_ = error.what();
    } catch (...) {
      lost_ = "an exception without a message";
    }
    return fail(Errc::engine_lost, "libmlx: " + lost_);
  }

  void compute_pieces(std::span<const Slot> slots, std::span<float> rows) {
    const auto count = static_cast<std::uint32_t>(slots.size());
    for (std::uint32_t begin = 0; begin < count; begin += ubatch_) {
      const GraphBatch piece = piece_of(slots, pass_.runs(), begin, std::min(count, begin + ubatch_));
      Step step = start(piece);
      mx::array& out = step.out;
      if (piece.wanted.empty()) {
        // Computed while the next piece is built; at most one is under way.
        if (under_way_) under_way_->eval();
        under_way_ = std::move(out);
        continue;
      }
      under_way_.reset();
      // While this step computes, the next one is prepared, in the hope that each sequence gets one more token.
      if (step.likely && count <= ubatch_) build_ahead(piece, *step.likely);
      out.eval();
      if (ahead_) {
        step.likely->eval();
        const auto* likely = step.likely->data<std::int32_t>();
        ahead_->guess.assign(likely, likely + piece.tokens.size());
        const std::int64_t now_ns = clock_.now_ns();
        if (follows_ && luck_.good()) pace_.note(now_ns - answered_ns_);
        answered_ns_ = now_ns;
      }
      ASSAY_ASSERT(out.size() <= rows.size());
      std::memcpy(rows.data(), out.data<float>(), out.nbytes());
      rows = rows.subspan(out.size());
    }
  }

  // Begins to compute a piece and appends it to its sequences.
  Step start(const GraphBatch& piece) {
    std::optional<mx::array> out;
    std::optional<Ahead> ahead =
        std::exchange(ahead_, std::nullopt);  // it would keep arrays from being written in place
    const bool fits = ahead && ahead->batch.runs == piece.runs && ahead->batch.wanted == piece.wanted;
    const bool right = fits && ahead->guess == piece.tokens;
    if (fits) luck_.note(ahead->begun, right);
    if (fits && !right) pace_.again();
    follows_ = fits;
    if (fits && ahead->begun && right) {
      for (const SlotRun& run : piece.runs) lengths_[run.seq] = run.position + run.count;
      return std::move(ahead->step);
    }
    if (fits && !ahead->begun) {
      std::ranges::copy(piece.tokens, ahead->tokens.data<std::int32_t>());
      for (std::size_t r = 0; r < piece.runs.size(); ++r) {
        sequences_[piece.runs[r].seq] = std::move(ahead->sequences[r]);
      }
      out = std::move(ahead->step.out);
      ahead.reset();
    } else {
      ahead.reset();
      std::vector<KvSequence*> sequences;
      sequences.reserve(piece.runs.size());
      for (const SlotRun& run : piece.runs) sequences.push_back(&sequences_[run.seq]);
      out = graph_.build(piece, array_of(piece.tokens), sequences);
    }
    for (const SlotRun& run : piece.runs) lengths_[run.seq] = run.position + run.count;
    return begin(piece, std::move(*out));
  }

  // Begins to compute a graph, what it appends to the sequences and, where another token may follow each of them, the
  // most likely one.
  Step begin(const GraphBatch& batch, mx::array out) const {
    Step step{.out = std::move(out), .likely = {}};
    std::vector<mx::array> all = {step.out};
    if (compute_.fused && is_decode(batch)) {
      step.likely = mx::astype(mx::argmax(step.out, -1), mx::int32);
      all.push_back(*step.likely);
    }
    for (const SlotRun& run : batch.runs) {
      const KvSequence& sequence = sequences_[run.seq];
      all.insert(all.end(), sequence.keys.begin(), sequence.keys.end());
      all.insert(all.end(), sequence.values.begin(), sequence.values.end());
    }
    mx::async_eval(std::move(all));
    return step;
  }

  static mx::array array_of(const std::vector<std::int32_t>& values) {
    return mx::array(values.begin(), {static_cast<int>(values.size())});
  }

  // One slot of each sequence, all with logits, and room for one more.
  bool is_decode(const GraphBatch& piece) const {
    return piece.wanted.size() == piece.tokens.size() && std::ranges::all_of(piece.runs, [&](const SlotRun& run) {
             return run.count == 1 && run.position + 1 < facts_.context;
           });
  }

  // likely: the tokens that may follow those of `piece`, being computed.
  void build_ahead(const GraphBatch& piece, const mx::array& likely) {
    GraphBatch batch = piece;
    for (SlotRun& run : batch.runs) ++run.position;
    if (luck_.good() && pace_.begins()) {
      // What it writes lies behind the end of each sequence: where the guess is wrong, the right token's keys and values
      // take that place.
      std::vector<KvSequence*> sequences;
      sequences.reserve(batch.runs.size());
      for (const SlotRun& run : batch.runs) sequences.push_back(&sequences_[run.seq]);
      Step step = begin(batch, graph_.build(batch, likely, sequences));
      ahead_ = Ahead{.batch = std::move(batch),
                     .tokens = likely,
                     .sequences = {},
                     .step = std::move(step),
                     .begun = true,
                     .guess = {}};
      return;
    }
    std::vector<KvSequence> copies;
    copies.reserve(batch.runs.size());
    for (const SlotRun& run : batch.runs) copies.push_back(sequences_[run.seq]);
    std::vector<KvSequence*> sequences;
    sequences.reserve(copies.size());
    for (KvSequence& copy : copies) sequences.push_back(&copy);
    const mx::array tokens = array_of(batch.tokens);
    mx::array out = graph_.build(batch, tokens, sequences);
    ahead_ = Ahead{.batch = std::move(batch),
                   .tokens = tokens,
                   .sequences = std::move(copies),
                   .step = {.out = std::move(out), .likely = {}},
                   .begun = false,
                   .guess = {}};
  }

  // The step that may come next: begun already with the most likely tokens, so that the device never waits for the host,
  // or a graph whose tokens are written into the array just before it is computed.
  struct Ahead {
    GraphBatch batch;
    mx::array tokens;                   // (slots) int32
    std::vector<KvSequence> sequences;  // not begun: as they are after it, one per run
    Step step;
    bool begun = false;
    std::vector<std::int32_t> guess;  // the most likely tokens
  };

  const Compute compute_;
  const GraphModel model_;
  const Graph graph_;
  const std::uint32_t ubatch_;
  std::vector<KvSequence> sequences_;
  std::vector<Position> lengths_;  // positions that each sequence holds
  Pass pass_;
  std::optional<mx::array> under_way_;  // result of a piece that nobody waits for
  std::optional<Ahead> ahead_;
  Luck luck_;
  Pace pace_;
  const SteadyClock clock_;
  bool follows_ = false;          // the step under way is the one that was prepared
  std::int64_t answered_ns_ = 0;  // of the step before it
  BackendFacts facts_;
  std::string lost_;  // why nothing goes on
};

}  // namespace

std::string libmlx_version() { return mx::version(); }

Result<std::unique_ptr<Backend>> make_mlx_backend(const LoadSettings& settings, const LoadProgress& progress) {
  return make_adjusted_mlx_backend(settings, progress, [](Compute&) {});
}

Result<std::unique_ptr<Backend>> make_adjusted_mlx_backend(const LoadSettings& settings, const LoadProgress& progress,
                                                           const std::function<void(Compute&)>& adjust) {
  try {
    const auto checkpoint = Checkpoint::open(settings.model);
    if (!checkpoint) return std::unexpected(checkpoint.error());
    const auto weights =
        model::bind(checkpoint->config(), [&](std::string_view name) { return checkpoint->tensor(name); });
    if (!weights) return std::unexpected(weights.error());
    auto compute = choose_compute(settings, *weights);
    if (!compute) return std::unexpected(std::move(compute.error()));
    adjust(*compute);
    mx::set_default_device(compute->device);
    mx::set_cache_limit(settings.cache_bytes == 0 ? default_cache_bytes : settings.cache_bytes);
    device::ThreadPool pool(std::min<std::size_t>(settings.threads, device::default_threads()));
    const auto total = static_cast<double>(checkpoint->weight_bytes());
    GraphModel model = load_model(*weights, *compute, pool, [&](std::uint64_t bytes) {
      return !progress || progress(std::min(1.0, static_cast<double>(bytes) / total));
    });
    checkpoint->drop_pages();
    return std::make_unique<MlxBackend>(std::move(*compute), std::move(model), settings);
  } catch (const Loader::Cancelled&) {
    return fail(Errc::cancelled, "loading of " + settings.model + " was stopped");
  } catch (const std::bad_alloc&) {
    return fail(Errc::full, settings.model + ": memory is short for its weights");
  } catch (const std::exception& error) {
    return fail(Errc::engine_lost, "libmlx: " + std::string(error.what()));
  }
}

}  // namespace assay::adapter::mlx
