#include "checkpoint/tensor_list.h"

#include <unordered_map>
#include <unordered_set>

#include "base/text.h"

namespace assay {
namespace {

Result<void> check_one(const ExpectedTensor& expected, const MetTensor& met) {
  const std::string where = "tensor " + in_quotes(met.where);
  if (met.view->shape != expected.shape) {
    return fail(Errc::bad_value,
                where + ": shape " + to_string(met.view->shape) + ", expected " + to_string(expected.shape));
  }
  const auto& type = facts(met.view->dtype);
  if (expected.vector) {
    if (type.dtype == DType::f32 || type.dtype == DType::f16 || type.dtype == DType::bf16) return {};
    return fail(Errc::unsupported, where + ": type " + std::string(type.name) + ", expected f32, f16 or bf16");
  }
  if (type.computes) return {};
  return fail(Errc::unsupported, where + ": type " + std::string(type.name) + " is known but not computed");
}

}  // namespace

std::string to_string(const Shape& shape) {
  std::string out = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) out += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return out + ")";
}

std::vector<ExpectedTensor> expected_tensors(const ModelConfig& config) {
  const std::uint64_t hidden = config.hidden;
  const std::uint64_t q = std::uint64_t{config.heads} * config.head_dim;
  const std::uint64_t kv = std::uint64_t{config.kv_heads} * config.head_dim;
  std::vector<ExpectedTensor> list;
  const auto matrix = [&](std::string name, std::uint64_t rows, std::uint64_t columns) {
    list.push_back({.name = std::move(name), .shape = {rows, columns}});
  };
  const auto vector = [&](std::string name, std::uint64_t size) {
    list.push_back({.name = std::move(name), .shape = {size}, .vector = true});
  };
  matrix("token_embd.weight", config.vocab, hidden);
  vector("output_norm.weight", hidden);
  if (!config.tied_head) matrix("output.weight", config.vocab, hidden);
  list.push_back({.name = "rope_freqs.weight", .shape = {config.rope_dims / 2}, .vector = true, .optional = true});
  for (std::uint32_t layer = 0; layer < config.layers; ++layer) {
    const std::string block = "blk." + std::to_string(layer) + ".";
    vector(block + "attn_norm.weight", hidden);
    matrix(block + "attn_q.weight", q, hidden);
    matrix(block + "attn_k.weight", kv, hidden);
    matrix(block + "attn_v.weight", kv, hidden);
    if (config.qkv_bias) {
      vector(block + "attn_q.bias", q);
      vector(block + "attn_k.bias", kv);
      vector(block + "attn_v.bias", kv);
    }
    if (config.qk_norm) {
      vector(block + "attn_q_norm.weight", config.head_dim);
      vector(block + "attn_k_norm.weight", config.head_dim);
    }
    matrix(block + "attn_output.weight", hidden, q);
    vector(block + "ffn_norm.weight", hidden);
    matrix(block + "ffn_gate.weight", config.ffn, hidden);
    matrix(block + "ffn_up.weight", config.ffn, hidden);
    matrix(block + "ffn_down.weight", hidden, config.ffn);
  }
  return list;
}

Result<void> check_tensors(const ModelConfig& config, const std::vector<MetTensor>& met) {
  std::unordered_map<std::string_view, const MetTensor*> by_name;
  for (const auto& tensor : met) by_name.emplace(tensor.name, &tensor);
  const auto expected = expected_tensors(config);
  std::unordered_set<std::string_view> known;
  for (const auto& tensor : expected) {
    known.insert(tensor.name);
    const auto found = by_name.find(tensor.name);
    if (found != by_name.end()) {
      ASSAY_TRY(check_one(tensor, *found->second));
    } else if (!tensor.optional) {
      return fail(Errc::not_found, "tensor " + in_quotes(tensor.name) + " of shape " + to_string(tensor.shape) +
                                       ": the architecture " + config.architecture_name + " needs it");
    }
  }
  for (const auto& tensor : met) {
    if (known.contains(tensor.name)) continue;
    return fail(Errc::unsupported, "tensor " + in_quotes(tensor.where) + " of shape " + to_string(tensor.view->shape) +
                                       ": would change the maths and is not understood for architecture " +
                                       config.architecture_name);
  }
  return {};
}

}  // namespace assay
