// Which type each tensor of a written model gets when a person names one type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "checkpoint/model_config.h"
#include "checkpoint/tensor_list.h"
#include "tensor/dtype.h"

namespace assay::artifact {

// usual: the head (output.weight, or the embedding of a tied model) is kept better than the rest: q8_0 for q8_0, q6_k
// for every other quantized type, as llama-quantize does. same: the head gets the named type too.
enum class HeadType : std::uint8_t { usual, same };

struct StoredType {
  DType type{};
  // Not empty where the named type cannot hold the tensor's rows: "blk.0.ffn_down.weight: 96 columns are no multiple of
  // 256: q8_0 instead of q6_k".
  std::string note;
};

// The types that can be named, in any case: every one that computes and has a GGUF id. Errc::unsupported names the type,
// the nearest one that there is, and the list.
Result<DType> stored_type_from_name(std::string_view type);

// Vectors (norms, biases, RoPE factors) stay f32. Rows that are no multiple of the type's block get the next better type
// with blocks of 32 (q2_k, q3_k, iq4_xs: iq4_nl; q4_k: q5_0; q5_k: q5_1; q6_k: q8_0), and f16 where that does not fit.
StoredType stored_type(const ModelConfig& config, const ExpectedTensor& tensor, DType named, HeadType head);

// The number that general.file_type has for a file mostly of this type (llama.cpp's enumeration llama_ftype).
std::uint32_t gguf_file_type(DType type);

}  // namespace assay::artifact
