#include "checkpoint/tensor_list.h"

#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/text.h"

namespace assay {
namespace {

enum class Need : std::uint8_t { required, optional, absent };

template <class... Extents>
Shape shape_of(Extents... extents) {
  return {static_cast<std::uint64_t>(extents)...};
}

Need when(bool there) { return there ? Need::required : Need::absent; }

Result<void> check_one(const ExpectedTensor& expected, const MetTensor& met) {
  const std::string where = "tensor " + in_quotes(met.where);
  if (met.view->shape != expected.shape) {
    return fail(Errc::bad_value,
                where + ": shape " + to_string(met.view->shape) + ", expected " + to_string(expected.shape));
  }
  const auto& type = facts(met.view->dtype);
  if (expected.is_vector()) {
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
  std::vector<ExpectedTensor> list;
  const ModelConfig& m = config;
  using enum Need;
#define ASSAY_MODEL_TENSOR(tensor, kind, need, numbers, gguf, hf) \
  if (const Need needed = need; needed != absent) {               \
    list.push_back({.role = Role::tensor,                         \
                    .name = (gguf),                               \
                    .hf_name = (hf),                              \
                    .shape = shape_of numbers,                    \
                    .optional = needed == optional});             \
  }
#include "checkpoint/tensors.inc"
  for (std::uint32_t i = 0; i < m.layer_count(); ++i) {
    const LayerShape& layer = m.layers[i];
    const auto* const a = std::get_if<Attention>(&layer.mixer);
    const auto* const d = std::get_if<Dense>(&layer.feed);
    const std::string block = "blk." + std::to_string(i) + ".";
    const std::string hf_block = "model.layers." + std::to_string(i) + ".";
#define ASSAY_LAYER_TENSOR(tensor, kind, need, numbers, gguf, hf) \
  if (const Need needed = need; needed != absent) {               \
    list.push_back({.role = Role::tensor,                         \
                    .name = block + (gguf),                       \
                    .hf_name = hf_block + (hf),                   \
                    .shape = shape_of numbers,                    \
                    .optional = needed == optional});             \
  }
#include "checkpoint/tensors.inc"
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
