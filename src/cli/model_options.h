// Loading a model as every command does: the path or name, the settings, and the parts that come out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "artifact/texts.h"
#include "cli/command.h"
#include "engine/backend.h"
#include "engine/engine.h"
#include "roster/model_source.h"
#include "roster/open.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/tokenizer.h"

namespace assay::cli {

struct ModelOptions {
  std::string model;          // a path, a name in $ASSAY_HOME/models, or "" for the model that comes with assay
  std::uint32_t context = 0;  // 0: what the model was trained on, at most context_default
  std::uint32_t threads = 0;  // 0: one per core
  std::uint32_t batch = 512;
  std::uint32_t sequences = 1;
  std::string kv = "f16";
  std::string engine = "direct";  // or an installed one: NAME, NAME@VERSION, NAME:DEVICE
};

inline constexpr std::uint32_t context_default = 8192;  // positions; more costs memory and is asked for by name

// Adds --model, --context, --threads, --batch and --kv.
void add_model_options(CLI::App& command, ModelOptions& options);

// Positions for --context, 0 being the default: what the model was trained on (0: not told), at most context_default.
std::uint32_t chosen_context(std::uint32_t option, std::uint32_t trained);
// Errc::bad_value: --context is more than the model was trained on, with both numbers.
Result<void> check_trained(std::uint32_t option, std::uint32_t trained);

// Errc::full: so many bytes are more than the memory that is free; `what` begins the sentence: "the weights take".
Result<void> check_memory(std::uint64_t bytes, const std::string& what);

// Adds --engine.
void add_engine_option(CLI::App& command, ModelOptions& options);

// A model's source with what runs it.
struct LoadedModel : roster::ModelSource {
  std::uint32_t context = 0;         // positions that it is run with
  std::unique_ptr<Backend> backend;  // null: Parts::no_engine
};

// The model that comes with the program, and its name.
inline constexpr const char* shipped_model = "assay-small-q4_0";

// Whether a kept model whose files were written to since its import is an error (see artifact::check_unchanged).
enum class IfChanged : std::uint8_t { refuse, take };

// The file or folder that a model argument means: a path, a name that 'assay models list' shows, or "". Errc::not_found
// says where it was looked for and which names there are.
Result<std::string> find_model(const Session& session, const std::string& model, IfChanged changed = IfChanged::refuse);

// no_tokenizer: LoadedModel::tokenizer and detokenize stay null, for models that come without a vocabulary.
// closed: all, and the file is closed. no_engine: the texts and the open file.
enum class Parts : std::uint8_t { all, no_tokenizer, closed, no_engine };

// Called with the model's description, vocabulary and the context that it will have, before any weight is read: what it
// refuses costs nothing.
using BeforeWeights = std::function<Result<void>(const LoadedModel& model, std::uint32_t context)>;

// Opens, checks and loads, with progress on stderr. Every error names the path or the engine.
Result<std::unique_ptr<LoadedModel>> load_model(const Session& session, const ModelOptions& options,
                                                Parts parts = Parts::all, const BeforeWeights& before = {});

using artifact::find_chat_template;
using artifact::load_tokenizer;

// The model's own chat template. Errc::unsupported where it has none: a guessed one would make it stupid silently.
Result<ChatTemplate> load_chat_template(const LoadedModel& model);

// [{"role": "system", ...}, {"role": "user", ...}], without those that are empty.
Json conversation(const std::string& system, const std::string& user);

// Messages in the model's chat template, ready for the answer. Control tokens in messages stay text.
Result<std::vector<Token>> chat_prompt(const LoadedModel& model, const Json& messages);

// Threads of a pool for an option, 0: one per core. Errc::bad_value above 1024.
Result<std::size_t> chosen_threads(std::uint32_t option);

// What an engine is opened with. Errc::bad_value: threads out of range.
Result<roster::Settings> engine_settings(const ModelOptions& options, std::uint32_t context);

}  // namespace assay::cli
