#include "cli/engine_proof.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "adapter/worker/worker_backend.h"
#include "checkpoint/checkpoint.h"
#include "cli/proof_models.h"
#include "host/host.h"
#include "measure/parity_run.h"
#include "model/weights.h"

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

// Whole tiles of matrix units (32 rows twice) and a rest, a batch smaller than two tiles, and decode.
constexpr std::array<std::uint32_t, 10> batches{72, 23, 1, 1, 1, 1, 1, 1, 1, 1};
constexpr std::uint32_t prompt_rows = 12;  // compared of the first batch
constexpr std::uint32_t tokens_all = 72 + 23 + 8;
// The bound is the largest of a few logits of two tries, and another right engine may be somewhat beyond it: llama.cpp's F32
// came to 1.04 times it. What computes wrong is off by whole logits. GPUs sum quantized products in f16 for some sizes,
// which no rounding that an engine states describes.
constexpr double cpu_slack = 2;
constexpr double gpu_slack = 4;

struct Text {
  std::vector<Token> tokens;
  std::vector<std::uint32_t> positions;  // that are compared, rising
};

Text text_for(std::uint32_t vocab) {
  Text out;
  for (std::size_t i = 0; i < tokens_all; ++i)
    out.tokens.push_back(static_cast<Token>((i * 53 + i * i * 7 + 11) % vocab));
  out.positions = measure::spread_positions(batches[0], prompt_rows);
  for (std::uint32_t i = batches[0] + batches[1] - 4; i < tokens_all; ++i) out.positions.push_back(i);
  return out;
}

std::string words_of(std::uint32_t batch) {
  return batch == 1 ? "decoding one token" : "a prompt of " + std::to_string(batch) + " tokens";
}

std::string number(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g", value);
  return text.data();
}

// The logits at the text's positions, or what went wrong.
struct Fed {
  std::vector<float> logits;
  std::string failure;
};

Result<Fed> feed(Backend& backend, const Text& text) {
  Fed out;
  Logits logits;
  std::uint32_t begin = 0;
  for (const std::uint32_t batch : batches) {
    std::vector<Slot> slots;
    for (std::uint32_t i = begin; i < begin + batch; ++i) {
      slots.push_back({0, i, text.tokens[i], logits_if(std::ranges::binary_search(text.positions, i))});
    }
    if (const auto done = backend.forward(slots, logits); !done) {
      if (done.error().code == Errc::cancelled) return std::unexpected(done.error());
      out.failure = words_of(batch) + ": " + done.error().detail;
      return out;
    }
    out.logits.insert(out.logits.end(), logits.values.begin(), logits.values.end());
    begin += batch;
  }
  return out;
}

// What is wrong with the logits; "": nothing. Prefill and decode apart, since they run on other paths.
Result<std::string> held_against(const measure::Reference& reference, std::span<const float> logits, double slack) {
  const auto first_decoded = static_cast<std::size_t>(
      std::ranges::lower_bound(reference.positions, batches[0] + batches[1]) - reference.positions.begin());
  const std::size_t split = first_decoded * reference.vocab;
  const std::span<const double> known(reference.logits);
  measure::Bound bound = reference.bounds.front().prefill;
  bound.max_abs *= slack;
  bound.rms *= slack;
  for (const bool decode : {false, true}) {
    const auto compared =
        measure::compare(decode ? known.subspan(split) : known.first(split),
                         decode ? logits.subspan(split) : logits.first(split), reference.vocab, bound);
    const std::string where = decode ? "decoding one token at a time" : "a prompt";
    if (!compared) return where + ": " + compared.error().detail;
    if (!compared->holds()) {
      return where + ": logits differ from the double-precision reference by " + number(compared->max_abs) +
             ", expected at most " + number(bound.max_abs) + ": " + compared->Agreement::complaint();
    }
  }
  return std::string();
}

class Proof final {
 public:
  Proof(const ProofOptions& options, const Clock& clock, const ProofProgress& progress)
      : options_(options), clock_(clock), progress_(progress), pool_(device::default_threads()) {}

  Result<adapter::Verdict> run() {
    std::vector<ProofModel> models = proof_models(options_.loads, options_.chooses_flash_attention);
    if (models.empty()) return fail(Errc::bug, "no model that this engine loads can be made");
    std::vector<std::string> devices = options_.devices;
    if (!options_.every_kind) {
      models.resize(1);
      devices.resize(std::min<std::size_t>(devices.size(), 1));
    }
    std::ranges::stable_partition(devices, [](const std::string& device) { return device == "cpu"; });
    total_ = models.size() * devices.size();
    std::string where;
    for (const std::string& device : devices) {
      const std::uint64_t begin = proven_;
      for (const ProofModel& model : models) {
        if (!go_on()) return fail(Errc::cancelled, "stopped");
        if (device != devices.front() && widened_.contains(model.words)) {
          ++done_;
          continue;
        }
        auto failure = one(model, device);
        if (!failure) return std::unexpected(std::move(failure.error()));
        if (!failure->empty())
          return adapter::Verdict{.failure = model.words + " on " + device + ", " + *failure, .proof = ""};
        ++done_;
        ++proven_;
      }
      const std::uint64_t here = proven_ - begin;
      where += (where.empty() ? "" : ", ") + std::to_string(here) + (here == 1 ? " model on " : " models on ") + device;
    }
    if (!go_on()) return fail(Errc::cancelled, "stopped");
    return adapter::Verdict{.failure = "", .proof = where + ", prefill and decode as the reference"};
  }

