#include "adapter/llama_cpp/llama_backend.h"

#include <llama.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "adapter/llama_cpp/llama_facts.h"
#include "adapter/llama_cpp/llama_library.h"
#include "adapter/llama_cpp/llama_log.h"
#include "engine/pass.h"
#include "engine/slot_runs.h"

namespace assay::adapter {
namespace {

// llama.cpp sizes its logits buffer in the compute graph by the rows that one call may ask for; a forward that asks for
// more is computed in several calls.
constexpr std::uint32_t rows_usual = 64;

struct FreeModel {
  void operator()(llama_model* model) const { llama_model_free(model); }
};
struct FreeContext {
  void operator()(llama_context* context) const { llama_free(context); }
};
using ModelPtr = std::unique_ptr<llama_model, FreeModel>;
using ContextPtr = std::unique_ptr<llama_context, FreeContext>;

class LlamaBackend final : public Backend {
 public:
  LlamaBackend(ModelPtr model, ContextPtr context, ThreadPoolPtr pool, BackendFacts facts, MemoryUse memory,
               std::uint32_t rows_max)
      : model_(std::move(model)),
        pool_(std::move(pool)),
        context_(std::move(context)),
        kv_(llama_get_memory(context_.get())),
        facts_(std::move(facts)),
        memory_(memory),
        rows_max_(rows_max),
        lengths_(facts_.sequences, 0),
        token_(facts_.batch),
        position_(facts_.batch),
        sequence_(facts_.batch),
        sequences_(facts_.batch),
        sequence_count_(facts_.batch, 1),
        wants_(facts_.batch) {
    for (std::size_t i = 0; i < sequences_.size(); ++i) sequences_[i] = &sequence_[i];
  }

  const BackendFacts& facts() const override { return facts_; }

  // llama_decode() returns when a CPU has computed: all of it happens in finish(), into the caller's memory.
  Result<void> start(const Batch& batch) override {
    ASSAY_TRY(pass_.plan(batch, facts_, lengths_));
    const std::span<const Slot> slots = pass_.slots();
    for (std::size_t i = 0; i < slots.size(); ++i) {
      token_[i] = slots[i].token;
      position_[i] = static_cast<llama_pos>(slots[i].pos);
      sequence_[i] = static_cast<llama_seq_id>(slots[i].seq);
      wants_[i] = slots[i].want == Want::logits ? 1 : 0;
    }
    pass_.begun();
    return {};
  }

  Result<void> finish(const Rows& rows) override {
    ASSAY_TRY(pass_.end());
    ASSAY_TRY(pass_.check(rows, facts_));
    const auto done = compute(pass_.slots().size(), rows.logits);
    if (!done) {
      for (const SlotRun& run : pass_.runs()) {
        llama_memory_seq_rm(kv_, static_cast<llama_seq_id>(run.seq), static_cast<llama_pos>(run.position), -1);
      }
      return done;
    }
    for (const SlotRun& run : pass_.runs()) lengths_[run.seq] = run.position + run.count;
    return {};
  }

  Result<void> forget(SeqId seq, Position from, Position to) override {
    ASSAY_TRY(pass_.idle("forget"));
    const auto drops = check_forget(facts_, lengths_, seq, from, to);
    if (!drops) return std::unexpected(drops.error());
    if (!*drops) return {};
    if (!llama_memory_seq_rm(kv_, static_cast<llama_seq_id>(seq), static_cast<llama_pos>(from), -1)) {
      return fail(Errc::unsupported, "llama.cpp cannot drop positions " + std::to_string(from) + ".. of sequence " +
                                         std::to_string(seq) + " of this model");
    }
    lengths_[seq] = from;
    return {};
  }

  Result<void> share(SeqId from, SeqId to, Position upto) override {
    ASSAY_TRY(pass_.idle("share"));
    ASSAY_TRY(check_share(facts_, lengths_, from, to, upto));
    if (upto == 0) return {};
    llama_memory_seq_cp(kv_, static_cast<llama_seq_id>(from), static_cast<llama_seq_id>(to), 0,
                        static_cast<llama_pos>(upto));
    lengths_[to] = upto;
    return {};
  }

  MemoryUse memory() const override { return memory_; }

