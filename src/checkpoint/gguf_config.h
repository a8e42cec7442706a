// The model's numbers from GGUF metadata.
#pragma once

#include "base/error.h"
#include "checkpoint/gguf.h"
#include "checkpoint/model_config.h"

namespace assay {

// general.architecture llama, mistral, mistral3, qwen2, qwen3 or gemma3 (dense). Every key below the architecture's name is
// understood, known not to matter, at a value that changes nothing, or refused by name (Errc::unsupported).
// vocab, tied_head and qkv_bias are read off the tensors.
Result<ModelConfig> config_from_gguf(const Gguf& gguf);

// What every architecture says alike: its name, the model's name and the context; all else is 0. Errc::unsupported: the
// file holds no model.
Result<ModelConfig> outline_from_gguf(const Gguf& gguf);

}  // namespace assay
