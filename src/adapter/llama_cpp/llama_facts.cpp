#include "adapter/llama_cpp/llama_facts.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace assay::adapter {
namespace {

double number(const std::optional<std::string>& text, double absent) {
  if (!text) return absent;
  char* end = nullptr;  // strtod rather than from_chars: older libc++ has none for floating point
  const double value = std::strtod(text->c_str(), &end);
  return end == text->c_str() ? absent : value;
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

// yarn_ext_factor and yarn_attn_factor of a file that llama.cpp saved itself are "not set" where the first is negative.
struct YarnKey {
  std::string_view tail;
  double neutral;          // what llama.cpp takes when it does not look
  bool read_by_mistral3;   // src/models/mistral3.cpp
  bool counts_if_ext_set;  // says nothing where yarn_ext_factor is negative
};
constexpr std::array yarn_keys{
    YarnKey{"rope.scaling.yarn_ext_factor", 1, false, true},
    YarnKey{"rope.scaling.yarn_attn_factor", -1, false, true},  // replaces its formula, so any value differs
    YarnKey{"rope.scaling.yarn_beta_fast", 32, true, false},
    YarnKey{"rope.scaling.yarn_beta_slow", 1, true, false},
    YarnKey{"rope.scaling.yarn_log_multiplier", 0, true, false},
};

}  // namespace

std::vector<std::string> ignored_keys(const GgufScalar& scalar, std::uint32_t context, std::uint32_t window_applied) {
  std::vector<std::string> notes;
  const std::string architecture = scalar("general.architecture").value_or("");
  if (!is_one_of(architecture, {"llama", "qwen2", "qwen3", "mistral3"})) return notes;
  const auto value_of = [&](std::string_view tail) { return scalar(architecture + "." + std::string(tail)); };
  const auto note = [&](std::string_view tail) {
    notes.push_back("llama.cpp ignores " + architecture + "." + std::string(tail) + " = " + *value_of(tail));
  };

  constexpr std::string_view window_key = "attention.sliding_window";
  const double window = number(value_of(window_key), 0);
  if (window > 0 && window < context && window_applied == 0) note(window_key);

  const double head = number(value_of("attention.key_length"),
                             number(value_of("embedding_length"), 0) / number(value_of("attention.head_count"), 1));
  const double scale = number(value_of("attention.scale"), 0);
  if (scale != 0 && head > 0 && std::abs(scale * std::sqrt(head) - 1) > 1e-4) note("attention.scale");

  if (value_of("rope.scaling.type").value_or("") != "yarn") return notes;
  const bool ext_set = number(value_of("rope.scaling.yarn_ext_factor"), 1) >= 0;
  for (const YarnKey& key : yarn_keys) {
    if (!value_of(key.tail) || (key.read_by_mistral3 && architecture == "mistral3")) continue;
    if (key.counts_if_ext_set && !ext_set) continue;
    if (number(value_of(key.tail), key.neutral) != key.neutral) note(key.tail);
  }
  return notes;
}

std::string activations_of(std::span<const MatrixType> matrices, std::string_view device) {
  enum Rounding : std::uint8_t { f32, f16, bf16, q8_0, q8_k };  // coarser later
  constexpr std::array names{"f32", "f16", "bf16", "q8_0", "q8_k"};
  Rounding coarsest = f32;
  for (const MatrixType& matrix : matrices) {
    Rounding met = f32;
    if (matrix.quantized) {
      met = matrix.block == 256 ? q8_k : q8_0;
      if (device == "cuda") met = q8_0;
      if (device == "metal") met = f16;
    } else if (matrix.name == "f16") {
      met = f16;
    } else if (matrix.name == "bf16") {
      met = bf16;
    }
    coarsest = std::max(coarsest, met);
  }
  return names[coarsest];
}

Error load_error(std::string_view model, std::string_view words) {
  const auto says = [&](std::string_view part) { return words.find(part) != std::string_view::npos; };
  Errc code = Errc::bad_value;
  if (says("unknown model architecture")) code = Errc::unsupported;
  for (const char* memory : {"allocate", "bad_alloc", "memory"}) code = says(memory) ? Errc::full : code;
  return {code, 0,
          std::string(model) + ": llama.cpp: " + (words.empty() ? "refuses it without a word" : std::string(words))};
}

Error decode_error(int status, std::size_t slots, std::string_view words) {
  const std::string said = words.empty() ? "" : ": " + std::string(words);
  const std::string batch = "llama.cpp, batch of " + std::to_string(slots) + " slots: ";
  switch (status) {
    case 1:
      return {Errc::full, 0, batch + "no room for its keys and values"};
    case 2:
      return {Errc::cancelled, 0, batch + "aborted" + said};
    case -1:
      return {Errc::bad_value, 0, batch + "refused" + said};
    default:
      return {Errc::engine_lost, 0, batch + "failed with status " + std::to_string(status) + said};
  }
}

}  // namespace assay::adapter
