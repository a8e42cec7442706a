#include "cli/model_options.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <utility>

#include "artifact/check.h"
#include "artifact/store.h"
#include "base/mapped_file.h"
#include "cli/foreign.h"
#include "cli/number_option.h"
#include "cli/suggest.h"
#include "device/cpu/thread_pool.h"
#include "direct/cpu_backend.h"
#include "host/host.h"
#include "tokenizer/chat_encode.h"

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

// Beside an installed program, beside a build inside the source tree, and where it was built.
std::vector<fs::path> shipped_places() {
  const fs::path bin = fs::path(host::program_path()).parent_path();
  return {bin / ".." / "share" / "assay" / "models", bin / ".." / ".." / ".." / "models", ASSAY_SOURCE_DIR "/models"};
}

// Bytes that can be had without swapping, what the system would give back of its caches included; the whole memory where
// it does not tell; 0: not even that.
std::uint64_t free_memory() {
  std::uint64_t free = host::host_facts().memory_bytes;
  std::ifstream meminfo("/proc/meminfo");
  for (std::string name; meminfo >> name;) {
    std::uint64_t kib = 0;
    if (name == "MemAvailable:" && meminfo >> kib) free = std::min(free == 0 ? kib << 10U : free, kib << 10U);
    meminfo.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return free;
}

class TokenizerText final : public schedule::Detokenize {
 public:
  explicit TokenizerText(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  std::unique_ptr<schedule::TextStream> start() const override { return std::make_unique<Stream>(tokenizer_); }

 private:
  class Stream final : public schedule::TextStream {
   public:
    // An answer goes on behind its prompt: a first space is the answer's own.
    explicit Stream(const Tokenizer& tokenizer)
        : detokenizer_(tokenizer, {.starts_a_text = false}), tokens_(tokenizer.size()) {}
    void push(Token token, std::string& text) override {
      if (static_cast<std::size_t>(token) >= tokens_) return;  // a row of the head that no token belongs to
      ASSAY_ASSERT(detokenizer_.push(token, text));            // the sampler gives tokens of the vocabulary only
    }
    void finish(std::string& text) override { detokenizer_.finish(text); }

   private:
    Detokenizer detokenizer_;
    std::size_t tokens_;
  };
  const Tokenizer& tokenizer_;
};

}  // namespace

void add_model_options(CLI::App& command, ModelOptions& options) {
  command.add_option("-m,--model", options.model,
                     "GGUF file, folder with config.json and safetensors, or a name from 'assay models list'; "
                     "without it the small model that comes with assay");
  add_number(command, "-c,--context", options.context, {.least = 2},
             "positions per sequence; where it is not given the model's, at most 8192");
  add_number(command, "-t,--threads", options.threads, {.most = 1024}, "threads; 0: one per core");
  add_number(command, "--batch", options.batch, {.least = 1}, "most tokens in one forward pass")->capture_default_str();
  command.add_option("--kv", options.kv, "type of keys and values: f16 or q8_0")->capture_default_str();
}

void add_engine_option(CLI::App& command, ModelOptions& options) {
  command
      .add_option("-e,--engine", options.engine, "direct, or one of 'assay engines': NAME, NAME@VERSION, NAME:DEVICE")
      ->capture_default_str();
}

Result<std::string> find_model(const Session& session, const std::string& model, IfChanged changed) {
  std::error_code error;
  const std::string shipped_file = std::string(shipped_model) + ".gguf";
  if (model.empty()) {
    std::string tried;
    for (const fs::path& place : shipped_places()) {
      const fs::path file = place / shipped_file;
      if (fs::exists(file, error)) return fs::weakly_canonical(file, error).string();
      tried += (tried.empty() ? "" : ", ") + place.lexically_normal().string();
    }
    return fail(Errc::not_found, shipped_file + ": looked in " + tried + "; name a model with --model");
  }
  if (fs::exists(model, error)) return model;
  const artifact::Store store(session.home() / "models");
  if (model.find('/') == std::string::npos) {
    const auto kept = store.find(model);
    if (kept) {
      if (changed == IfChanged::refuse) ASSAY_TRY(artifact::check_unchanged(*kept));
      return kept->path;
    }
    if (kept.error().code != Errc::not_found) return std::unexpected(kept.error());
    for (const fs::path& candidate : {store.folder() / model, store.folder() / (model + ".gguf")}) {
      if (fs::exists(candidate, error)) return candidate.string();  // put there by hand
    }
    if (model == shipped_model || model == shipped_file) return find_model(session, "", changed);
  }
  std::vector<std::string> known{shipped_model};
  std::string names = shipped_model;
  if (const auto all = store.list()) {
    for (const artifact::StoredModel& one : *all) {
      known.push_back(one.name);
      names += ", " + one.name;
    }
  }
  return fail(Errc::not_found, model + ": no such file or folder, and no model of that name in " +
                                   store.folder().string() + "; by name there are " + names +
                                   did_you_mean(model, known));
}

Result<Checkpoint> open_model(const std::string& path) {
  auto opened = Checkpoint::open(path);
  std::error_code error;
  if (opened || opened.error().code != Errc::not_found || !fs::exists(path, error)) return opened;
  if (fs::is_directory(path, error) && !fs::exists(fs::path(path) / "config.json", error)) return opened;
  opened.error().code = Errc::bad_value;
  return opened;
}

Result<ChatTemplate> load_chat_template(const LoadedModel& model) {
  if (!model.chat_template) {
    return fail(Errc::unsupported, model.path + " has no chat template: 'assay run --raw' completes text as it is");
  }
  auto parsed = ChatTemplate::parse(*model.chat_template, template_tokens(*model.tokenizer));
  if (!parsed) return std::unexpected(with_context(model.path + ": chat template", std::move(parsed.error())));
  return parsed;
}

Result<std::vector<Token>> chat_prompt(const LoadedModel& model, const Json& messages) {
  const auto chat_template = load_chat_template(model);
  if (!chat_template) return std::unexpected(chat_template.error());
  ChatInput input;
  input.messages = messages;
  return encode_chat(*chat_template, *model.tokenizer, input, wall_seconds());
}

Json conversation(const std::string& system, const std::string& user) {
  Json messages = Json::array();
  if (!system.empty()) messages.push_back({{"role", "system"}, {"content", system}});
  if (!user.empty()) messages.push_back({{"role", "user"}, {"content", user}});
  return messages;
}

std::uint32_t chosen_context(std::uint32_t option, std::uint32_t trained) {
  return option != 0 ? option : std::min(trained == 0 ? context_default : trained, context_default);
}

Result<void> check_trained(std::uint32_t option, std::uint32_t trained) {
  if (option == 1) {
    return fail(Errc::bad_value, "--context is 1, expected 2.." + (trained == 0 ? "" : std::to_string(trained)));
  }
  if (trained == 0 || option <= trained) return {};
  return fail(Errc::bad_value, "--context is " + std::to_string(option) + ", the model was trained on " +
                                   std::to_string(trained) + " positions: expected at most that");
}

Result<void> check_memory(std::uint64_t bytes, const std::string& what) {
  const std::uint64_t free = free_memory();
  if (free == 0 || bytes <= free) return {};
  return fail(Errc::full, what + " " + human_bytes(static_cast<double>(bytes)) + ", " +
                              human_bytes(static_cast<double>(free)) + " of memory are free");
}

Result<std::size_t> chosen_threads(std::uint32_t option) {
  constexpr std::uint32_t most = 1024;
  if (option > most) {
    return fail(Errc::bad_value, "--threads is " + std::to_string(option) + ", expected 0.." + std::to_string(most));
  }
  return option != 0 ? option : device::default_threads();
}

Result<kernel::Isa> chosen_isa() {
  const char* wanted = std::getenv("ASSAY_ISA");
  return kernel::choose_isa(wanted == nullptr ? "" : wanted);
}

void LoadedModel::close_file() {
  ModelConfig config = std::move(weights.config);
  weights = {};
  weights.config = std::move(config);
  checkpoint->close_files();
}

Result<std::unique_ptr<LoadedModel>> load_model(const Session& session, const ModelOptions& options, Parts parts,
                                                const BeforeWeights& before) {
  const auto spec = parse_engine_spec(options.engine);
  if (!spec) return std::unexpected(spec.error());
  const auto direct = means_direct(*spec);
  if (!direct) return std::unexpected(direct.error());
  auto out = std::make_unique<LoadedModel>();
  auto path = find_model(session, options.model);
  if (!path) return std::unexpected(std::move(path.error()));
  out->path = std::move(*path);

  const std::int64_t open_ns = session.clock.now_ns();
  auto checkpoint = open_model(out->path);
  if (!checkpoint) return std::unexpected(std::move(checkpoint.error()));
  out->checkpoint = std::make_unique<Checkpoint>(std::move(*checkpoint));
  const Checkpoint& source = *out->checkpoint;
  auto weights = model::bind(source.config(), [&](std::string_view name) { return source.tensor(name); });
  if (!weights) return std::unexpected(with_context(out->path, std::move(weights.error())));
  out->weights = std::move(*weights);
  out->load_s = static_cast<double>(session.clock.now_ns() - open_ns) * 1e-9;
  if (parts != Parts::no_tokenizer) {
    auto tokenizer = load_tokenizer(source);
    if (!tokenizer) return std::unexpected(with_context(out->path, std::move(tokenizer.error())));
    out->tokenizer = std::make_unique<Tokenizer>(std::move(*tokenizer));
    out->detokenize = std::make_unique<TokenizerText>(*out->tokenizer);
    auto chat = find_chat_template(source);
    if (!chat) return std::unexpected(std::move(chat.error()));
    out->chat_template = std::move(*chat);
  }
  const std::uint32_t trained = source.config().context_train;
  ASSAY_TRY(check_trained(options.context, trained));
  const std::uint32_t context = chosen_context(options.context, trained);
  if (before) ASSAY_TRY(before(*out, context));
  if (!*direct) {
    auto worker = open_engine(session, *spec, options, *out, context);
    if (!worker) return std::unexpected(std::move(worker.error()));
    out->backend = std::move(*worker);
    if (parts == Parts::closed) out->close_file();
    return out;
  }
  const auto kv = kernel::kv_type_from_name(options.kv);
  if (!kv) return fail(Errc::bad_value, "--kv is \"" + options.kv + "\", expected f16 or q8_0");
  const auto isa = chosen_isa();
  if (!isa) return std::unexpected(isa.error());
  direct::CpuOptions cpu;
  cpu.context = context;
  cpu.sequences = options.sequences;
  cpu.batch = options.batch;
  cpu.threads = options.threads;
  cpu.kv = *kv;
  cpu.isa = *isa;
  cpu.stop = &session.stop;
  ASSAY_TRY(check_memory(source.weight_bytes(), "the weights of " + out->path + " take"));
  host::return_freed_memory();
  out->harness_bytes = host::process_memory().footprint.value_or(0);
  const auto swap_before = host::swap_use().out_bytes;
  const std::int64_t begin_ns = session.clock.now_ns();
  Progress progress(session.clock, session.progress(), "loading", source.weight_bytes(), "B");
  const CutFileGuard guard;
  auto backend = direct::make_cpu_backend(out->weights, cpu, [&](std::uint64_t bytes) {
    progress.update(bytes);
    return !session.stop.asked();
  });
  ASSAY_TRY(guard.check());
  if (!backend) return std::unexpected(with_context(out->path, std::move(backend.error())));
  out->backend = std::move(*backend);
  out->load_s += static_cast<double>(session.clock.now_ns() - begin_ns) * 1e-9;
  if (const auto swap_after = host::swap_use().out_bytes; swap_before && swap_after && *swap_after > *swap_before) {
    out->load_swap_out_bytes = static_cast<std::int64_t>(*swap_after - *swap_before);
  }
  source.drop_pages();  // the weights live on repacked
  if (parts == Parts::closed) out->close_file();
  return out;
}

}  // namespace assay::cli
