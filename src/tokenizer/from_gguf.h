// The tokenizer that a GGUF carries (tokenizer.ggml.*).
#pragma once

#include "base/error.h"
#include "checkpoint/gguf.h"
#include "tokenizer/tokenizer.h"

namespace assay {

// Copies what it needs. Errc::not_found names a missing key, Errc::bad_value a key of the wrong type, others as
// Tokenizer::from_vocabulary().
Result<Tokenizer> tokenizer_from_gguf(const Gguf& gguf);

}  // namespace assay
