// Loading a model as every command does: the path or name, the settings, and the parts that come out.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "artifact/texts.h"
#include "checkpoint/checkpoint.h"
#include "cli/command.h"
#include "engine/backend.h"
#include "engine/engine.h"
#include "kernel/isa.h"
#include "model/weights.h"
#include "schedule/text_stream.h"
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

// Members are borrowed by later ones: the order is that of construction.
struct LoadedModel {
  std::string path;
  std::unique_ptr<Checkpoint> checkpoint;
  model::Weights weights;
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<Backend> backend;
  std::unique_ptr<schedule::Detokenize> detokenize;
  std::optional<std::string> chat_template;  // its source, where the model has one

  // Closes the file, which nothing of this model's running needs; `weights` then has its config only. See
  // Checkpoint::close_files().
  void close_file();
  double load_s = 0;                     // of the backend: file opened, weights bound and packed
  std::int64_t load_swap_out_bytes = 0;  // by the whole machine while the backend was loaded
  std::uint64_t harness_bytes = 0;       // footprint of this process before the backend was loaded; 0: not told
};

// The model that comes with the program, and its name.
inline constexpr const char* shipped_model = "assay-small-q4_0";

// Whether a kept model whose files were written to since its import is an error (see artifact::check_unchanged).
enum class IfChanged : std::uint8_t { refuse, take };

// The file or folder that a model argument means: a path, a name that 'assay models list' shows, or "". Errc::not_found
// says where it was looked for and which names there are.
Result<std::string> find_model(const Session& session, const std::string& model, IfChanged changed = IfChanged::refuse);

// Checkpoint::open(); what a model that is there lacks is Errc::bad_value.
Result<Checkpoint> open_model(const std::string& path);

// no_tokenizer: LoadedModel::tokenizer and detokenize stay null, for models that come without a vocabulary.
// closed: all, and the file is closed.
enum class Parts : std::uint8_t { all, no_tokenizer, closed };

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

// The instruction set to use: $ASSAY_ISA (portable, avx2, avx512) or the best that this machine runs.
Result<kernel::Isa> chosen_isa();

}  // namespace assay::cli