 private:
  // On a GPU a batch without logits may still run when this returns, as in llama.cpp's own tools: the next call waits.
  Result<void> compute(std::size_t count, std::span<float> rows) {
    for (std::size_t begin = 0; begin < count;) {
      std::size_t end = begin;
      for (std::uint32_t asked = 0; end < count && asked + static_cast<std::uint32_t>(wants_[end]) <= rows_max_;
           ++end) {
        asked += static_cast<std::uint32_t>(wants_[end]);
      }
      process_log().clear();
      const int status = decode(begin, end - begin);
      if (status != 0) return std::unexpected(decode_error(status, end - begin, process_log().last_words()));
      for (std::size_t i = begin; i < end; ++i) {
        if (wants_[i] == 0) continue;
        const float* from = llama_get_logits_ith(context_.get(), static_cast<std::int32_t>(i - begin));
        if (from == nullptr) return std::unexpected(decode_error(-4, end - begin, process_log().last_words()));
        std::memcpy(rows.data(), from, facts_.vocab * sizeof(float));
        rows = rows.subspan(facts_.vocab);
      }
      begin = end;
    }
    return {};
  }

  int decode(std::size_t begin, std::size_t count) {
    const llama_batch batch{.n_tokens = static_cast<std::int32_t>(count),
                            .token = token_.data() + begin,
                            .embd = nullptr,
                            .pos = position_.data() + begin,
                            .n_seq_id = sequence_count_.data() + begin,
                            .seq_id = sequences_.data() + begin,
                            .logits = wants_.data() + begin};
    try {
      return llama_decode(context_.get(), batch);
    } catch (const std::exception& error) {
      process_log().add(LlamaLog::Level::error, std::string(error.what()) + "\n");
      return -5;
    }
  }

