// What a model is loaded from, whatever the format: its numbers and its tensors by one set of names, checked.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "checkpoint/gguf.h"
#include "checkpoint/model_config.h"
#include "tensor/view.h"

namespace assay {

// Canonical names are GGUF's, for every format: tensors.inc lists them. RoPE's frequencies are divided by rope_factors
// (llama 3 scaling in GGUF).
struct CheckpointTensor {
  std::string name;        // canonical
  TensorView view;         // matrices: a type that computes; vectors: f32, f16 or bf16
  std::uint32_t file = 0;  // index into files()
  std::uint64_t at = 0;    // offset of view.data in that file
};

struct FolderFiles;  // the mapped files of a safetensors folder

// An opened model. Owns the mappings: views stay valid as long as the object, also when it is moved.
class Checkpoint final {
 public:
  // `path`: a GGUF file, any part of a split one, or a folder with config.json and safetensors (HF or MLX).
  // After success every tensor that the architecture needs is there, with the right shape and a type that computes,
  // and nothing is there that would change the maths and is not understood. Errors name file, tensor or key, offset,
  // what was met and what was expected: not_found, truncated, bad_value, unsupported (architecture, type, a setting).
  // Unknown::describe: a GGUF file whose architecture, or a setting of it, is not understood is opened all the same, for
  // an engine that may know it: not_understood() says why, config() has its names and context only, and tensors() are as
  // the file has them, unchecked.
  enum class Unknown : std::uint8_t { refuse, describe };
  static Result<Checkpoint> open(const std::string& path, Unknown unknown = Unknown::refuse);

  Checkpoint(Checkpoint&&) noexcept;
  Checkpoint& operator=(Checkpoint&&) noexcept;
  ~Checkpoint();

  // The Errc::unsupported that Unknown::refuse would have given; nothing: all is understood.
  const std::optional<Error>& not_understood() const { return not_understood_; }

  const ModelConfig& config() const { return config_; }
  std::span<const CheckpointTensor> tensors() const { return tensors_; }  // in the order of the files
  const TensorView* tensor(std::string_view canonical_name) const;        // nullptr: absent

  // "GGUF v3", "safetensors", "MLX affine"; for people.
  const std::string& format() const { return format_; }
  const std::vector<std::string>& files() const { return files_; }
  std::uint64_t file_bytes() const { return file_bytes_; }      // sizes of files()
  std::uint64_t weight_bytes() const { return weight_bytes_; }  // of all tensors, scales and biases included

  // Gives the files' pages back to the system once the weights were copied: they are read again when touched.
  void drop_pages() const;

  // Closes the files: for who has copied what it needs. A file that is cut short while it is mapped ends the process, so
  // none should stay mapped for as long as a model runs. Every view into them is gone: tensors() is empty, gguf() null.
  void close_files();

  // Metadata, where the format is GGUF (tokenizer.*, general.*); nullptr for folders.
  const Gguf* gguf() const { return gguf_.get(); }

  // Folder: its path; empty for GGUF.
  const std::string& folder() const { return folder_; }
  // Folder: a text file in it: "tokenizer.json", "tokenizer_config.json", "chat_template.jinja",
  // "generation_config.json"... nullopt: not there. Errc::full above 256 MiB.
  Result<std::optional<std::string>> folder_text(std::string_view file_name) const;

 private:
  Checkpoint();
  static Result<Checkpoint> open_gguf(const std::string& path, Unknown unknown);
  static Result<Checkpoint> open_folder(const std::string& path);
  void add(CheckpointTensor tensor);

  ModelConfig config_;
  std::optional<Error> not_understood_;
  std::string format_;
  std::string folder_;
  std::vector<std::string> files_;
  std::uint64_t file_bytes_ = 0;
  std::uint64_t weight_bytes_ = 0;
  std::vector<CheckpointTensor> tensors_;
  std::unordered_map<std::string, std::size_t> index_;
  std::unique_ptr<Gguf> gguf_;
  std::unique_ptr<FolderFiles> folder_files_;
};

}  // namespace assay
