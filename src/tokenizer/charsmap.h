// SentencePiece's compiled normalizer ("precompiled_charsmap"): a double-array trie from byte strings to replacements.
//
// Format (sentencepiece, builder.cc; darts-clone): u32 bytes of the trie, the trie as u32 units, then replacements,
// each ended by a zero byte. A unit: bits 0-7 and 31 the label, bit 8 "a value hangs here", bits 10-30 the offset to
// the children, shifted left by 8 where bit 9 is set. A value unit: bits 0-30, the place of the replacement.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace assay {

class Charsmap {
 public:
  // Copies. Errc::truncated or Errc::bad_value where the sizes do not fit.
  static Result<Charsmap> parse(std::span<const std::byte> bytes);

  struct Match {
    std::size_t bytes = 0;  // of the text; 0: no entry is a prefix
    std::string_view replacement;
  };
  // The longest entry that is a prefix of `text`. Steps outside the trie end the search.
  Match longest(std::string_view text) const;

 private:
  std::vector<std::uint32_t> units_;
  std::string replacements_;
};

}  // namespace assay
