// What a record says in words: the rows' names, the headline, and the remarks that belong to rows. Plain text, shared by
// the page and the Markdown table; whoever prints it escapes it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "measure/record.h"

namespace assay::measure::report {

// How a page calls the rows: the engine, and whatever else is needed to tell two rows apart.
struct Naming {
  std::vector<std::string> labels{};  // of rows, at most rows_max
  std::vector<std::size_t> series{};  // colour and shape; a row with cached prompts has those of its fresh sibling
  std::size_t shown() const { return labels.size(); }
};
Naming naming_of(const Matrix& matrix);

// "qwen3-0.6b" or the file's name, with the quantization.
std::string artifact_title(const Artifact& artifact);

// What was measured, where and how, in one sentence.
std::string subject_sentence(const Matrix& matrix);

// The speed at which reading the weights would bound decoding, tokens per second; NaN where it was not measured.
double read_limit_tok_s(const Matrix& matrix, const Row& row);
// The ceiling is that of the CPU's memory: an accelerator's row has none.
bool read_limit_applies(const Row& row);
// All weights fit into a cache, so that reading memory does not bound decoding.
bool weights_fit_cache(const Matrix& matrix);

// Speed of `row` over that of `base`, by rounds: interleaved rounds are pairs. n = 0 where one has no figure; n = 1
// (no interval) where their rounds do not pair up.
enum class Figure : unsigned char { decode, prefill };
Estimate ratio(const Row& row, const Row& base, Figure figure, std::uint64_t seed);

struct Verdict {
  std::string headline{};
  std::vector<std::string> sentences{};
};
// Never says that one engine is faster than another where the interval of their ratio holds 1.
Verdict verdict_of(const Matrix& matrix, const Naming& naming);

struct Remark {
  enum class Tone : unsigned char { plain, warning, bad } tone = Tone::plain;
  std::string who{};  // labels of the rows that it is true of
  std::string text{};
  bool is_status = false;  // a refusal or failure
};
// Refusals, failures, parity, noise, adapted lengths, notes of engines, cold rounds, swap, energy. Equal ones once.
std::vector<Remark> remarks_of(const Matrix& matrix, const Naming& naming);

}  // namespace assay::measure::report
