// Regular expressions of tokenizer.json: Oniguruma's Ruby syntax, run by PCRE2 (UTF, Unicode properties, JIT) under a
// limit of steps, so that no text makes an expression explode.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.h"

namespace assay {

// Rewrites what the two syntaxes write differently: \s \h \w \b, nested classes and && in them, {,n}, {n,m}+, the
// m flag. Errc::unsupported names a construct that has no counterpart.
Result<std::string> to_pcre(std::string_view ruby);

// Match buffers of one thread; used with any Regex.
class RegexScratch {
 public:
  RegexScratch();
  RegexScratch(RegexScratch&&) noexcept;
  RegexScratch& operator=(RegexScratch&&) noexcept;
  ~RegexScratch();

 private:
  friend class Regex;
  struct State;
  std::unique_ptr<State> state_;
};

struct RegexMatch {
  bool found = false;
  std::size_t begin = 0;
  std::size_t end = 0;
};

// Constant after construction.
class Regex {
 public:
  // Errc::bad_value with the place in the expression, Errc::unsupported as to_pcre().
  static Result<Regex> compile(std::string_view ruby);
  // The expression that matches exactly this text.
  static Regex literal(std::string_view text);

  // The first match at or after `from`. `text` is valid UTF-8, `from` at a character's start. Errc::full: over the
  // limit of steps.
  Result<RegexMatch> search(std::string_view text, std::size_t from, RegexScratch& scratch) const;

  const std::string& pattern() const { return pattern_; }

 private:
  struct Code;
  Regex() = default;
  std::string pattern_;
  std::string literal_;
  std::shared_ptr<const Code> code_;  // empty: literal_
};

}  // namespace assay
