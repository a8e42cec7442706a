#include "artifact/stored_type.h"

#include <array>
#include <utility>

#include "kernel/quant/quantize.h"

namespace assay::artifact {
namespace {

struct Row {
  DType type;
  std::uint32_t file_type;
  DType narrow;  // for rows that are no whole blocks; itself: f16
};
using enum DType;
constexpr std::array rows{
    Row{f32, 0, f32},      Row{f16, 1, f16},        Row{bf16, 32, bf16},     Row{q4_0, 2, q4_0},
    Row{q4_1, 3, q4_1},    Row{q5_0, 8, q5_0},      Row{q5_1, 9, q5_1},      Row{q8_0, 7, q8_0},
    Row{q2_k, 10, iq4_nl}, Row{q3_k, 12, iq4_nl},   Row{q4_k, 14, q5_0},     Row{q5_k, 16, q5_1},
    Row{q6_k, 18, q8_0},   Row{iq4_nl, 25, iq4_nl}, Row{iq4_xs, 30, iq4_nl}, Row{mxfp4, 38, mxfp4},
};

const Row& row_of(DType type) {
  for (const Row& row : rows) {
    if (row.type == type) return row;
  }
  broken_invariant("a type that can be stored", __FILE__, __LINE__);
}

bool is_quantized(DType type) { return facts(type).block > 1; }

}  // namespace

Result<DType> stored_type_from_name(std::string_view type) {
  std::string lower(type);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const auto found = dtype_from_name(lower);
  std::string known;
  for (const Row& row : rows) {
    if (found == row.type) return row.type;
    known += (known.empty() ? "" : ", ") + std::string(name(row.type));
  }
  std::string hint;
  if (lower == "fp16" || lower == "half") hint = " (did you mean f16?)";
  if (lower == "fp32" || lower == "float32") hint = " (did you mean f32?)";
  // q4_k_m, q3_k_l: mixtures of types, by the name that most of their tensors have.
  for (const std::string_view size : {"_xs", "_xl", "_s", "_m", "_l"}) {
    if (!hint.empty() || !lower.ends_with(size)) continue;
    const std::string shorter = lower.substr(0, lower.size() - size.size());
    for (const Row& row : rows) {
      if (shorter == name(row.type)) hint = " (it is a mixture of types; did you mean " + shorter + "?)";
    }
  }
  return fail(Errc::unsupported,
              "type \"" + std::string(type) + "\" cannot be written" + hint + ", expected one of " + known);
}

StoredType stored_type(const ModelConfig& config, const ExpectedTensor& tensor, DType named, HeadType head) {
  if (tensor.is_vector()) return {f32, ""};
  const std::uint64_t columns = tensor.shape.back();
  const bool is_head = tensor.role == (config.tied_head ? Role::embedding : Role::head);
  DType type = named;
  if (is_head && head == HeadType::usual && is_quantized(named) && named != q8_0) {
    // q6_k is what the head should have; without whole blocks of 256 it is q8_0, which is better still.
    type = columns % facts(q6_k).block == 0 ? q6_k : q8_0;
  }
  if (columns % facts(type).block == 0) return {type, ""};
  DType fitting = row_of(type).narrow;
  if (columns % facts(fitting).block != 0) fitting = f16;
  return {fitting, tensor.name + ": " + std::to_string(columns) + " columns are no multiple of " +
                       std::to_string(facts(type).block) + ": " + std::string(name(fitting)) + " instead of " +
                       std::string(name(type))};
}

std::uint32_t gguf_file_type(DType type) { return row_of(type).file_type; }

}  // namespace assay::artifact
