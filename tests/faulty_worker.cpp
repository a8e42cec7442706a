// A worker program that computes right, by direct, but for what $ASSAY_FAULT says, in words joined by commas:
//   dies-in-loading dies-in-prefill (batches of 64 and more) dies-in-decode   hangs-in-loading hangs-in-decode
//   wrong-in-prefill wrong-in-decode (logits 20 % too large)   nan-in-decode   dies-without-flash
//   wrong-for=TYPE refuses=TYPE (of most weights: q4_k)
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "adapter/worker/serve.h"
#include "artifact/hash.h"
#include "checkpoint/checkpoint.h"
#include "direct/cpu_backend.h"
#include "model/weights.h"

namespace assay {
namespace {

constexpr std::size_t prompt_slots = 64;

bool has_fault(const std::string& wanted) {
  const char* text = std::getenv("ASSAY_FAULT");
  const std::string all = "," + std::string(text == nullptr ? "" : text) + ",";
  return all.find("," + wanted + ",") != std::string::npos;
}

void die(int signal) {
  ::signal(signal, SIG_DFL);  // a sanitizer would make an exit code of it
  ::raise(signal);
}

[[noreturn]] void hang() {
  while (true) ::pause();
}

class FaultyBackend final : public Backend {
 public:
  FaultyBackend(std::unique_ptr<Checkpoint> checkpoint, std::unique_ptr<Backend> right)
      : checkpoint_(std::move(checkpoint)),
        right_(std::move(right)),
        wrong_(has_fault("wrong-for=" + artifact::main_quant(*checkpoint_))) {}

  const BackendFacts& facts() const override { return right_->facts(); }

  Result<void> start(const Batch& batch) override {
    decodes_ = batch.slots.size() == 1;
    if (batch.slots.size() >= prompt_slots && has_fault("dies-in-prefill")) die(SIGILL);
    if (decodes_ && has_fault("dies-in-decode")) die(SIGSEGV);
    if (decodes_ && has_fault("hangs-in-decode")) hang();
    return right_->start(batch);
  }
  Result<void> finish(const Rows& rows) override {
    ASSAY_TRY(right_->finish(rows));
    if (wrong_ || has_fault(decodes_ ? "wrong-in-decode" : "wrong-in-prefill")) {
      for (float& value : rows.logits) value *= 1.2F;
    }
    if (decodes_ && has_fault("nan-in-decode") && !rows.logits.empty())
      rows.logits.front() = std::numeric_limits<float>::quiet_NaN();
    return {};
  }
  Result<void> forget(SeqId seq, Position from, Position to) override { return right_->forget(seq, from, to); }
  Result<void> share(SeqId from, SeqId to, Position upto) override { return right_->share(from, to, upto); }
  MemoryUse memory() const override { return right_->memory(); }

 private:
  const std::unique_ptr<Checkpoint> checkpoint_;
  const std::unique_ptr<Backend> right_;
  const bool wrong_;
  bool decodes_ = false;
};

Result<std::unique_ptr<Backend>> load(const adapter::LoadSettings& settings, const adapter::LoadProgress&) {
  if (has_fault("dies-in-loading")) die(SIGILL);
  if (has_fault("hangs-in-loading")) hang();
  if (!settings.flash_attention && has_fault("dies-without-flash")) die(SIGSEGV);
  auto opened = Checkpoint::open(settings.model);
  if (!opened) return std::unexpected(std::move(opened.error()));
  auto checkpoint = std::make_unique<Checkpoint>(std::move(*opened));
  const std::string quant = artifact::main_quant(*checkpoint);
  if (has_fault("refuses=" + quant)) return fail(Errc::unsupported, "weights of type " + quant);
  const auto weights = model::bind(checkpoint->config(), [&](auto name) { return checkpoint->tensor(name); });
  if (!weights) return std::unexpected(weights.error());
  auto right = direct::make_cpu_backend(*weights, {.context = settings.context,
                                                   .sequences = settings.sequences,
                                                   .batch = settings.batch,
                                                   .threads = settings.threads});
  if (!right) return std::unexpected(std::move(right.error()));
  return std::make_unique<FaultyBackend>(std::move(checkpoint), std::move(*right));
}

}  // namespace
}  // namespace assay

int main(int argc, char** argv) {
  return assay::adapter::serve_worker(argc, argv, {"faulty", "1", "of the tests"}, assay::load);
}
