// The vocabulary of a synthesized model: small, complete (every text has tokens), padded to the shape's size.
#pragma once

#include <cstdint>

#include "base/error.h"
#include "checkpoint/gguf_writer.h"

namespace assay::artifact {

inline constexpr std::uint32_t synth_vocabulary_min = 260;  // 256 bytes, three control tokens and one merged token

// Byte-level BPE with the pre-tokenizer qwen2: the 256 bytes, pieces of common English words, <|endoftext|>,
// <|im_start|> and <|im_end|> (the end of a turn), then unused tokens up to `tokens`; and a ChatML template.
// Errc::bad_value below synth_vocabulary_min.
Result<void> set_synth_vocabulary(GgufWriter& writer, std::uint32_t tokens);

}  // namespace assay::artifact
