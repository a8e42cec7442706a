#include "engine/slot_runs.h"

#include <algorithm>
#include <string>
#include <utility>

namespace assay {
namespace {

Result<void> known(const BackendFacts& facts, SeqId seq) {
  if (seq < facts.sequences) return {};
  return fail(Errc::bad_value,
              "sequence " + std::to_string(seq) + ": expected 0.." + std::to_string(facts.sequences - 1));
}

std::unexpected<Error> lacks(const BackendFacts& facts, const std::string& what) {
  return fail(Errc::unsupported, what + ": " + facts.name + " has none");
}

Result<void> check_input(const Slot& slot, const Batch& batch, const BackendFacts& facts) {
  if (slot.want == Want::hidden && facts.hidden == 0) return lacks(facts, "rows of hidden states");
  if (slot.source == Source::embedding && facts.embedding == 0) return lacks(facts, "rows of embeddings");
  const bool is_token = slot.source == Source::token;
  const std::size_t most = is_token ? facts.vocab : batch.embeddings.size() / facts.embedding;
  if (slot.token >= 0 && static_cast<std::size_t>(slot.token) < most) return {};
  if (!is_token && most == 0) return fail(Errc::bad_value, "embedding " + std::to_string(slot.token) + " of none");
  return fail(Errc::bad_value, (is_token ? "token " : "embedding ") + std::to_string(slot.token) + ", expected 0.." +
                                   std::to_string(most - 1));
}

}  // namespace

Result<void> check_extras(const Batch& batch, const BackendFacts& facts) {
  if (!batch.turns.empty() && !facts.turns) return lacks(facts, "positions of three numbers");
  if (!batch.turns.empty() && batch.turns.size() != batch.slots.size()) {
    return fail(Errc::bad_value, std::to_string(batch.turns.size()) +
                                     " positions of three numbers, expected one for each of " +
                                     std::to_string(batch.slots.size()) + " slots");
  }
  if (batch.embeddings.empty()) return {};
  if (facts.embedding == 0) return lacks(facts, "rows of embeddings");
  if (batch.embeddings.size() % facts.embedding == 0) return {};
  return fail(Errc::bad_value, "embeddings of " + std::to_string(batch.embeddings.size()) +
                                   " numbers, expected rows of " + std::to_string(facts.embedding));
}

Result<void> plan_runs(const Batch& batch, const BackendFacts& facts, std::span<const Position> lengths,
                       std::vector<SlotRun>& runs) {
  const std::span<const Slot> slots = batch.slots;
  runs.clear();
  if (slots.empty() || slots.size() > facts.batch) {
    return fail(Errc::bad_value,
                "batch of " + std::to_string(slots.size()) + " slots, expected 1.." + std::to_string(facts.batch));
  }
  ASSAY_TRY(check_extras(batch, facts));
  for (std::uint32_t i = 0; i < slots.size(); ++i) {
    const Slot& slot = slots[i];
    ASSAY_TRY(known(facts, slot.seq));
    const bool continues = !runs.empty() && runs.back().seq == slot.seq;
    const Position expected = continues ? runs.back().position + runs.back().count : lengths[slot.seq];
    const auto where = [&] { return "slot " + std::to_string(i) + " of sequence " + std::to_string(slot.seq); };
    if (!continues && std::ranges::any_of(runs, [&](const SlotRun& run) { return run.seq == slot.seq; })) {
      return fail(Errc::bad_value, where() + ": its sequence came before, expected slots of a sequence together");
    }
    if (slot.pos != expected) {
      return fail(Errc::bad_value,
                  where() + ": position " + std::to_string(slot.pos) + ", expected " + std::to_string(expected));
    }
    if (slot.pos >= facts.context) {
      return fail(Errc::bad_value, where() + ": position " + std::to_string(slot.pos) + ", context holds " +
                                       std::to_string(facts.context));
    }
    if (auto good = check_input(slot, batch, facts); !good) {
      return std::unexpected(with_context(where(), std::move(good.error())));
    }
    if (continues) {
      ++runs.back().count;
    } else {
      runs.push_back({.seq = slot.seq, .position = slot.pos, .first = i, .count = 1});
    }
  }
  return {};
}

Result<bool> check_forget(const BackendFacts& facts, std::span<const Position> lengths, SeqId seq, Position from,
                          Position to) {
  ASSAY_TRY(known(facts, seq));
  const Position length = lengths[seq];
  if (from >= length || from >= to) return false;
  if (to < length) {
    return fail(Errc::unsupported, "forget positions " + std::to_string(from) + ".." + std::to_string(to) +
                                       " of sequence " + std::to_string(seq) + ": it holds " + std::to_string(length) +
                                       ", only a tail can be dropped");
  }
  return true;
}

Result<void> check_share(const BackendFacts& facts, std::span<const Position> lengths, SeqId from, SeqId to,
                         Position upto) {
  ASSAY_TRY(known(facts, from));
  ASSAY_TRY(known(facts, to));
  if (lengths[to] != 0 || from == to) {
    return fail(Errc::bad_value, "share into sequence " + std::to_string(to) + ": it holds " +
                                     std::to_string(lengths[to]) + " positions, expected an empty one");
  }
  if (upto > lengths[from]) {
    return fail(Errc::bad_value, "share " + std::to_string(upto) + " positions of sequence " + std::to_string(from) +
                                     ": it holds " + std::to_string(lengths[from]));
  }
  return {};
}

}  // namespace assay
