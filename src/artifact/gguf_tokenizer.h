// A folder's tokenizer.json as the keys that GGUF has for it.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/gguf_writer.h"

namespace assay::artifact {

// Sets tokenizer.ggml.*. Done are BPE over bytes with a pre-tokenizer that GGUF has a name for ("gpt2"), and BPE with
// byte fallback as SentencePiece's models have it ("llama"). The vocabulary is padded to the config's size by unused
// tokens. What GGUF has no keys for (Unicode normalization, flags of added tokens, more than three ends) goes into
// tokenizer.assay.rest and tokenizer.assay.end_token_ids, which this program reads and others ignore.
// Before they are believed, the keys are tried: what other programs read must split ordinary texts of many kinds as the
// folder does, what this one reads must be the same in everything, beside every added token too.
// Returns notes for people. Errc::unsupported names the component that GGUF has no word for, or the text that differs.
Result<std::vector<std::string>> set_gguf_tokenizer(const Checkpoint& folder, GgufWriter& writer);

}  // namespace assay::artifact
