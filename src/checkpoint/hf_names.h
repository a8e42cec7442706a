// Tensor names of HF and MLX folders to the canonical ones of checkpoint.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace assay {

// "model.layers.3.self_attn.q_proj.weight" -> "blk.3.attn_q.weight"; nullopt: no such tensor in these architectures.
std::optional<std::string> canonical_name(std::string_view hf_name);

// Buffers that some folders carry and nothing reads: RoPE frequencies, which config.json gives.
bool is_unread_buffer(std::string_view hf_name);

}  // namespace assay
