// Any checkpoint as one GGUF file of a named type.
#pragma once

#include <cstdint>
#include <string>

#include "artifact/hash.h"
#include "artifact/stored_type.h"
#include "artifact/synth.h"
#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "device/cpu/thread_pool.h"

namespace assay::artifact {

// none: the file says that it has no vocabulary; for folders that come without tokenizer.json.
enum class Vocabulary : std::uint8_t { carried, none };

struct ConvertOptions {
  DType type = DType::q8_0;
  HeadType head = HeadType::usual;
  Vocabulary vocabulary = Vocabulary::carried;
};

// Bytes of the tensors, for progress; the file is a little larger.
std::uint64_t convert_bytes(const Checkpoint& in, const ConvertOptions& options);

// Writes `path`. Tensors that have the wanted type already keep their bytes; the others go through float. A GGUF's other
// metadata is carried over as it is. From a folder come the config, the tokenizer (see gguf_tokenizer.h) and the chat
// templates; q and k of llama and mistral are reordered, llama 3's scaling becomes a tensor of factors.
// WrittenModel::notes: types that rows could not have, and what was quantized before. Errors: Errc::bad_value where
// `path` is a file of `in`, and where a value is no finite number or cannot be held by the type (see value_check.h: tensor,
// row, column, value); those of the tokenizer, of set_gguf_config and of GgufWriter; Errc::cancelled.
Result<WrittenModel> convert(const Checkpoint& in, const ConvertOptions& options, const std::string& path,
                             device::ThreadPool& pool, const ByteProgress& progress = {});

}  // namespace assay::artifact
