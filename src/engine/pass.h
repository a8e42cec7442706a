// What every backend checks about start() and finish(); and the one pass of those that have facts().starts == 1.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "engine/backend.h"
#include "engine/slot_runs.h"

namespace assay {

// Errc::bad_value: rows of another size than the slots want.
Result<void> check_rows(std::span<const Slot> slots, const Rows& rows, const BackendFacts& facts);

class Pass final {
 public:
  // What start() begins with: refuses a pass too many and whatever plan_runs() refuses, and keeps the slots. lengths as
  // there. It is under way once begun() was called.
  Result<void> plan(const Batch& batch, const BackendFacts& facts, std::span<const Position> lengths);
  void begun() { under_way_ = true; }

  // What finish() begins with: the pass is not under way any more. Errc::bad_value: none was, and nothing changes; or
  // check_rows() refuses: what start() did must then be undone.
  Result<void> end();
  Result<void> check(const Rows& rows, const BackendFacts& facts) const { return check_rows(slots_, rows, facts); }

  // Errc::bad_value while it is under way; doing: "forget".
  Result<void> idle(std::string_view doing) const;

  // Of the pass planned last.
  std::span<const Slot> slots() const { return slots_; }
  std::span<const SlotRun> runs() const { return runs_; }

 private:
  std::vector<Slot> slots_;
  std::vector<SlotRun> runs_;
  bool under_way_ = false;
};

}  // namespace assay
