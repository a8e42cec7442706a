// The logits that a grammar leaves, side by side in order of id: everything behind it (edits, filters, softmax, draw)
// costs what is allowed and not what the vocabulary holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/backend.h"

namespace assay::schedule {

// Memory is kept between uses.
class AllowedLogits {
 public:
  // One pass: 32 logits for each word of the mask, nothing for a word of 0. mask: bit i % 32 of word i / 32 set: token i is
  // allowed; (logits.size() + 31) / 32 words, bits past the vocabulary do not count. Empty: all are allowed.
  void gather(std::span<const float> logits, std::span<const std::uint32_t> mask);

  std::span<float> values() { return {values_.data(), count_}; }  // (allowed) may be edited
  std::size_t vocab() const { return vocab_; }

  // The token's value; null where it is not allowed. token: 0 <= token < vocab().
  float* find(Token token);
  // The token of values()[index].
  Token id(std::size_t index) const;

 private:
  std::vector<float> values_;
  std::vector<std::uint32_t> mask_;    // (words), bits past the vocabulary cleared; empty: all
  std::vector<std::uint32_t> before_;  // (words + 1) allowed tokens before each word
  std::size_t count_ = 0;
  std::size_t vocab_ = 0;
};

}  // namespace assay::schedule
