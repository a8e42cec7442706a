// The architectures that are read: their names everywhere, and which rows their readers differ by.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "checkpoint/model_config.h"

namespace assay {

struct ArchitectureFacts {
  Architecture architecture;
  std::string_view model_type;  // in config.json
  std::string_view class_name;  // in "architectures" of config.json
  std::string_view gguf;        // general.architecture of a file that is written, and the prefix of its keys
  RopePairs gguf_pairs;         // how GGUF files hold q and k; folders are always `halves`
  bool gains_less_one =
      false;  // folders hold gains of norms less 1; GGUF files hold them whole, as all of our code does
};
inline constexpr std::array architectures{
    ArchitectureFacts{Architecture::llama, "llama", "LlamaForCausalLM", "llama", RopePairs::adjacent},
    ArchitectureFacts{Architecture::mistral, "mistral", "MistralForCausalLM", "llama", RopePairs::adjacent},
    ArchitectureFacts{Architecture::qwen2, "qwen2", "Qwen2ForCausalLM", "qwen2", RopePairs::halves},
    ArchitectureFacts{Architecture::qwen3, "qwen3", "Qwen3ForCausalLM", "qwen3", RopePairs::halves},
    ArchitectureFacts{Architecture::gemma3, "gemma3_text", "Gemma3ForCausalLM", "gemma3", RopePairs::halves, true},
};

constexpr const ArchitectureFacts& facts_of(Architecture architecture) {
  for (const ArchitectureFacts& row : architectures) {
    if (row.architecture == architecture) return row;
  }
  return architectures[0];
}

// general.architecture as files have it; several may mean one.
struct GgufArchitecture {
  std::string_view name;
  Architecture architecture;
};
inline constexpr std::array gguf_architectures{
    GgufArchitecture{"llama", Architecture::llama},      GgufArchitecture{"mistral", Architecture::mistral},
    GgufArchitecture{"mistral3", Architecture::mistral}, GgufArchitecture{"qwen2", Architecture::qwen2},
    GgufArchitecture{"qwen3", Architecture::qwen3},      GgufArchitecture{"gemma3", Architecture::gemma3},
};

// "llama, mistral, qwen2 or qwen3", for errors.
template <class Rows, class Name>
std::string listed(const Rows& rows, Name name) {
  std::string out;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i > 0) out += i + 1 == rows.size() ? " or " : ", ";
    out += rows[i].*name;
  }
  return out;
}

}  // namespace assay
