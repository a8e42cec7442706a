#include "measure/parity_run.h"

#include <algorithm>
#include <cmath>
#include <iterator>
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
double row_spread(const model::Weights& weights, const Stop* stop) {
  std::vector<float> row(weights.config.hidden);
  double largest = 0;
  double sum = 0;
  for (std::uint64_t r = 0; r < weights.head.rows() && !asked(stop); ++r) {
    kernel::dequantize_row(weights.head, r, row);
    const double squares = squared_norm(row);
    largest = std::max(largest, squares);
    sum += squares;
  }
  return sum > 0 ? std::sqrt(largest / (sum / static_cast<double>(weights.head.rows()))) : 1;
}

// At most `count` positions at the end of a text; not the first one, which nothing is decoded behind.
std::vector<std::uint32_t> last_positions(std::size_t tokens, std::size_t count) {
  std::vector<std::uint32_t> out;
  for (std::size_t i = tokens - std::min(count, tokens); i < tokens; ++i) {
    if (i > 0) out.push_back(static_cast<std::uint32_t>(i));
  }
  return out;
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
                                          std::span<const std::uint32_t> positions, std::size_t vocab,
                                          std::size_t one_by_one_from, const Stop* stop) {
  const BackendFacts& facts = backend.facts();
  ASSAY_TRY(check_comparable(facts, tokens.size(), vocab));
  std::vector<float> out;
  out.reserve(positions.size() * facts.vocab);
  Logits logits;
  std::vector<Slot> slots;
  Result<void> result;
  std::size_t begin = 0;
  while (result && begin < tokens.size()) {
    std::size_t end = std::min(tokens.size(), begin + facts.batch);
    if (begin >= one_by_one_from) {
      end = begin + 1;
    } else {
      end = std::min(end, one_by_one_from);
    }
    slots.clear();
    for (std::size_t i = begin; i < end; ++i) {
      const auto position = static_cast<std::uint32_t>(i);
      slots.push_back({0, position, tokens[i], logits_if(std::ranges::binary_search(positions, position))});
    }
    if (asked(stop)) {
      result = fail(Errc::cancelled, "parity stopped before token " + std::to_string(begin));
      break;
    }
    result = backend.forward(slots, logits);
    if (result) out.insert(out.end(), logits.values.begin(), logits.values.end());
    begin = end;
  }
  ASSAY_TRY(backend.forget(0, 0, ~Position{0}));
  if (!result) return std::unexpected(std::move(result.error()));
  return out;
}

std::vector<Token> text_of_length(std::span<const Token> tokens, std::size_t length) {
  ASSAY_ASSERT(!tokens.empty());
  std::vector<Token> out(length);
  for (std::size_t i = 0; i < length; ++i) out[i] = tokens[i % tokens.size()];
  return out;
}

Result<Reference> make_reference(const model::Weights& weights, std::span<const Token> tokens,
                                 std::span<const std::uint32_t> positions, std::span<const Rounding> roundings,
                                 device::ThreadPool* pool, const ParityProgress& progress, const Stop* stop,
                                 bool suspects) {
  constexpr std::uint64_t seed = 1;  // the same bound every time
  std::vector<Random> random;
  random.reserve(roundings.size() * tries);
  for (std::size_t i = 0; i < roundings.size() * tries; ++i) random.emplace_back(seed + i);
  Reference out;
  out.tokens.assign(tokens.begin(), tokens.end());
  out.positions.assign(positions.begin(), positions.end());
  out.decode_positions = last_positions(tokens.size(), decode_steps);
  out.vocab = weights.config.vocab;
  out.roundings.assign(roundings.begin(), roundings.end());
  std::vector<std::uint32_t> all_positions;
  std::ranges::set_union(out.positions, out.decode_positions, std::back_inserter(all_positions));
  const auto all = model::reference_logits(weights, tokens, all_positions,
                                           {.copies = static_cast<std::uint32_t>(1 + roundings.size() * tries),
                                            .disturb =
                                                [&](std::uint32_t copy, const model::SiteValues& at) {
                                                  if (copy > 0)
                                                    disturb(roundings[(copy - 1) / tries], at, random[copy - 1]);
                                                },
                                            .pool = pool,
                                            .stop = stop},
                                           progress);
  if (!all) return std::unexpected(all.error());
  const std::size_t size = all_positions.size() * out.vocab;
  const std::span exact = std::span(*all).first(size);
  const auto rows = [&](std::span<const double> from, std::span<const std::uint32_t> wanted) {
    std::vector<double> picked;
    picked.reserve(wanted.size() * out.vocab);
    for (const std::uint32_t position : wanted) {
      const auto at =
          static_cast<std::size_t>(std::ranges::lower_bound(all_positions, position) - all_positions.begin());
      const auto row = from.subspan(at * out.vocab, out.vocab);
      picked.insert(picked.end(), row.begin(), row.end());
    }
    return picked;
  };
  out.logits = rows(exact, out.positions);
  out.decode_logits = rows(exact, out.decode_positions);
  const double spread = row_spread(weights, stop);
  if (asked(stop)) return fail(Errc::cancelled, "the bound was not computed");
  for (std::size_t i = 0; i < roundings.size() && size > 0; ++i) {
    const std::span tried = std::span(*all).subspan((1 + i * tries) * size, tries * size);
    const auto bound_at = [&](std::span<const std::uint32_t> wanted, std::span<const double> logits) {
      std::vector<double> picked;
      for (std::size_t t = 0; t < tries; ++t) {
        const std::vector<double> one = rows(tried.subspan(t * size, size), wanted);
        picked.insert(picked.end(), one.begin(), one.end());
      }
      return logits.empty() ? Bound{} : tried_bound(logits, picked, out.vocab, spread);
    };
    out.bounds.push_back({bound_at(out.positions, out.logits), bound_at(out.decode_positions, out.decode_logits)});
  }
  if (!suspects || out.positions.empty()) return out;
  auto found = suspects_of(weights, tokens, positions, out.logits, pool, stop);
  if (!found) return std::unexpected(std::move(found.error()));
  out.suspects = std::move(*found);
  for (std::size_t i = 0; i < roundings.size(); ++i) {
    std::vector<double> errors;  // of all tries
    for (std::size_t t = 0; t < tries; ++t) {
      const std::vector<double> one = rows(std::span(*all).subspan((1 + i * tries + t) * size, size), out.positions);
      for (std::size_t v = 0; v < one.size(); ++v) errors.push_back(one[v] - out.logits[v]);
    }
    for (Suspect& suspect : out.suspects) suspect.seen.push_back(can_be_seen(suspect.direction, errors, out.vocab));
  }
  return out;
}

