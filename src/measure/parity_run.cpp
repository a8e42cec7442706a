#include "measure/parity_run.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "kernel/quant/dequantize.h"
#include "model/reference.h"

namespace assay::measure {
namespace {

double squared_norm(std::span<const float> values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * value;
  return sum;
}

// Largest over root mean square of the norms of the head's rows: how unevenly an error of the state reaches the logits.
double row_spread(const model::Weights& weights) {
  std::vector<float> row(weights.config.hidden);
  double largest = 0;
  double sum = 0;
  for (std::uint64_t r = 0; r < weights.head.rows(); ++r) {
    kernel::dequantize_row(weights.head, r, row);
    const double squares = squared_norm(row);
    largest = std::max(largest, squares);
    sum += squares;
  }
  return sum > 0 ? std::sqrt(largest / (sum / static_cast<double>(weights.head.rows()))) : 1;
}

Result<void> check_comparable(const BackendFacts& facts, std::size_t tokens, std::size_t vocab) {
  if (facts.vocab != vocab) {
    return fail(Errc::bad_value, facts.name + ": a vocabulary of " + std::to_string(facts.vocab) +
                                     ", the model's has " + std::to_string(vocab));
  }
  if (tokens > facts.context) {
    return fail(Errc::bad_value,
                "text has " + std::to_string(tokens) + " tokens, context holds " + std::to_string(facts.context));
  }
  return {};
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

Result<std::vector<float>> backend_logits(Backend& backend, std::span<const Token> tokens,
                                          std::span<const std::uint32_t> positions, std::size_t vocab) {
  const BackendFacts& facts = backend.facts();
  ASSAY_TRY(check_comparable(facts, tokens.size(), vocab));
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

Result<Reference> make_reference(const model::Weights& weights, std::span<const Token> tokens,
                                 std::span<const std::uint32_t> positions, std::span<const Rounding> roundings,
                                 device::ThreadPool* pool, const ParityProgress& progress) {
  constexpr std::uint64_t seed = 1;  // the same bound every time
  std::vector<Random> random;
  random.reserve(roundings.size());
  for (std::size_t i = 0; i < roundings.size(); ++i) random.emplace_back(seed + i);
  const auto all = model::reference_logits(weights, tokens, positions,
                                           {.copies = static_cast<std::uint32_t>(1 + roundings.size()),
                                            .disturb =
                                                [&](std::uint32_t copy, const model::SiteValues& at) {
                                                  if (copy > 0) disturb(roundings[copy - 1], at, random[copy - 1]);
                                                },
                                            .pool = pool},
                                           progress);
  if (!all) return std::unexpected(all.error());
  Reference out;
  out.tokens.assign(tokens.begin(), tokens.end());
  out.positions.assign(positions.begin(), positions.end());
  out.vocab = weights.config.vocab;
  out.roundings.assign(roundings.begin(), roundings.end());
  const std::size_t size = positions.size() * out.vocab;
  out.logits.assign(all->begin(), all->begin() + static_cast<std::ptrdiff_t>(size));
  const double spread = row_spread(weights);
  for (std::size_t i = 1; i <= roundings.size() && size > 0; ++i) {
    out.bounds.push_back(error_bound(out.logits, std::span(*all).subspan(i * size, size), out.vocab, spread));
  }
  return out;
}

Result<Parity> parity_against(const Reference& reference, Backend& backend, const Rounding& rounding) {
  const auto at = std::ranges::find(reference.roundings, rounding);
  ASSAY_ASSERT(at != reference.roundings.end());
  const auto logits = backend_logits(backend, reference.tokens, reference.positions, reference.vocab);
  if (!logits) return std::unexpected(logits.error());
  return compare(reference.logits, *logits, reference.vocab,
                 reference.bounds[static_cast<std::size_t>(at - reference.roundings.begin())]);
}

Result<Parity> run_parity(Backend& backend, const model::Weights& weights, const Rounding& rounding,
                          std::span<const Token> tokens, std::span<const std::uint32_t> positions,
                          const ParityProgress& progress, device::ThreadPool* pool) {
  ASSAY_TRY(check_comparable(backend.facts(), tokens.size(), weights.config.vocab));
  const auto reference = make_reference(weights, tokens, positions, {&rounding, 1}, pool, progress);
  if (!reference) return std::unexpected(reference.error());
  return parity_against(*reference, backend, rounding);
}

double reference_seconds(const model::Weights& weights, std::size_t tokens, std::size_t copies, std::size_t threads) {
  constexpr double products_per_second = 1e9;   // multiply-adds in double precision of a slow core
  constexpr double weights_per_second = 200e6;  // dequantized
  double count = static_cast<double>(weights.head.rows()) * static_cast<double>(weights.head.columns());
  for (const model::LayerWeights& layer : weights.layers) {
    for (const TensorView* tensor :
         {&layer.q, &layer.k, &layer.v, &layer.output, &layer.gate, &layer.up, &layer.down}) {
      count += static_cast<double>(tensor->rows()) * static_cast<double>(tensor->columns());
    }
  }
  const double each = static_cast<double>(tokens * copies) / products_per_second + 1 / weights_per_second;
  return count * each / static_cast<double>(std::max<std::size_t>(threads, 1));
}

}  // namespace assay::measure
