// For tests: a backend that computes a hash instead of a model, keeps its tokens in the pages of a real PageTable (sharing
// takes none, whoever writes first copies, what a window has passed goes back), reads them there, checks every call, and
// obeys orders: be slow, be full, fail, give NaN, refuse to share or to drop a tail.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "cache/page_table.h"
#include "engine/backend.h"
#include "schedule/text_stream.h"

namespace assay::schedule {

// Logits of the token after `tokens`: any function of the whole sequence will do, as long as it is the same everywhere.
inline void hashed_logits(std::span<const Token> tokens, std::span<float> logits) {
  std::uint64_t h = 0x243f6a8885a308d3ULL;
  for (const Token t : tokens) h = (h ^ static_cast<std::uint64_t>(t)) * 0x9e3779b97f4a7c15ULL + (h >> 29);
  Random random(h);
  for (auto& x : logits) x = static_cast<float>(8 * random.uniform() - 4);
}

// Its hidden state, in the same way.
inline void hashed_hidden(std::span<const Token> tokens, std::span<float> hidden) { hashed_logits(tokens, hidden); }

struct FakeOrders {
  std::int64_t forward_ns = 0;     // moves the clock
  std::int64_t slot_ns = 0;        // each slot moves it too
  std::function<void()> during;    // what happens elsewhere while it computes
  double full_chance = 0;          // forward says full although there is room
  double nan_chance = 0;           // one logit of a row is NaN
  double refuse_share_chance = 0;  // share says full
  double bad_slot_chance = 0;      // forward says bad_value
  Token bad_token = -1;            // forward says bad_value while a slot has it
  std::uint64_t lost_at = ~0ULL;   // the forward with this number, and all after it, say engine_lost
  std::uint64_t forget_lost_at = ~0ULL;
  bool can_share = true;
  double late_chance = 0;           // what start() would refuse is said by finish(), as across a process border
  double refuse_forget_chance = 0;  // forget of a tail says unsupported
};

struct FakeShape {
  std::uint32_t context = 64;
  std::uint32_t sequences = 4;
  std::uint32_t batch = 16;
  std::uint32_t vocab = 40;
  std::uint32_t page_tokens = 4;
  std::uint32_t pages = 1000;
  std::uint32_t window = 0;  // of one half of its layers; 0: none
  std::uint32_t hidden = 0;
  Rewind rewind = Rewind::any;
};

class FakeBackend final : public Backend {
 public:
  FakeBackend(const FakeShape& shape, FakeClock& clock, std::uint64_t seed = 1)
      : shape_(shape),
        clock_(clock),
        random_(seed),
        table_(PageTable::create(groups_of(shape), shape.page_tokens, shape.sequences).value()),
        memory_(table_.groups(),
                std::vector<std::vector<Token>>(shape.pages, std::vector<Token>(shape.page_tokens, -1))),
        sequences_(shape.sequences) {
    facts_.rewind = shape.window == 0 ? Rewind::any : Rewind::checkpoint;
    facts_.name = "fake";
    facts_.version = "1";
    facts_.device = "cpu";
    facts_.context = shape.context;
    facts_.sequences = shape.sequences;
    facts_.batch = shape.batch;
    facts_.vocab = shape.vocab;
    facts_.hidden = shape.hidden;
    facts_.rewind = shape.rewind;
    facts_.deterministic = true;
  }

  FakeOrders orders;
  std::vector<std::string> violations;  // calls that no caller may make
  bool lost = false;                    // engine_lost was said
  std::uint64_t forwards = 0;
  std::uint64_t computed = 0;  // slots, over all forwards that succeeded
  std::uint64_t most_slots = 0;

  const BackendFacts& facts() const override { return facts_; }