const Reference::Bounds& Reference::bounds_of(const Rounding& rounding) const {
  const auto at = std::ranges::find(roundings, rounding);
  ASSAY_ASSERT(at != roundings.end());
  return bounds[static_cast<std::size_t>(at - roundings.begin())];
}

Result<Parity> parity_against(const Reference& reference, Backend& backend, const Rounding& rounding,
                              const Stop* stop) {
  const Reference::Bounds& bounds = reference.bounds_of(rounding);
  const auto logits =
      backend_logits(backend, reference.tokens, reference.positions, reference.vocab, reference.tokens.size(), stop);
  if (!logits) return std::unexpected(logits.error());
  auto out = compare(reference.logits, *logits, reference.vocab, bounds.prefill);
  if (out && !reference.suspects.empty()) {
    std::vector<double> difference(logits->begin(), logits->end());
    for (std::size_t i = 0; i < difference.size(); ++i) difference[i] -= reference.logits[i];
    const auto index = static_cast<std::size_t>(&bounds - reference.bounds.data());
    out->nearer_to = nearest(reference.suspects, index, difference);
  }
  if (!out || reference.decode_positions.empty()) return out;
  const auto decoded = backend_logits(backend, reference.tokens, reference.decode_positions, reference.vocab,
                                      reference.decode_positions.front(), stop);
  if (!decoded) return std::unexpected(decoded.error());
  const auto decode = compare(reference.decode_logits, *decoded, reference.vocab, bounds.decode);
  if (!decode) return std::unexpected(with_context("in decode", decode.error()));
  out->decode = *decode;
  return out;
}

Result<SelfAgreement> self_agreement(Backend& backend, std::span<const Token> tokens, const Bound& bound,
                                     const Stop* stop) {
  const std::vector<std::uint32_t> last = last_positions(tokens.size(), decode_steps);
  if (last.empty()) {
    return fail(Errc::bad_value, "a text of " + std::to_string(tokens.size()) + " tokens, expected at least 2");
  }
  const std::size_t vocab = backend.facts().vocab;
  const auto batch = backend_logits(backend, tokens, last, vocab, tokens.size(), stop);
  if (!batch) return std::unexpected(batch.error());
  const auto one_by_one = backend_logits(backend, tokens, last, vocab, last.front(), stop);
  if (!one_by_one) return std::unexpected(one_by_one.error());
  return compare_self(*batch, *one_by_one, vocab, tokens.size(), bound, backend.facts().deterministic);
}

Result<Parity> run_parity(Backend& backend, const model::Weights& weights, const Rounding& rounding,
                          std::span<const Token> tokens, std::span<const std::uint32_t> positions,
                          const ParityProgress& progress, device::ThreadPool* pool, const Stop* stop,
                          std::size_t self_tokens) {
  ASSAY_TRY(check_comparable(backend.facts(), std::max(tokens.size(), self_tokens), weights.config.vocab));
  const auto reference = make_reference(weights, tokens, positions, {&rounding, 1}, pool, progress, stop, true);
  if (!reference) return std::unexpected(reference.error());
  auto out = parity_against(*reference, backend, rounding, stop);
  if (!out || self_tokens < 2) return out;
  const auto self =
      self_agreement(backend, text_of_length(tokens, self_tokens), reference->bounds_of(rounding).decode, stop);
  if (!self) return std::unexpected(self.error());
  out->self = *self;
  return out;
}

double reference_seconds(const model::Weights& weights, std::size_t tokens, std::size_t roundings,
                         std::size_t threads) {
  const std::size_t copies = 1 + tries * roundings;
  constexpr double products_per_second = 1e9;   // multiply-adds in double precision of a slow core
  constexpr double weights_per_second = 200e6;  // dequantized
  double count = 0;
  model::each_product(weights, [&](const TensorView& matrix) {
    count += static_cast<double>(matrix.rows()) * static_cast<double>(matrix.columns());
  });
  const double each = static_cast<double>(tokens * copies) / products_per_second + 1 / weights_per_second;
  return count * each / static_cast<double>(std::max<std::size_t>(threads, 1));
}

}  // namespace assay::measure
