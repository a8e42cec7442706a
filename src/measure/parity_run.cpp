#include "measure/parity_run.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "kernel/quant/dequantize.h"
#include "model/reference.h"

namespace assay::measure {
namespace {

bool is_float(DType dtype) { return dtype == DType::f32 || dtype == DType::f16 || dtype == DType::bf16; }

double squared_norm(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * value;
  return sum;
}

}  // namespace

std::string_view standard_text() {
  return "The old lighthouse stood at the end of a long stone pier. Every evening, just before the sun went down, Mara "
         "climbed its ninety-six steps with a can of oil in one hand and a book in the other. \"You will wear out your "
         "knees,\" her brother used to say, but she only laughed. From the top she could see three islands, two "
         "fishing "
         "boats and, on clear days, the white line of the mountains.\n\nWhat she carried up:\n- oil, two litres\n"
         "- bread and cheese\n- a lamp, in case the big one failed\n\nOne night in October the fog came in so thick "
         "that "
         "the light was only a pale circle. She counted: 1, 2, 3, 5, 8, 13, 21 seconds between the waves.\n\n"
         "def wait(seconds):\n    for i in range(seconds):\n        print(i + 1)\n\n{\"keeper\": \"Mara\", \"steps\": "
         "96, "
         "\"lit\": true}\n\nQuestion: What did Mara carry in one hand?\nAnswer: She carried a can of oil.\n";
}

std::vector<std::uint32_t> spread_positions(std::uint32_t tokens, std::uint32_t count) {
  std::vector<std::uint32_t> out;
  if (count == 0 || count >= tokens) {
    for (std::uint32_t i = 0; i < tokens; ++i) out.push_back(i);
    return out;
  }
  if (count == 1) return {tokens - 1};
  for (std::uint64_t i = 0; i < count; ++i) {
    out.push_back(static_cast<std::uint32_t>(i * (tokens - 1) / (count - 1)));
  }
  return out;
}

Rounding direct_rounding(const model::Weights& weights, std::string_view kv_type) {
  bool quantized = !is_float(weights.head.dtype);
  for (const model::LayerWeights& layer : weights.layers) {
    for (const TensorView* tensor :
         {&layer.q, &layer.k, &layer.v, &layer.output, &layer.gate, &layer.up, &layer.down}) {
      quantized = quantized || !is_float(tensor->dtype);
    }
  }
  return {.activations = quantized ? Rounding::Activations::int8_blocks_of_32 : Rounding::Activations::f32,
          .kv = kv_type == "q8_0" ? DType::q8_0 : DType::f16};
}

LogitScale logit_scale(const model::Weights& weights, std::size_t positions) {
  LogitScale out;
  std::vector<float> row(weights.config.hidden);
  kernel::dequantize_row(weights.output_norm, 0, row);
  out.state_norm = std::sqrt(squared_norm(row));
  double largest = 0;
  for (std::uint64_t r = 0; r < weights.head.rows(); ++r) {
    kernel::dequantize_row(weights.head, r, row);
    largest = std::max(largest, squared_norm(row));
  }
  out.row_norm = std::sqrt(largest);
  out.values = positions * weights.config.vocab;
  return out;
}

Result<std::vector<float>> backend_logits(Backend& backend, std::span<const Token> tokens,
                                          std::span<const std::uint32_t> positions) {
  const BackendFacts& facts = backend.facts();
  if (tokens.size() > facts.context) {
    return fail(Errc::bad_value, "text has " + std::to_string(tokens.size()) + " tokens, context holds " +
                                     std::to_string(facts.context));
  }
  std::vector<float> out;
  out.reserve(positions.size() * facts.vocab);
  Logits logits;
  std::vector<Slot> slots;
  Result<void> result;
  for (std::size_t begin = 0; result && begin < tokens.size(); begin += facts.batch) {
    const std::size_t end = std::min(tokens.size(), begin + facts.batch);
    slots.clear();
    for (std::size_t i = begin; i < end; ++i) {
      const auto position = static_cast<std::uint32_t>(i);
      slots.push_back({0, position, tokens[i], std::ranges::binary_search(positions, position)});
    }
    result = backend.forward(slots, logits);
    if (result) out.insert(out.end(), logits.values.begin(), logits.values.end());
  }
  ASSAY_TRY(backend.forget(0, 0, ~Position{0}));
  if (!result) return std::unexpected(std::move(result.error()));
  return out;
}

Result<Parity> run_parity(Backend& backend, const model::Weights& weights, const Rounding& rounding,
                          std::span<const Token> tokens, std::span<const std::uint32_t> positions,
                          const ParityProgress& progress) {
  const auto logits = backend_logits(backend, tokens, positions);
  if (!logits) return std::unexpected(logits.error());
  const auto reference = model::reference_logits(weights, tokens, positions, progress);
  if (!reference) return std::unexpected(reference.error());
  const LogitScale scale = logit_scale(weights, positions.size());
  return compare(*reference, *logits, weights.config.vocab, logit_error_bound(weights.config, rounding, scale));
}

}  // namespace assay::measure