 private:
  bool go_on() { return progress_(done_, total_); }

  Result<std::string> one(const ProofModel& model, const std::string& device) {
    const auto path = write_proof_model(model, options_.folder, pool_);
    if (!path) return std::unexpected(path.error());
    auto failure = hold(model, *path, device);
    std::error_code ignored;
    fs::remove_all(*path, ignored);
    return failure;
  }

  Result<std::string> hold(const ProofModel& model, const std::string& path, const std::string& device) {
    const auto checkpoint = Checkpoint::open(path);
    if (!checkpoint) return std::unexpected(checkpoint.error());
    const auto weights = model::bind(checkpoint->config(), [&](auto tensor) { return checkpoint->tensor(tensor); });
    if (!weights) return std::unexpected(weights.error());
    adapter::WorkerOptions worker;
    worker.program = options_.worker;
    worker.load.model = path;
    worker.load.device = device;
    worker.load.context = 256;
    worker.load.batch = worker.load.ubatch = 128;
    worker.load.threads = static_cast<std::uint32_t>(std::min<std::size_t>(pool_.threads(), 2));
    worker.load.flash_attention = model.flash_attention;
    worker.start_timeout_ns = worker.load_timeout_ns = worker.call_timeout_ns = options_.step_timeout_ns;
    worker.keep_waiting = [this] { return go_on(); };
    auto backend = adapter::start_worker(worker, clock_, [this](double) { return go_on(); });
    if (!backend) {
      if (backend.error().code == Errc::cancelled) return std::unexpected(std::move(backend.error()));
      return "loading: " + backend.error().detail;
    }
    const auto rounding = measure::rounding_from((*backend)->facts());
    if (!rounding) return "loading: " + rounding.error().detail;
    if ((*backend)->facts().vocab != model.config.vocab) {
      return "loading: the engine has a vocabulary of " + std::to_string((*backend)->facts().vocab) + ", expected " +
             std::to_string(model.config.vocab);
    }
    if (std::ranges::any_of((*backend)->facts().notes,
                            [](const std::string& note) { return note.find(" widened to ") != std::string::npos; }))
      widened_.insert(model.words);
    const Text text = text_for(model.config.vocab);
    const auto fed = feed(**backend, text);
    if (!fed) return std::unexpected(fed.error());
    if (!fed->failure.empty()) return fed->failure;
    const std::array roundings{*rounding};
    const auto reference = measure::make_reference(*weights, text.tokens, text.positions, roundings, &pool_,
                                                   [this](double) { return go_on(); });
    if (!reference) return std::unexpected(reference.error());
    return held_against(*reference, fed->logits, device == "cpu" ? cpu_slack : gpu_slack);
  }

  const ProofOptions& options_;
  const Clock& clock_;
  const ProofProgress& progress_;
  device::ThreadPool pool_;
  std::uint64_t done_ = 0;  // of total_: proven, or left out
  std::uint64_t total_ = 0;
  std::uint64_t proven_ = 0;
  // Whose matrices the engine turned into another type when it loaded them: to a second device that is no new model.
  std::set<std::string> widened_;
};

}  // namespace

Result<adapter::Verdict> prove_engine(const ProofOptions& options, const Clock& clock, const ProofProgress& progress) {
  return Proof(options, clock, progress).run();
}

Result<std::string> try_engine(const adapter::Manifest& manifest, const Clock& clock,
                               const std::function<bool()>& go_on) {
  std::error_code error;
  const fs::path folder =
      fs::temp_directory_path(error) / ("assay-try-" + std::to_string(host::own_process()) + "-" + manifest.name);
  if (error) return fail(Errc::io, "no folder for temporary files: " + error.message());
  auto verdict = prove_engine({.worker = (fs::path(manifest.folder) / manifest.worker).string(),
                               .devices = manifest.devices,
                               .loads = manifest.loads,
                               .chooses_flash_attention = false,
                               .folder = folder,
                               .every_kind = false,
                               .step_timeout_ns = 20'000'000'000},
                              clock, [&](std::uint64_t, std::uint64_t) { return go_on(); });
  fs::remove_all(folder, error);
  if (!verdict) return std::unexpected(std::move(verdict.error()));
  return std::move(verdict->failure);
}

}  // namespace assay::cli
