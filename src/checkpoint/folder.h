// A folder with config.json and safetensors, as HF and MLX write it: tensors under canonical names.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "base/mapped_file.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/hf_config.h"

namespace assay {

struct Folder {
  HfConfig config;                        // model.tied_head is settled
  std::vector<MappedFile> files;          // keeps the views of `tensors` alive
  std::vector<std::string> hf_names;      // of tensors, for errors
  std::vector<CheckpointTensor> tensors;  // MLX triples (weight, scales, biases) joined; unread buffers left out
  std::vector<std::vector<float>> gains;  // those that the files hold less 1, whole: views of `tensors` may lie here
};

// Errors as Checkpoint::open. Names and joined triples are checked, shapes against the architecture are not.
Result<Folder> open_folder(const std::string& path);

}  // namespace assay