  Result<void> start(const Batch& batch) override {
    const std::span<const Slot> slots = batch.slots;
    if (under_way_) return refuse("a second start");
    clock_.advance(orders.forward_ns + orders.slot_ns * static_cast<std::int64_t>(slots.size()));
    if (orders.during) orders.during();
    if (forwards++ >= orders.lost_at) return lose();
    if (slots.empty() || slots.size() > shape_.batch) violate("batch of " + std::to_string(slots.size()));
    if (random_.uniform() < orders.bad_slot_chance)
      return refuse_now_or_late({Errc::bad_value, 0, "a slot that I do not like"}, slots);
    if (random_.uniform() < orders.full_chance)
      return refuse_now_or_late({Errc::full, 0, "no KV page free (on order)"}, slots);
    std::map<SeqId, std::uint32_t> added;
    for (const auto& slot : slots) {
      if (slot.seq >= shape_.sequences) return refuse("sequence " + std::to_string(slot.seq));
      if (slot.pos != sequences_[slot.seq].size() + added[slot.seq]++)
        return refuse("position " + std::to_string(slot.pos));
      if (slot.pos >= shape_.context) return refuse("position past the context");
      if (slot.token < 0 || static_cast<std::uint32_t>(slot.token) >= shape_.vocab) return refuse("token");
    }
    if (std::ranges::count(slots, orders.bad_token, &Slot::token) > 0)
      return refuse_now_or_late({Errc::bad_value, 0, "a token that I do not like"}, slots);
    std::vector<PageTable::Growth> growth;
    growth.reserve(added.size());
    for (const auto& [seq, count] : added) growth.push_back({seq, count});
    const auto copies = table_.append(growth);
    if (!copies) return refuse_now_or_late(copies.error(), slots);
    for (const auto& [group, from, to] : *copies) memory_[group][to] = memory_[group][from];
    begin(slots);
    return {};
  }

  Result<void> finish(const Rows& rows) override {
    if (!std::exchange(under_way_, false)) return refuse("a finish without a start");
    if (late_) return std::unexpected(*std::exchange(late_, std::nullopt));
    if (rows.logits.size() != Batch(slots_).count(Want::logits) * shape_.vocab) return refuse("memory for the rows");
    if (rows.hidden.size() != Batch(slots_).count(Want::hidden) * shape_.hidden) return refuse("memory for the states");
    std::size_t row = 0;
    std::size_t state = 0;
    for (const auto& slot : slots_) {
      write(slot);
      if (slot.want == Want::hidden) {
        hashed_hidden(sequences_[slot.seq], rows.hidden.subspan(shape_.hidden * state++, shape_.hidden));
      }
      if (slot.want != Want::logits) continue;
      check_seen(slot);
      const auto logits = rows.logits.subspan(shape_.vocab * row++, shape_.vocab);
      hashed_logits(sequences_[slot.seq], logits);
      if (random_.uniform() < orders.nan_chance) logits[shape_.vocab / 2] = std::numeric_limits<float>::quiet_NaN();
    }
    computed += slots_.size();
    most_slots = std::max<std::uint64_t>(most_slots, slots_.size());
    return {};
  }

  Result<void> forget(SeqId seq, Position from, Position to) override {
    if (under_way_) return refuse("forget while a pass is under way");
    if (forgets_++ >= orders.forget_lost_at) return lose();
    if (seq >= shape_.sequences) return refuse("forget of a sequence that is none");
    auto& tokens = sequences_[seq];
    if (from >= tokens.size()) return refuse("forget of what is not there");
    if (to < tokens.size()) return refuse("forget of a middle");
    if (from > 0 && random_.uniform() < orders.refuse_forget_chance) return fail(Errc::unsupported, "a tail");
    if (from > 0 && shape_.rewind == Rewind::none) return fail(Errc::unsupported, "a state cannot go back");
    ASSAY_TRY(table_.truncate(seq, from));
    tokens.resize(from);
    return {};
  }

  Result<void> share(SeqId from, SeqId to, Position upto) override {
    if (under_way_) return refuse("share while a pass is under way");
    if (!orders.can_share) return fail(Errc::unsupported, "share");
    if (random_.uniform() < orders.refuse_share_chance) return fail(Errc::full, "no KV page free (on order)");
    if (from >= shape_.sequences || to >= shape_.sequences || from == to) return refuse("share between sequences");
    if (!sequences_[to].empty()) return refuse("share into a sequence that is not empty");
    if (upto == 0 || upto > sequences_[from].size()) return refuse("share of what is not there");
    ASSAY_TRY(table_.share(from, to, upto));
    sequences_[to].assign(sequences_[from].begin(), sequences_[from].begin() + upto);
    return {};
  }

