#include "tokenizer/pretokenizer.h"

#include <algorithm>
#include <span>

#include "tokenizer/byte_alphabet.h"
#include "tokenizer/unicode.h"

namespace assay {
namespace {

using unicode::table;

struct Run {
  std::string_view text;
  PreScratch& scratch;
  std::vector<Piece>& out;  // the step's pieces
  bool at_start;
  bool letters = false;

  std::string_view view(Piece piece) const { return text.substr(piece.begin, piece.end - piece.begin); }
  void put(std::size_t begin, std::size_t end) const {
    if (end > begin) out.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
  }
};

// Stretches that follow each other without a gap become pieces.
void apply(Behavior behavior, std::span<const PreScratch::Stretch> stretches, const Run& run) {
  const std::size_t start = run.out.size();
  bool previous_match = false;
  switch (behavior) {
    case Behavior::removed:
      for (const auto& s : stretches) {
        if (!s.match) run.put(s.begin, s.end);
      }
      break;
    case Behavior::isolated:
      for (const auto& s : stretches) run.put(s.begin, s.end);
      break;
    case Behavior::contiguous:
      for (const auto& s : stretches) {
        if (s.begin == s.end) continue;
        if (s.match == previous_match && run.out.size() > start) {
          run.out.back().end = s.end;
        } else {
          run.put(s.begin, s.end);
        }
        previous_match = s.match;
      }
      break;
    case Behavior::merged_with_previous:
      for (const auto& s : stretches) {
        if (s.match && !previous_match && run.out.size() > start) {
          run.out.back().end = s.end;
        } else {
          run.put(s.begin, s.end);
        }
        previous_match = s.match;
      }
      break;
    case Behavior::merged_with_next:
      for (std::size_t i = stretches.size(); i-- > 0;) {
        const auto& s = stretches[i];
        if (s.match && !previous_match && run.out.size() > start) {
          run.out.back().begin = s.begin;
        } else {
          run.put(s.begin, s.end);
        }
        previous_match = s.match;
      }
      std::reverse(run.out.begin() + static_cast<std::ptrdiff_t>(start), run.out.end());
      break;
  }
}

Result<void> step(const SplitStep& s, Piece piece, Run& run) {
  if (s.scanner != nullptr) {
    auto& ends = run.scratch.ends;
    ends.clear();
    s.scanner(run.view(piece), piece.begin, ends);
    std::uint32_t begin = piece.begin;
    for (const std::uint32_t end : ends) {
      run.out.push_back({begin, end});
      begin = end;
    }
    return {};
  }
  const std::string_view text = run.view(piece);
  auto& stretches = run.scratch.stretches;
  stretches.clear();
  const auto add = [&](std::size_t begin, std::size_t end, bool match) {
    stretches.push_back({piece.begin + static_cast<std::uint32_t>(begin), piece.begin + static_cast<std::uint32_t>(end),
                         match != s.invert});
  };
  std::size_t done = 0;
  for (std::size_t from = 0; from <= text.size();) {
    const auto match = s.regex->search(text, from, run.scratch.regex);
    if (!match) return std::unexpected(match.error());
    if (!match->found) break;
    if (match->begin > done) add(done, match->begin, false);
    if (match->end > match->begin) add(match->begin, match->end, true);
    done = match->end;
    from = match->end;
    if (match->end == match->begin) {  // an empty match cuts, and the search goes on a character further
      from += from < text.size() ? unicode::decode_valid(text.data() + from).bytes : 1;
    }
  }
  if (done < text.size()) add(done, text.size(), false);
  apply(s.behavior, stretches, run);
  return {};
}

bool is_in(const CharacterStep& s, std::uint32_t code_point) {
  const std::uint16_t c = table()[code_point];
  switch (s.kind) {
    case CharacterStep::Kind::white_space:
      return (c & unicode::space) != 0;
    case CharacterStep::Kind::punctuation:
      return (c & unicode::punctuation) != 0 || (code_point < 0x80 && (c & unicode::symbol) != 0);
    case CharacterStep::Kind::number:
      return (c & unicode::number) != 0;
    case CharacterStep::Kind::one:
      return code_point == s.one;
  }
  return false;
}

Result<void> step(const CharacterStep& s, Piece piece, Run& run) {
  auto& stretches = run.scratch.stretches;
  stretches.clear();
  std::uint32_t done = piece.begin;
  for (std::uint32_t at = piece.begin; at < piece.end;) {
    const unicode::Decoded d = unicode::decode_valid(run.text.data() + at);
    if (is_in(s, d.code_point)) {
      if (at > done) stretches.push_back({done, at, false});
      stretches.push_back({at, at + d.bytes, true});
      done = at + d.bytes;
    }
    at += d.bytes;
  }
  if (done < piece.end) stretches.push_back({done, piece.end, false});
  apply(s.behavior, stretches, run);
  return {};
}

Result<void> step(const WordStep&, Piece piece, Run& run) {
  const auto kind = [&](std::uint32_t at, std::uint32_t& bytes) {
    const unicode::Decoded d = unicode::decode_valid(run.text.data() + at);
    bytes = d.bytes;
    const std::uint16_t c = table()[d.code_point];
    return (c & unicode::word) != 0 ? 2 : (c & unicode::space) != 0 ? 0 : 1;
  };
  for (std::uint32_t at = piece.begin; at < piece.end;) {
    const std::uint32_t begin = at;
    std::uint32_t bytes = 0;
    const int first = kind(at, bytes);
    do {
      at += bytes;
    } while (at < piece.end && kind(at, bytes) == first);
    if (first != 0) run.put(begin, at);
  }
  return {};
}

Result<void> step(const FixedStep& s, Piece piece, Run& run) {
  std::uint32_t begin = piece.begin;
  std::uint32_t count = 0;
  for (std::uint32_t at = piece.begin; at < piece.end;) {
    at += unicode::decode_valid(run.text.data() + at).bytes;
    if (++count == s.length) {
      run.put(begin, at);
      begin = at;
      count = 0;
    }
  }
  run.put(begin, piece.end);
  return {};
}

Result<void> step(const MarkStep& s, Piece piece, Run& run) {
  std::size_t begin = piece.begin;
  const std::string_view text = run.text.substr(0, piece.end);
  for (std::size_t at = text.find(s.mark, begin); at != std::string_view::npos; at = text.find(s.mark, at)) {
    run.put(begin, at);
    begin = at;
    while (text.substr(at).starts_with(s.mark)) at += s.mark.size();
  }
  run.put(begin, piece.end);
  return {};
}

// Steps that write the text anew: `write` appends a piece's new text.
template <class F>
void rewrite(Run& run, F&& write) {
  auto& scratch = run.scratch;
  std::string& fresh = scratch.other_text;
  fresh.clear();
  run.out.clear();
  for (const Piece piece : scratch.pieces) {
    const std::size_t begin = fresh.size();
    write(piece, fresh);
    run.put(begin, fresh.size());
  }
  scratch.text.swap(fresh);
  run.text = scratch.text;
}

void rewrite_step(const MetaspaceStep& s, Run& run) {
  rewrite(run, [&](Piece piece, std::string& fresh) {
    const std::string_view text = run.view(piece);
    const bool has_mark = text.front() == ' ' || text.starts_with(s.mark);
    const bool first = run.at_start && piece.begin == 0;
    const bool wanted =
        s.prepend == MetaspaceStep::Prepend::always || (s.prepend == MetaspaceStep::Prepend::first && first);
    if (wanted && !has_mark) fresh += s.mark;
    for (const char c : text) {
      if (c == ' ') {
        fresh += s.mark;
      } else {
        fresh += c;
      }
    }
  });
}

// MergedWithNext on the mark: of a run of marks the last joins what follows, the others stand alone.
Result<void> cut_at_marks(const MetaspaceStep& s, Piece piece, Run& run) {
  std::size_t begin = piece.begin;
  const std::string_view text = run.text.substr(0, piece.end);
  for (std::size_t at = text.find(s.mark, begin); at != std::string_view::npos;
       at = text.find(s.mark, at + s.mark.size())) {
    run.put(begin, at);
    begin = at;
  }
  run.put(begin, piece.end);
  return {};
}

template <class S>
Result<void> cut_all(const S& s, Run& run) {
  run.out.clear();
  for (const Piece piece : run.scratch.pieces) ASSAY_TRY(step(s, piece, run));
  return {};
}

Result<void> run_step(const PreStep& any, Run& run) {
  if (const auto* split = std::get_if<SplitStep>(&any)) return cut_all(*split, run);
  if (const auto* character = std::get_if<CharacterStep>(&any)) return cut_all(*character, run);
  if (const auto* word = std::get_if<WordStep>(&any)) return cut_all(*word, run);
  if (const auto* fixed = std::get_if<FixedStep>(&any)) return cut_all(*fixed, run);
  if (const auto* mark = std::get_if<MarkStep>(&any)) return cut_all(*mark, run);
  if (std::holds_alternative<PrefixSpaceStep>(any)) {
    rewrite(run, [&](Piece piece, std::string& fresh) {
      if (run.view(piece).front() != ' ') fresh += ' ';
      fresh += run.view(piece);
    });
    return {};
  }
  if (std::holds_alternative<LettersStep>(any)) {
    rewrite(run, [&](Piece piece, std::string& fresh) { fresh += bytes_to_letters(run.view(piece)); });
    run.letters = true;
    return {};
  }
  const auto& metaspace = std::get<MetaspaceStep>(any);
  rewrite_step(metaspace, run);
  if (metaspace.split) {
    std::swap(run.scratch.pieces, run.scratch.other_pieces);
    run.out.clear();
    for (const Piece piece : run.scratch.pieces) ASSAY_TRY(cut_at_marks(metaspace, piece, run));
  }
  return {};
}

}  // namespace

Result<Words> pre_tokenize(const std::vector<PreStep>& steps, std::string_view text, bool at_start,
                           PreScratch& scratch) {
  scratch.pieces.clear();
  if (!text.empty()) scratch.pieces.push_back({0, static_cast<std::uint32_t>(text.size())});
  Run run{text, scratch, scratch.other_pieces, at_start};
  for (const PreStep& any : steps) {
    ASSAY_TRY(run_step(any, run));
    std::swap(scratch.pieces, scratch.other_pieces);
  }
  return Words{run.text, run.letters};
}

Result<SplitStep> split_step(std::string_view ruby, Behavior behavior, bool invert) {
  SplitStep step;
  auto regex = Regex::compile(ruby);
  if (!regex) return std::unexpected(regex.error());
  step.regex = std::move(*regex);
  step.behavior = behavior;
  step.invert = invert;
  if (behavior == Behavior::isolated && !invert) step.scanner = find_scanner(ruby);
  return step;
}

}  // namespace assay
