#include "engine/pass.h"

#include <algorithm>
#include <string>

namespace assay {
namespace {

Result<void> check_size(std::string_view what, std::size_t found, std::size_t rows, std::size_t width) {
  if (found == rows * width) return {};
  return fail(Errc::bad_value, std::string(what) + ": memory for " + std::to_string(found) + " numbers, expected " +
                                   std::to_string(rows) + " rows of " + std::to_string(width));
}

}  // namespace

Result<void> check_rows(std::span<const Slot> slots, const Rows& rows, const BackendFacts& facts) {
  const Batch batch(slots);
  ASSAY_TRY(check_size("rows of logits", rows.logits.size(), batch.count(Want::logits), facts.vocab));
  return check_size("rows of hidden states", rows.hidden.size(), batch.count(Want::hidden), facts.hidden);
}

Result<void> Pass::plan(const Batch& batch, const BackendFacts& facts, std::span<const Position> lengths) {
  ASSAY_TRY(idle("start"));
  ASSAY_TRY(plan_runs(batch, facts, lengths, runs_));
  slots_.assign(batch.slots.begin(), batch.slots.end());
  return {};
}

Result<void> Pass::end() {
  if (!under_way_) return fail(Errc::bad_value, "finish: no pass is under way");
  under_way_ = false;
  return {};
}

Result<void> Pass::idle(std::string_view doing) const {
  if (!under_way_) return {};
  return fail(Errc::bad_value, std::string(doing) + ": a pass is under way, expected its finish first");
}

}  // namespace assay
