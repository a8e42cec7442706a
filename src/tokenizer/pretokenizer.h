// Cuts text into the words that a model encodes one by one: a chain of steps, each of which cuts the pieces of the one
// before. Names and behaviours are those of tokenizer.json; GGUF names are chains of the same steps.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "tokenizer/regex.h"
#include "tokenizer/scanner.h"

namespace assay {

struct Piece {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

// What becomes of a match between two other stretches.
enum class Behavior : std::uint8_t { removed, isolated, merged_with_previous, merged_with_next, contiguous };

// By an expression. `scanner`, where there is one, does the same as `regex` when isolated and not inverted.
struct SplitStep {
  std::optional<Regex> regex;
  Scanner scanner = nullptr;
  Behavior behavior = Behavior::isolated;
  bool invert = false;
};

// By single characters.
struct CharacterStep {
  enum class Kind : std::uint8_t { white_space, punctuation, number, one } kind{};
  std::uint32_t one = 0;  // Kind::one
  Behavior behavior = Behavior::isolated;
};

// \w+|[^\w\s]+ kept, white space dropped.
struct WordStep {};

// Every `length` characters.
struct FixedStep {
  std::uint32_t length = 1;
};

// A space before each piece that has none (ByteLevel's add_prefix_space).
struct PrefixSpaceStep {};

// Bytes become letters of the byte alphabet. Only where another step follows: a byte-level model takes bytes.
struct LettersStep {};

struct MetaspaceStep {
  std::string mark = "\xE2\x96\x81";
  enum class Prepend : std::uint8_t { never, first, always } prepend = Prepend::always;
  bool split = true;
};

// Cut before each run of marks that follows something else; only made where no pair crosses such a place.
struct MarkStep {
  std::string mark;
};

using PreStep =
    std::variant<SplitStep, CharacterStep, WordStep, FixedStep, PrefixSpaceStep, LettersStep, MetaspaceStep, MarkStep>;

// Buffers of one thread.
struct PreScratch {
  std::string text;  // the text where a step changed it
  std::string other_text;
  std::vector<Piece> pieces;
  std::vector<Piece> other_pieces;
  std::vector<std::uint32_t> ends;
  struct Stretch {
    std::uint32_t begin, end;
    bool match;
  };
  std::vector<Stretch> stretches;
  RegexScratch regex;
};

struct Words {
  std::string_view text;  // pieces are of this text: the input, or a buffer of the scratch
  bool letters = false;   // the text is written in the byte alphabet
};

// Leaves the pieces, none of them empty, in scratch.pieces. `at_start`: the text's begin is the whole text's begin.
// `text` is valid UTF-8 and not within the scratch. Errc::full as Regex::search().
Result<Words> pre_tokenize(const std::vector<PreStep>& steps, std::string_view text, bool at_start,
                           PreScratch& scratch);

// An isolated split by an expression, with its scanner where there is one.
Result<SplitStep> split_step(std::string_view ruby, Behavior behavior = Behavior::isolated, bool invert = false);

}  // namespace assay
