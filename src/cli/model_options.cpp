#include "cli/model_options.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <utility>

#include "artifact/check.h"
#include "artifact/store.h"
#include "cli/number_option.h"
#include "cli/suggest.h"
#include "device/cpu/thread_pool.h"
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

Result<roster::Settings> engine_settings(const ModelOptions& options, std::uint32_t context) {
  const auto threads = chosen_threads(options.threads);
  if (!threads) return std::unexpected(threads.error());
  roster::Settings out;
  out.context = context;
  out.threads = static_cast<std::uint32_t>(*threads);
  out.batch = options.batch;
  out.sequences = options.sequences;
  out.kv = options.kv;
  return out;
}

Result<std::unique_ptr<LoadedModel>> load_model(const Session& session, const ModelOptions& options, Parts parts,
                                                const BeforeWeights& before) {
  const auto spec = roster::parse_engine_spec(options.engine);
  if (!spec) return std::unexpected(spec.error());
  const auto path = find_model(session, options.model);
  if (!path) return std::unexpected(path.error());
  auto source = roster::open_source(*path, parts == Parts::no_tokenizer ? roster::Texts::none : roster::Texts::all);
  if (!source) return std::unexpected(std::move(source.error()));
  if (const auto& why = source->not_understood(); why && spec->is_direct() && parts != Parts::no_engine) {
    return fail(why->code, why->detail + "; another engine may know it: --engine llama.cpp");
  }
  auto out = std::make_unique<LoadedModel>();
  static_cast<roster::ModelSource&>(*out) = std::move(*source);
  const std::uint32_t trained = out->checkpoint->config().context_train;
  ASSAY_TRY(check_trained(options.context, trained));
  out->context = chosen_context(options.context, trained);
  if (before) ASSAY_TRY(before(*out, out->context));
  if (parts == Parts::no_engine) return out;
  const auto settings = engine_settings(options, out->context);
  if (!settings) return std::unexpected(settings.error());
  if (spec->is_direct()) {
    ASSAY_TRY(check_memory(out->checkpoint->weight_bytes(), "the weights of " + out->path + " take"));
    host::return_freed_memory();
  }
  auto opened = roster::open_backend(*spec, *out, *settings, session.surroundings());
  if (!opened) return std::unexpected(std::move(opened.error()));
  out->backend = std::move(opened->backend);
  if (parts == Parts::closed) out->close_file();
  return out;
}

}  // namespace assay::cli
