#include "schedule/allowed.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/error.h"

namespace assay::schedule {
namespace {

constexpr std::size_t word_tokens = 32;
constexpr int few = 8;  // set bits of a word that are looked up one by one; more are written without a branch

// Writes the logits of the set bits to `out`, which has room for one more, and returns how many.
std::size_t take_bits(const float* logits, std::uint32_t bits, float* out) {
  std::size_t n = 0;
  if (std::popcount(bits) <= few) {
    for (; bits != 0; bits &= bits - 1) out[n++] = logits[std::countr_zero(bits)];
    return n;
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(std::bit_width(bits)); ++i) {
    out[n] = logits[i];
    n += bits >> i & 1U;
  }
  return n;
}

}  // namespace

void AllowedLogits::gather(std::span<const float> logits, std::span<const std::uint32_t> mask) {
  vocab_ = logits.size();
  values_.resize(vocab_ + 1);
  mask_.clear();
  if (mask.empty()) {
    std::memcpy(values_.data(), logits.data(), vocab_ * sizeof(float));
    count_ = vocab_;
    return;
  }
  const std::size_t words = (vocab_ + word_tokens - 1) / word_tokens;
  ASSAY_ASSERT(mask.size() == words);
  mask_.assign(mask.begin(), mask.end());
  if (const std::size_t tail = vocab_ % word_tokens; tail != 0) mask_.back() &= (std::uint32_t{1} << tail) - 1;
  before_.resize(words + 1);
  std::size_t n = 0;
  for (std::size_t w = 0; w < words; ++w) {
    before_[w] = static_cast<std::uint32_t>(n);
    const std::uint32_t bits = mask_[w];
    if (bits == 0) continue;
    const float* const from = logits.data() + w * word_tokens;
    if (bits == ~std::uint32_t{0}) {
      std::memcpy(values_.data() + n, from, word_tokens * sizeof(float));
      n += word_tokens;
    } else {
      n += take_bits(from, bits, values_.data() + n);
    }
  }
  before_[words] = static_cast<std::uint32_t>(n);
  count_ = n;
}

float* AllowedLogits::find(Token token) {
  const auto i = static_cast<std::size_t>(token);
  if (mask_.empty()) return values_.data() + i;
  const std::uint32_t bits = mask_[i / word_tokens];
  const std::uint32_t bit = std::uint32_t{1} << i % word_tokens;
  if ((bits & bit) == 0) return nullptr;
  return values_.data() + before_[i / word_tokens] + std::popcount(bits & (bit - 1));
}

Token AllowedLogits::id(std::size_t index) const {
  if (mask_.empty()) return static_cast<Token>(index);
  const auto after = std::ranges::upper_bound(before_, static_cast<std::uint32_t>(index));  // equal ones: words of 0
  const auto word = static_cast<std::size_t>(after - before_.begin()) - 1;
  std::uint32_t bits = mask_[word];
  for (std::size_t skip = index - before_[word]; skip > 0; --skip) bits &= bits - 1;
  return static_cast<Token>(word * word_tokens + static_cast<std::size_t>(std::countr_zero(bits)));
}

}  // namespace assay::schedule
