#include "direct/cpu_backend.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "cache/kv_cache.h"
#include "device/cpu/thread_pool.h"
#include "direct/cpu_model.h"
#include "direct/cpu_stages.h"

namespace assay::direct {
namespace {

constexpr std::uint32_t batch_limit = 8192;  // slots; scratch grows with it
constexpr std::uint32_t sequences_limit = 4096;
constexpr std::uint32_t threads_limit = 1024;

Result<void> check(const CpuOptions& options) {
  const auto range = [](const char* name, std::uint64_t met, std::uint64_t low, std::uint64_t high) -> Result<void> {
    if (met >= low && met <= high) return {};
    return fail(Errc::bad_value, std::string(name) + " is " + std::to_string(met) + ", expected " +
                                     std::to_string(low) + ".." + std::to_string(high));
  };
  ASSAY_TRY(range("context", options.context, 2, 1U << 24));
  ASSAY_TRY(range("sequences", options.sequences, 1, sequences_limit));
  ASSAY_TRY(range("batch", options.batch, 1, batch_limit));
  ASSAY_TRY(range("threads", options.threads, 0, threads_limit));
  if (options.isa > kernel::best_isa()) {
    return fail(Errc::unsupported, "instruction set " + std::string(name(options.isa)) + ": this machine runs " +
                                       std::string(name(kernel::best_isa())));
  }
  return {};
}

class CpuBackend final : public Backend {
 public:
  CpuBackend(CpuModel model, KvCache cache, std::unique_ptr<device::ThreadPool> pool, const CpuOptions& options)
      : model_(std::move(model)),
        cache_(std::move(cache)),
        pool_(std::move(pool)),
        stages_(model_, cache_, *pool_, options.isa, options.batch) {
    facts_.name = "direct";
    facts_.version = ASSAY_VERSION;
    facts_.build =
        ASSAY_BUILD " isa=" + std::string(kernel::name(options.isa)) + " threads=" + std::to_string(pool_->threads());
    facts_.device = "cpu";
    facts_.context = options.context;
    facts_.sequences = options.sequences;
    facts_.batch = options.batch;
    facts_.vocab = model_.config.vocab;
    facts_.kv_type = kernel::name(options.kv);
    facts_.deterministic = true;
  }

  const BackendFacts& facts() const override { return facts_; }

  Result<void> forward(std::span<const Slot> slots, Logits& logits) override {
    ASSAY_TRY(plan_runs(slots));
    growth_.clear();
    for (const SlotRun& run : runs_) growth_.push_back({run.seq, run.count});
    ASSAY_TRY(cache_.append(growth_));
    stages_.set_batch(slots, runs_, logits);
    return model::forward(model_.config.layers, stages_);
  }

  Result<void> forget(SeqId seq, Position from, Position to) override {
    ASSAY_TRY(known(seq));
    const Position length = cache_.length(seq);
    if (from >= length) return {};
    if (to < length) {
      return fail(Errc::unsupported, "forget positions " + std::to_string(from) + ".." + std::to_string(to) +
                                         " of sequence " + std::to_string(seq) + ": it holds " +
                                         std::to_string(length) + ", only a tail can be dropped");
    }
    return cache_.truncate(seq, from);
  }

  Result<void> share(SeqId from, SeqId to, Position upto) override {
    ASSAY_TRY(known(from));
    ASSAY_TRY(known(to));
    if (cache_.length(to) != 0 || from == to) {
      return fail(Errc::bad_value, "share into sequence " + std::to_string(to) + ": it holds " +
                                       std::to_string(cache_.length(to)) + " positions, expected an empty one");
    }
    if (upto > cache_.length(from)) {
      return fail(Errc::bad_value, "share " + std::to_string(upto) + " positions of sequence " + std::to_string(from) +
                                       ": it holds " + std::to_string(cache_.length(from)));
    }
    return cache_.share(from, to, upto);
  }

  MemoryUse memory() const override {
    return {.weights = model_.bytes, .kv = cache_.statistics().bytes_used, .scratch = stages_.scratch_bytes()};
  }

