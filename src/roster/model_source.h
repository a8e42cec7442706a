// A model before any engine has it: its file, what is known of its maths, and the texts that come with it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "checkpoint/checkpoint.h"
#include "model/weights.h"
#include "schedule/text_stream.h"
#include "tokenizer/tokenizer.h"

namespace assay::roster {

// Members are borrowed by later ones: the order is that of construction.
struct ModelSource {
  std::string path;
  std::unique_ptr<Checkpoint> checkpoint;
  model::Weights weights;  // the config only where the architecture is unknown, or the file was closed
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<schedule::Detokenize> detokenize;
  std::optional<std::string> chat_template;  // its source, where the model has one

  // Why direct and the reference cannot compute it; nothing where they can.
  const std::optional<Error>& not_understood() const { return checkpoint->not_understood(); }

  // Closes the file, which nothing of this model's running needs; `weights` then has its config only. See
  // Checkpoint::close_files().
  void close_file();
};

// none: tokenizer and detokenize stay null, for models that come without a vocabulary.
enum class Texts : std::uint8_t { all, none };

// Opens and reads all that is no weight. A GGUF file of an unknown architecture is opened too: see not_understood().
// Every error names the path; what a model that is there lacks is Errc::bad_value.
Result<ModelSource> open_source(const std::string& path, Texts texts = Texts::all);

// Checkpoint::open(), with the errors of open_source().
Result<Checkpoint> open_checkpoint(const std::string& path, Checkpoint::Unknown unknown = Checkpoint::Unknown::refuse);

}  // namespace assay::roster
