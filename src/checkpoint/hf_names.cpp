#include "checkpoint/hf_names.h"

#include <array>
#include <cstddef>

namespace assay {
namespace {

struct NameRow {
  std::string_view hf;
  std::string_view canonical;
};

constexpr std::array outer_names{
    NameRow{"model.embed_tokens.weight", "token_embd.weight"},
    NameRow{"model.norm.weight", "output_norm.weight"},
    NameRow{"lm_head.weight", "output.weight"},
};

constexpr std::array layer_names{
    NameRow{"input_layernorm.weight", "attn_norm.weight"},
    NameRow{"self_attn.q_proj.weight", "attn_q.weight"},
    NameRow{"self_attn.q_proj.bias", "attn_q.bias"},
    NameRow{"self_attn.k_proj.weight", "attn_k.weight"},
    NameRow{"self_attn.k_proj.bias", "attn_k.bias"},
    NameRow{"self_attn.v_proj.weight", "attn_v.weight"},
    NameRow{"self_attn.v_proj.bias", "attn_v.bias"},
    NameRow{"self_attn.o_proj.weight", "attn_output.weight"},
    NameRow{"self_attn.q_norm.weight", "attn_q_norm.weight"},
    NameRow{"self_attn.k_norm.weight", "attn_k_norm.weight"},
    NameRow{"post_attention_layernorm.weight", "ffn_norm.weight"},
    NameRow{"mlp.gate_proj.weight", "ffn_gate.weight"},
    NameRow{"mlp.up_proj.weight", "ffn_up.weight"},
    NameRow{"mlp.down_proj.weight", "ffn_down.weight"},
};

constexpr std::string_view layers_prefix = "model.layers.";

}  // namespace

std::optional<std::string> canonical_name(std::string_view hf_name) {
  for (const auto& row : outer_names) {
    if (row.hf == hf_name) return std::string(row.canonical);
  }
  if (!hf_name.starts_with(layers_prefix)) return std::nullopt;
  const std::string_view rest = hf_name.substr(layers_prefix.size());
  const std::size_t digits = rest.find_first_not_of("0123456789");
  if (digits == 0 || digits == std::string_view::npos || rest[digits] != '.') return std::nullopt;
  for (const auto& row : layer_names) {
    if (row.hf == rest.substr(digits + 1))
      return "blk." + std::string(rest.substr(0, digits)) + "." + std::string(row.canonical);
  }
  return std::nullopt;
}

bool is_unread_buffer(std::string_view hf_name) { return hf_name.ends_with("rotary_emb.inv_freq"); }

}  // namespace assay