  MemoryUse memory() const override { return {0, pages_used(), 0}; }

  bool computes() const { return under_way_; }
  // Of all groups.
  std::uint32_t pages_used() const {
    std::uint32_t used = 0;
    for (std::size_t g = 0; g < table_.groups(); ++g) used += table_.counts(g).used;
    return used;
  }
  std::uint64_t pages_returned() const { return table_.groups() < 2 ? 0 : table_.counts(1).returned; }
  std::uint32_t sequences_used() const {
    std::uint32_t n = 0;
    for (const auto& tokens : sequences_) n += tokens.empty() ? 0 : 1;
    return n;
  }
  Result<void> check_invariants() const { return table_.check_invariants(); }

 private:
  static std::vector<PageGroup> groups_of(const FakeShape& shape) {
    std::vector<PageGroup> groups{{.pages = shape.pages, .window = 0}};
    if (shape.window > 0) groups.push_back({.pages = shape.pages, .window = shape.window});
    return groups;
  }

  void begin(std::span<const Slot> slots) {
    slots_.assign(slots.begin(), slots.end());
    under_way_ = true;
  }
  Result<void> refuse_now_or_late(Error error, std::span<const Slot> slots) {
    if (random_.uniform() >= orders.late_chance) return std::unexpected(std::move(error));
    late_ = std::move(error);
    begin(slots);
    return {};
  }

  void write(const Slot& slot) {
    for (std::size_t g = 0; g < table_.groups(); ++g) {
      const std::uint32_t page = table_.pages(slot.seq, g)[slot.pos / shape_.page_tokens];
      if (table_.references(page, g) != 1) violate("a shared page was to be written");
      memory_[g][page][slot.pos % shape_.page_tokens] = slot.token;
    }
    sequences_[slot.seq].push_back(slot.token);
  }

  // What the slot sees of its sequence is what was computed for it, in each group.
  void check_seen(const Slot& slot) {
    for (std::size_t g = 0; g < table_.groups(); ++g) {
      const Position window = g == 0 ? 0 : shape_.window;
      for (Position p = window == 0 || slot.pos + 1 < window ? 0 : slot.pos + 1 - window; p <= slot.pos; ++p) {
        const std::uint32_t page = table_.pages(slot.seq, g)[p / shape_.page_tokens];
        if (page == PageTable::no_page || memory_[g][page][p % shape_.page_tokens] != sequences_[slot.seq][p]) {
          violate("position " + std::to_string(p) + " is not there any more");
          return;
        }
      }
    }
  }

  std::unexpected<Error> refuse(const std::string& what) {
    violate(what);
    return fail(Errc::bad_value, what);
  }
  std::unexpected<Error> lose() {
    lost = true;
    return fail(Errc::engine_lost, "device fell off the bus");
  }
  void violate(const std::string& what) { violations.push_back(what); }

  const FakeShape shape_;
  FakeClock& clock_;
  Random random_;
  BackendFacts facts_;
  PageTable table_;
  std::vector<std::vector<std::vector<Token>>> memory_;  // per group, by page
  std::vector<std::vector<Token>> sequences_;
  std::optional<Error> late_;  // what finish() is to say
  std::uint64_t forgets_ = 0;
  std::vector<Slot> slots_;  // of the pass under way
  bool under_way_ = false;
};

// Pieces of one to three letters of {a, b, c}, so that stop texts cross token borders in every way. Token 5 is half a
// character: its text comes with the next token, or as "?" at the end.
class FakeText final : public Detokenize {
 public:
  static std::string piece(Token token) {
    static constexpr std::array<const char*, 8> pieces = {"a", "b", "c", "ab", "ba", "", "cab", "bb"};
    return pieces[static_cast<std::size_t>(token) % pieces.size()];
  }
  std::unique_ptr<TextStream> start() const override { return std::make_unique<Stream>(); }

 private:
  struct Stream final : TextStream {
    bool half = false;
    void push(Token token, std::string& text) override {
      if (half) text += "x";
      half = token == 5;
      text += piece(token);
    }
    void finish(std::string& text) override {
      if (half) text += "?";
      half = false;
    }
  };
};

}  // namespace assay::schedule
