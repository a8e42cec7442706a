#include "checkpoint/checkpoint.h"

#include <filesystem>
#include <utility>

#include "base/text.h"
#include "checkpoint/folder.h"
#include "checkpoint/gguf_config.h"
#include "checkpoint/tensor_list.h"

namespace assay {

// The mapped files of a safetensors folder.
struct FolderFiles {
  std::vector<MappedFile> files;
  std::vector<std::vector<float>> gains;  // that differ from what the files hold
};

Checkpoint::Checkpoint() = default;
Checkpoint::Checkpoint(Checkpoint&&) noexcept = default;
Checkpoint& Checkpoint::operator=(Checkpoint&&) noexcept = default;
Checkpoint::~Checkpoint() = default;

void Checkpoint::add(CheckpointTensor tensor) {
  weight_bytes_ += tensor.view.bytes();
  index_.emplace(tensor.name, tensors_.size());
  tensors_.push_back(std::move(tensor));
}

Result<Checkpoint> Checkpoint::open_gguf(const std::string& path, Unknown unknown) {
  auto gguf = Gguf::open(path);
  if (!gguf) return std::unexpected(std::move(gguf.error()));
  Checkpoint checkpoint;
  auto config = config_from_gguf(*gguf);
  if (!config && config.error().code == Errc::unsupported && unknown == Unknown::describe) {
    checkpoint.not_understood_ = std::move(config.error());
    config = outline_from_gguf(*gguf);
  }
  if (!config) return std::unexpected(std::move(config.error()));
  checkpoint.config_ = std::move(*config);
  checkpoint.format_ = "GGUF v" + std::to_string(gguf->version());
  checkpoint.files_ = gguf->files();
  checkpoint.file_bytes_ = gguf->bytes();
  std::vector<MetTensor> met;
  met.reserve(gguf->tensors().size());
  for (const auto& tensor : gguf->tensors()) {
    met.push_back({tensor.name, tensor.name, &tensor.view});
    checkpoint.add({std::string(tensor.name), tensor.view, tensor.part, tensor.at});
  }
  if (!checkpoint.not_understood_) {
    const auto checked = check_tensors(checkpoint.config_, met);
    if (!checked) return std::unexpected(with_context(checkpoint.files_.front(), checked.error()));
  }
  checkpoint.gguf_ = std::make_unique<Gguf>(std::move(*gguf));
  return checkpoint;
}

Result<Checkpoint> Checkpoint::open_folder(const std::string& path) {
  auto folder = assay::open_folder(path);
  if (!folder) return std::unexpected(std::move(folder.error()));
  Checkpoint checkpoint;
  checkpoint.config_ = std::move(folder->config.model);
  checkpoint.format_ = folder->config.quantization ? "MLX affine" : "safetensors";
  checkpoint.folder_ = path;
  for (const auto& file : folder->files) {
    checkpoint.files_.push_back(file.path());
    checkpoint.file_bytes_ += file.bytes().size();
  }
  std::vector<MetTensor> met;
  met.reserve(folder->tensors.size());
  for (std::size_t i = 0; i < folder->tensors.size(); ++i)
    met.push_back({folder->tensors[i].name, folder->hf_names[i], &folder->tensors[i].view});
  const auto checked = check_tensors(checkpoint.config_, met);
  if (!checked) return std::unexpected(with_context(path, checked.error()));
  for (auto& tensor : folder->tensors) checkpoint.add(std::move(tensor));
  checkpoint.folder_files_ = std::make_unique<FolderFiles>(std::move(folder->files), std::move(folder->gains));
  return checkpoint;
}

void Checkpoint::drop_pages() const {
  if (gguf_ != nullptr) gguf_->drop_pages();
  if (folder_files_ != nullptr) {
    for (const MappedFile& file : folder_files_->files) file.drop_pages();
  }
}

void Checkpoint::close_files() {
  index_.clear();
  tensors_.clear();
  gguf_.reset();
  folder_files_.reset();
}

Result<Checkpoint> Checkpoint::open(const std::string& path, Unknown unknown) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored) ? open_folder(path) : open_gguf(path, unknown);
}

const TensorView* Checkpoint::tensor(std::string_view canonical_name) const {
  const auto found = index_.find(std::string(canonical_name));
  return found == index_.end() ? nullptr : &tensors_[found->second].view;
}

Result<std::optional<std::string>> Checkpoint::folder_text(std::string_view file_name) const {
  constexpr std::size_t bytes_max = 256U << 20U;  // the largest published tokenizer.json is below 40 MB
  if (folder_.empty()) return std::optional<std::string>();
  const std::string path = (std::filesystem::path(folder_) / file_name).string();
  auto text = read_text_file(path, bytes_max);
  if (text) return std::optional(std::move(*text));
  if (text.error().code == Errc::not_found) return std::optional<std::string>();
  return std::unexpected(std::move(text.error()));
}

}  // namespace assay