 private:
  Result<void> known(SeqId seq) const {
    if (seq < facts_.sequences) return {};
    return fail(Errc::bad_value,
                "sequence " + std::to_string(seq) + ": expected 0.." + std::to_string(facts_.sequences - 1));
  }

  // Checks the slots and splits them into runs of one sequence each. A sequence may come once.
  Result<void> plan_runs(std::span<const Slot> slots) {
    runs_.clear();
    if (slots.empty() || slots.size() > facts_.batch) {
      return fail(Errc::bad_value,
                  "batch of " + std::to_string(slots.size()) + " slots, expected 1.." + std::to_string(facts_.batch));
    }
    for (std::uint32_t i = 0; i < slots.size(); ++i) {
      const Slot& slot = slots[i];
      ASSAY_TRY(known(slot.seq));
      const bool continues = !runs_.empty() && runs_.back().seq == slot.seq;
      const Position expected = continues ? runs_.back().position + runs_.back().count : cache_.length(slot.seq);
      const std::string where = "slot " + std::to_string(i) + " of sequence " + std::to_string(slot.seq);
      if (!continues && std::ranges::any_of(runs_, [&](const SlotRun& run) { return run.seq == slot.seq; })) {
        return fail(Errc::bad_value, where + ": its sequence came before, expected slots of a sequence together");
      }
      if (slot.pos != expected) {
        return fail(Errc::bad_value,
                    where + ": position " + std::to_string(slot.pos) + ", expected " + std::to_string(expected));
      }
      if (slot.pos >= facts_.context) {
        return fail(Errc::bad_value, where + ": position " + std::to_string(slot.pos) + ", context holds " +
                                         std::to_string(facts_.context));
      }
      if (slot.token < 0 || static_cast<std::uint32_t>(slot.token) >= facts_.vocab) {
        return fail(Errc::bad_value, where + ": token " + std::to_string(slot.token) + ", expected 0.." +
                                         std::to_string(facts_.vocab - 1));
      }
      if (continues) {
        ++runs_.back().count;
      } else {
        runs_.push_back({.seq = slot.seq, .position = slot.pos, .first = i, .count = 1});
      }
    }
    return {};
  }

  const CpuModel model_;
  KvCache cache_;
  std::unique_ptr<device::ThreadPool> pool_;
  CpuStages stages_;
  BackendFacts facts_;
  std::vector<SlotRun> runs_;
  std::vector<KvCache::Growth> growth_;
};

}  // namespace

Result<std::unique_ptr<Backend>> make_cpu_backend(const model::Weights& weights, const CpuOptions& options,
                                                  const LoadProgress& progress) {
  ASSAY_TRY(check(options));
  const std::uint32_t threads =
      options.threads != 0 ? options.threads : static_cast<std::uint32_t>(device::default_threads());
  auto pool = std::make_unique<device::ThreadPool>(threads);
  if (options.threads != 0 && pool->threads() < threads) {
    return fail(Errc::full,
                "threads is " + std::to_string(threads) + ": the system gives " + std::to_string(pool->threads()));
  }
  const ModelConfig& config = weights.config;
  const std::uint64_t pages = options.kv_positions != 0 ? KvShape::pages_for(options.kv_positions)
                                                        : KvShape::pages_for(options.context) * options.sequences;
  if (pages > std::numeric_limits<std::uint32_t>::max()) {
    return fail(Errc::bad_value, "keys and values of " + std::to_string(options.sequences) + " sequences take " +
                                     std::to_string(pages) + " pages, expected at most 4294967295");
  }
  auto cache = KvCache::create({.layers = config.layers,
                                .kv_heads = config.kv_heads,
                                .layout = {.type = options.kv, .head_dim = config.head_dim}},
                               static_cast<std::uint32_t>(pages), options.sequences);
  if (!cache) return std::unexpected(std::move(cache.error()));
  auto model = pack_model(weights, options.isa, *pool, progress);
  if (!model) return std::unexpected(std::move(model.error()));
  return std::make_unique<CpuBackend>(std::move(*model), std::move(*cache), std::move(pool), options);
}

}  // namespace assay::direct
