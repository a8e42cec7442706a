#include "direct/cpu_backend.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "device/cpu/thread_pool.h"
#include "direct/cpu_model.h"
#include "direct/cpu_stages.h"
#include "direct/kv_memory.h"
#include "engine/pass.h"
#include "engine/slot_runs.h"

namespace assay::direct {
namespace {

constexpr std::uint32_t batch_limit = 8192;  // slots; scratch grows with it
constexpr std::uint32_t sequences_limit = 4096;
constexpr std::uint32_t threads_limit = 1024;

Result<void> check(const CpuOptions& options) {
  ASSAY_TRY(in_range("context", options.context, 2, 1U << 24));
  ASSAY_TRY(in_range("sequences", options.sequences, 1, sequences_limit));
  ASSAY_TRY(in_range("batch", options.batch, 1, batch_limit));
  ASSAY_TRY(in_range("threads", options.threads, 0, threads_limit));
  if (options.isa > kernel::best_isa()) {
    return fail(Errc::unsupported, "instruction set " + std::string(name(options.isa)) + ": this machine runs " +
                                       std::string(name(kernel::best_isa())));
  }
  return {};
}

// Whether the input of any matrix is rounded to 8 bits in blocks of 32, as it is for quantized ones.
bool rounds_to_blocks(const CpuModel& model) {
  bool rounds = false;
  each_product(model,
               [&](const kernel::PackedMatrix& w) { rounds = rounds || w.form() == kernel::ActivationForm::blocks8; });
  return rounds;
}

class CpuBackend final : public Backend {
 public:
  CpuBackend(CpuModel model, KvMemory cache, std::unique_ptr<device::ThreadPool> pool, const CpuOptions& options)
      : model_(std::move(model)),
        cache_(std::move(cache)),
        pool_(std::move(pool)),
        stages_(model_, cache_, *pool_, options.isa, options.stop, options.added) {
    facts_.name = "direct";
    facts_.version = ASSAY_VERSION;
    facts_.build =
        ASSAY_BUILD " isa=" + std::string(kernel::name(options.isa)) + " threads=" + std::to_string(pool_->threads());
    facts_.device = "cpu";
    facts_.kernel_path = kernel::name(options.isa);
    facts_.context = options.context;
    facts_.sequences = options.sequences;
    facts_.batch = options.batch;
    facts_.vocab = model_.config.vocab;
    facts_.hidden = model_.config.hidden;
    facts_.embedding = model_.config.hidden;
    facts_.kv_type = kernel::name(options.kv);
    facts_.activations = rounds_to_blocks(model_) ? "q8_0" : "f32";
    facts_.deterministic = true;
    const auto slides = [](const KvGroup& group) { return group.window != 0; };
    if (std::ranges::any_of(cache_.groups(), slides)) facts_.rewind = Rewind::checkpoint;
  }

  // Before the first start().
  Result<void> reserve() { return stages_.reserve(facts_.batch); }

  const BackendFacts& facts() const override { return facts_; }

  // The caller's thread computes too: all of it happens in finish().
  Result<void> start(const Batch& batch) override {
    ASSAY_TRY(pass_.plan(batch, facts_, cache_.table().lengths()));
    growth_.clear();
    for (const SlotRun& run : pass_.runs()) growth_.push_back({run.seq, run.count});
    ASSAY_TRY(cache_.append(growth_));
    stages_.set_batch(pass_.slots(), pass_.runs(), batch.embeddings);
    pass_.begun();
    return {};
  }

  Result<void> finish(const Rows& rows) override {
    ASSAY_TRY(pass_.end());
    auto done = pass_.check(rows, facts_);
    if (done) {
      stages_.set_rows(rows);
      for (auto step = model_.steps.begin(); done && step != model_.steps.end(); ++step) done = stages_.run(*step);
    }
    if (done) done = stages_.go_on();  // a stop within the last step
    if (!done) {                       // nothing has changed then
      for (const SlotRun& run : pass_.runs()) ASSAY_TRY(cache_.truncate(run.seq, run.position));
    }
    return done;
  }

  Result<void> forget(SeqId seq, Position from, Position to) override {
    ASSAY_TRY(pass_.idle("forget"));
    const auto drops = check_forget(facts_, cache_.table().lengths(), seq, from, to);
    if (!drops) return std::unexpected(drops.error());
    if (!*drops) return {};
    return cache_.truncate(seq, from);
  }

  Result<void> share(SeqId from, SeqId to, Position upto) override {
    ASSAY_TRY(pass_.idle("share"));
    ASSAY_TRY(check_share(facts_, cache_.table().lengths(), from, to, upto));
    return cache_.share(from, to, upto);
  }

  MemoryUse memory() const override {
    return {.weights = model_.bytes, .kv = cache_.statistics().bytes_used, .scratch = stages_.scratch_bytes()};
  }

 private:
  const CpuModel model_;
  KvMemory cache_;
  std::unique_ptr<device::ThreadPool> pool_;
  CpuStages stages_;
  BackendFacts facts_;
  Pass pass_;
  std::vector<PageTable::Growth> growth_;
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
  auto cache =
      KvMemory::create(kv_groups(weights.config, options.kv, options.context), {.context = options.context,
                                                                                .sequences = options.sequences,
                                                                                .batch = options.batch,
                                                                                .positions = options.kv_positions});
  if (!cache) return std::unexpected(std::move(cache.error()));
  auto model = pack_model(weights, options.isa, *pool, progress, options.stop);
  if (!model) return std::unexpected(std::move(model.error()));
  auto backend = std::make_unique<CpuBackend>(std::move(*model), std::move(*cache), std::move(pool), options);
  ASSAY_TRY(backend->reserve());
  return backend;
}

}  // namespace assay::direct
