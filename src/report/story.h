// What a record says in words: the rows' names, the headline, and the remarks that belong to rows. Plain text, shared by
// the page and the Markdown table; whoever prints it escapes it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "record/record.h"

namespace assay::measure::report {

// How a page calls the rows: the engine, and whatever else is needed to tell two rows apart.
struct Naming {
  std::vector<std::string> labels{};  // of rows, at most rows_max
  std::vector<std::size_t> series{};  // colour and shape; a row with cached prompts has those of its fresh sibling
  std::size_t shown() const { return labels.size(); }
};
Naming naming_of(const Matrix& matrix);

// Rows that may be compared with each other. A figure of one group says nothing of another's.
enum class Group : unsigned char {
  workload,       // fresh prompts of the lengths that were asked for
  other_lengths,  // fresh prompts of other lengths: the engine would have taken too long
  cached,         // all of the prompt but its last token is in the engine's cache
};
Group group_of(const Matrix& matrix, const Row& row);
std::string_view title_of(Group group);
// Indices of the rows that are shown, group by group.
std::vector<std::size_t> in_groups(const Matrix& matrix, const Naming& naming);
// "40 + 8 tokens".
std::string lengths_of(const Row& row);

// "qwen3-0.6b" or the file's name, with the quantization.
std::string artifact_title(const Artifact& artifact);

// Where the rows ran: "NVIDIA H200", "AMD EPYC", or both where there are rows on both; empty where nobody tells.
std::string place_title(const Matrix& matrix);

// What was measured, where and how, in one sentence.
std::string subject_sentence(const Matrix& matrix);

// The speed at which reading weights, keys and values would bound this row's decoding in each round, tokens per second:
// of round 1 first, NaN where a round has no ceiling; empty where nothing bounds it so (share_reason says why).
std::vector<double> read_limits_tok_s(const Matrix& matrix, const Row& row);
double read_limit_tok_s(const Matrix& matrix, const Row& row);  // their median; NaN: there is none

// Speed of `row` over that of `base`, by rounds: interleaved rounds are pairs. n = 0 where one has no figure, or their
// requests had other lengths; n = 1 (no interval) where their rounds do not pair up.
enum class Figure : unsigned char { decode, prefill };
Estimate ratio(const Row& row, const Row& base, Figure figure, std::uint64_t seed);

// Why fewer first choices than positions are equal: near ties of the reference, or more than that; empty: all are equal.
std::string other_choices(const Parity& parity);
// What was compared and found, a few words each: "max_abs 0.131 ≤ 0.206", "top-1 17/19", ...
std::vector<std::string> parity_lines(const Parity& parity);

struct Verdict {
  std::string headline{};
  std::vector<std::string> sentences{};
};
// Never says that one engine is faster than another where the interval of their ratio holds 1, there are fewer than
// interval_values_min of them, or their requests had other lengths.
Verdict verdict_of(const Matrix& matrix, const Naming& naming);

struct Remark {
  enum class Tone : unsigned char { plain, warning, bad } tone = Tone::plain;
  std::string who{};  // labels of the rows that it is true of
  std::string text{};
  bool is_status = false;  // a refusal or failure
};
// Refusals, failures, parity, noise, adapted lengths, notes of engines, cold rounds, swap, energy. Equal ones once.
std::vector<Remark> remarks_of(const Matrix& matrix, const Naming& naming);

// A row that answered with a figure.
bool usable(const Row& row);
std::string listed(const std::vector<std::string>& items);       // "a, b and c"
std::string counted(std::size_t count, std::string_view noun);   // "3 rounds"
std::string joined_labels(const std::vector<std::string>& who);  // of many the first two and how many more

}  // namespace assay::measure::report