  ModelPtr model_;
  ThreadPoolPtr pool_;  // outlives the context, which uses it
  ContextPtr context_;
  llama_memory_t kv_;
  const BackendFacts facts_;
  const MemoryUse memory_;
  const std::uint32_t rows_max_;
  std::vector<Position> lengths_;  // (sequences): positions that each holds
  Pass pass_;
  // The batch, (batch), memory reused between calls.
  std::vector<llama_token> token_;
  std::vector<llama_pos> position_;
  std::vector<llama_seq_id> sequence_;
  std::vector<llama_seq_id*> sequences_;
  std::vector<std::int32_t> sequence_count_;
  std::vector<std::int8_t> wants_;
};

Result<ggml_type> kv_type_of(std::string_view name) {
  for (const auto& [known, type] : {std::pair<std::string_view, ggml_type>{"f32", GGML_TYPE_F32},
                                    {"f16", GGML_TYPE_F16},
                                    {"bf16", GGML_TYPE_BF16},
                                    {"q8_0", GGML_TYPE_Q8_0}}) {
    if (known == name) return type;
  }
  return fail(Errc::bad_value, "kv is " + std::string(name) + ", expected f32, f16, bf16 or q8_0");
}

Result<void> check(const LoadSettings& settings) {
  const auto range = [](const char* name, std::uint64_t met, std::uint64_t low, std::uint64_t high) -> Result<void> {
    if (met >= low && met <= high) return {};
    return fail(Errc::bad_value, std::string(name) + " is " + std::to_string(met) + ", expected " +
                                     std::to_string(low) + ".." + std::to_string(high));
  };
  constexpr std::uint32_t cells_max = 1U << 30;
  ASSAY_TRY(range("context", settings.context, 2, 1U << 24));
  ASSAY_TRY(range("sequences", settings.sequences, 1, llama_max_parallel_sequences()));
  ASSAY_TRY(range("context * sequences", std::uint64_t{settings.context} * settings.sequences, 2, cells_max));
  ASSAY_TRY(range("batch", settings.batch, 1, 1U << 16));
  ASSAY_TRY(range("ubatch", settings.ubatch, 1, settings.batch));
  ASSAY_TRY(range("threads", settings.threads, 1, GGML_MAX_N_THREADS));
  const auto kv = kv_type_of(settings.kv);
  if (!kv) return std::unexpected(kv.error());
  if (ggml_is_quantized(*kv) && !settings.flash_attention) {
    return fail(Errc::unsupported, "kv " + settings.kv + " without flash attention: llama.cpp has no quantized values");
  }
  std::error_code ignored;
  const auto status = std::filesystem::status(settings.model, ignored);
  if (!std::filesystem::exists(status)) return fail(Errc::not_found, settings.model);
  if (!std::filesystem::is_regular_file(status)) {
    return fail(Errc::unsupported, settings.model + ": is no file, expected a GGUF file (llama.cpp loads no folders)");
  }
  return {};
}

// What a Backend cannot be made of although llama.cpp loads it.
Result<void> check_model(const LoadSettings& settings, const llama_model* model) {
  const char* kind = nullptr;
  if (llama_model_has_encoder(model) || !llama_model_has_decoder(model)) kind = "an encoder";
  if (llama_model_is_recurrent(model) || llama_model_is_hybrid(model)) kind = "a recurrent state";
  if (llama_model_is_diffusion(model)) kind = "diffusion";
  if (kind == nullptr) return {};
  return fail(Errc::unsupported, settings.model + ": the model has " + kind + ", expected a decoder with a KV cache");
}

Result<ModelPtr> load(const LoadSettings& settings, ggml_backend_dev_t device, const LoadProgress& progress) {
  std::array<ggml_backend_dev_t, 2> devices{device, nullptr};  // {nullptr}: no device but the CPU
  bool cancelled = false;
  struct Told {
    const LoadProgress& progress;
    bool& cancelled;
  } told{progress, cancelled};
  llama_model_params params = llama_model_default_params();
  params.devices = devices.data();
  params.n_gpu_layers = device == nullptr ? 0 : 1 << 20;  // all
  params.split_mode = LLAMA_SPLIT_MODE_NONE;
  params.main_gpu = device == nullptr ? -1 : 0;
  set_load_mode(params, settings.map_file, settings.lock_memory);
  params.progress_callback_user_data = &told;
  params.progress_callback = [](float share, void* user) {
    auto& to = *static_cast<Told*>(user);
    to.cancelled = to.progress && !to.progress(static_cast<double>(share));
    return !to.cancelled;
  };
  process_log().clear();
  ModelPtr model(llama_model_load_from_file(settings.model.c_str(), params));
  if (model != nullptr) return model;
  if (cancelled) return fail(Errc::cancelled, "loading " + settings.model);
  return std::unexpected(load_error(settings.model, process_log().last_words()));
}

Result<ContextPtr> make_context(const LoadSettings& settings, llama_model* model, bool on_gpu, std::uint32_t rows_max) {
  llama_context_params params = llama_context_default_params();
  // One pool of cells for all sequences: llama.cpp rounds it up to whole blocks; we keep to `context` per sequence.
  params.n_ctx = settings.context * settings.sequences;
  params.n_batch = settings.batch;
  params.n_ubatch = settings.ubatch;
  params.n_seq_max = settings.sequences;
  set_rows_max(params, rows_max);
  params.n_threads = static_cast<std::int32_t>(settings.threads);
  params.n_threads_batch = static_cast<std::int32_t>(settings.threads);
  params.flash_attn_type = settings.flash_attention ? LLAMA_FLASH_ATTN_TYPE_ENABLED : LLAMA_FLASH_ATTN_TYPE_DISABLED;
  params.type_k = *kv_type_of(settings.kv);
  params.type_v = params.type_k;
  params.embeddings = false;
  params.offload_kqv = on_gpu;
  params.op_offload = on_gpu;
  params.no_perf = true;
  params.swa_full = true;  // so that a tail can be dropped and a prefix shared
  params.kv_unified = true;
  process_log().clear();
  ContextPtr context(llama_init_from_model(model, params));
  if (context != nullptr) return context;
  return std::unexpected(load_error(settings.model, process_log().last_words()));
}

std::string on_off(bool value) { return value ? "on" : "off"; }

// What llama.cpp was given and made of it.
std::string settings_line(const LoadSettings& settings, const llama_context* context, bool on_gpu) {
  const std::string threads = std::to_string(settings.threads);
  return "threads=" + threads + " batch_threads=" + threads + " n_batch=" + std::to_string(llama_n_batch(context)) +
         " n_ubatch=" + std::to_string(llama_n_ubatch(context)) + " flash_attn=" + on_off(settings.flash_attention) +
         " k=" + settings.kv + " v=" + settings.kv + " mmap=" + on_off(settings.map_file) +
         " mlock=" + on_off(settings.lock_memory) + " n_ctx=" + std::to_string(llama_n_ctx(context)) +
         " n_seq_max=" + std::to_string(llama_n_seq_max(context)) +
         " kv_unified=on gpu_layers=" + (on_gpu ? "all" : "0") + " repack=on poll=50 warmup=off";
}

// What is known of the path before a batch runs: the matrices' own path shows in the features behind facts().build.
std::string kernel_path(const LoadSettings& settings, bool on_gpu) {
  return settings.device + ", flash attention " + on_off(settings.flash_attention) +
         (on_gpu ? ", all layers on the device" : ", weights repacked where ggml can");
}

// Those that have `part` in them. Not the one on the training context: it takes the pool for one sequence.
void note_warnings(const std::vector<std::string>& warnings, std::string_view part, std::vector<std::string>& notes) {
  for (const std::string& warning : warnings) {
    if (warning.find(part) == std::string::npos || warning.find("n_ctx_train") != std::string::npos) continue;
    notes.push_back("llama.cpp warns: " + warning);
  }
}

}  // namespace

WorkerIdentity llama_identity() {
  return {.engine = "llama.cpp", .version = llama_cpp_version(), .build = ggml_build()};
}

Result<std::unique_ptr<Backend>> make_llama_backend(const LoadSettings& settings, const LoadProgress& progress) {
  ASSAY_TRY(check(settings));
  const std::vector<std::string> environment = environment_notes();  // before ggml sets some of its own
  start_library();
  const auto device = find_device(settings.device);
  if (!device) return std::unexpected(device.error());
  const bool on_gpu = *device != nullptr;
  try {
    auto model = load(settings, *device, progress);
    if (!model) return std::unexpected(std::move(model.error()));
    ASSAY_TRY(check_model(settings, model->get()));
    const std::vector<std::string> warnings = process_log().warnings();  // of the load
    const std::uint32_t rows_max = std::min(settings.batch, std::max(rows_usual, settings.sequences));
    auto context = make_context(settings, model->get(), on_gpu, rows_max);
    if (!context) return std::unexpected(std::move(context.error()));
    auto pool = make_thread_pool(settings.threads);
    if (!pool) return std::unexpected(std::move(pool.error()));
    if (*pool != nullptr) llama_attach_threadpool(context->get(), pool->get(), nullptr);

    BackendFacts facts;
    facts.name = "llama.cpp";
    facts.version = llama_cpp_version();
    facts.build = ggml_build() + "; " + settings_line(settings, context->get(), on_gpu) + "; " + system_features();
    facts.device = settings.device;
    facts.kernel_path = kernel_path(settings, on_gpu);
    facts.context = settings.context;
    facts.sequences = settings.sequences;
    facts.batch = std::min(settings.batch, llama_n_batch(context->get()));
    facts.vocab = static_cast<std::uint32_t>(llama_vocab_n_tokens(llama_model_get_vocab(model->get())));
    facts.kv_type = settings.kv;
    auto matrices = matrix_types(settings.model, model->get());
    if (!matrices) return std::unexpected(std::move(matrices.error()));
    facts.activations = activations_of(*matrices, settings.device);
    facts.notes = ignored_keys([&](const std::string& key) { return model_scalar(model->get(), key); },
                               settings.context, static_cast<std::uint32_t>(llama_model_n_swa(model->get())));
    MemoryUse memory = process_log().buffers();
    if (memory.weights == 0 || memory.kv == 0) {
      facts.notes.emplace_back(
          "llama.cpp does not say its buffer sizes: weights as in the file, KV and scratch unknown");
      memory = {.weights = llama_model_size(model->get())};
    }
    const auto trained = static_cast<std::uint32_t>(std::max(0, llama_model_n_ctx_train(model->get())));
    if (settings.context > trained) {
      facts.notes.push_back("context " + std::to_string(settings.context) + " is longer than the " +
                            std::to_string(trained) + " that the model was trained on");
    }
    note_warnings(warnings, "lock", facts.notes);  // the others are about the vocabulary, which is not used
    note_warnings(process_log().warnings(), "", facts.notes);
    for (std::string& note : accelerators()) facts.notes.push_back(std::move(note));
    facts.notes.insert(facts.notes.end(), environment.begin(), environment.end());
    return std::make_unique<LlamaBackend>(std::move(*model), std::move(*context), std::move(*pool), std::move(facts),
                                          memory, rows_max);
  } catch (const std::exception& error) {
    return std::unexpected(load_error(settings.model, error.what()));
  }
}

}  // namespace assay::adapter
