#include "engine/backend.h"

#include <algorithm>
#include <string>

#include "base/check.h"

namespace assay {

std::size_t Batch::count(Want want) const {
  return static_cast<std::size_t>(std::ranges::count(slots, want, &Slot::want));
}

Result<void> Backend::forward(const Batch& batch, const Rows& rows) {
  ASSAY_TRY(start(batch));
  return finish(rows);
}

Result<void> Backend::forward(const Batch& batch, Logits& logits) {
  const std::size_t rows = batch.count(Want::logits);
  logits.vocab = facts().vocab;
  ASSAY_TRY(resize(logits.values, rows * logits.vocab, std::to_string(rows) + " rows of logits"));
  return forward(batch, Rows{.logits = logits.values, .hidden = {}});
}

Result<std::size_t> Backend::decode(std::span<const Draw>, std::uint32_t, std::span<Drawn>) {
  return fail(Errc::unsupported, "decode: " + facts().name + " draws no tokens by itself");
}

}  // namespace assay
