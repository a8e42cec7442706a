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
// tokens. Before it is believed, the new vocabulary tokenizes texts of many kinds and must agree with the old one.
// Gives notes for people. Errc::unsupported names the component that GGUF has no word for, or the text that differs.
Result<std::vector<std::string>> set_gguf_tokenizer(const Checkpoint& folder, GgufWriter& writer);

}  // namespace assay::artifact
