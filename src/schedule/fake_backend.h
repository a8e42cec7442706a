// For tests: a backend that computes a hash instead of a model, counts pages as KvCache does (sharing takes none, whoever
// writes first copies), checks every call, and obeys orders: be slow, be full, fail, give NaN, refuse to share.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
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
};

struct FakeShape {
  std::uint32_t context = 64;
  std::uint32_t sequences = 4;
  std::uint32_t batch = 16;
  std::uint32_t vocab = 40;
  std::uint32_t page_tokens = 4;
  std::uint32_t pages = 1000;
};

class FakeBackend final : public Backend {
 public:
  FakeBackend(const FakeShape& shape, FakeClock& clock, std::uint64_t seed = 1)
      : shape_(shape), clock_(clock), random_(seed), sequences_(shape.sequences) {
    facts_.name = "fake";
    facts_.version = "1";
    facts_.device = "cpu";
    facts_.context = shape.context;
    facts_.sequences = shape.sequences;
    facts_.batch = shape.batch;
    facts_.vocab = shape.vocab;
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
    if (random_.uniform() < orders.bad_slot_chance) return fail(Errc::bad_value, "a slot that I do not like");
    if (random_.uniform() < orders.full_chance) return fail(Errc::full, "no KV page free (on order)");
    std::map<SeqId, std::size_t> lengths;
    for (const auto& slot : slots) {
      if (slot.seq >= shape_.sequences) return refuse("sequence " + std::to_string(slot.seq));
      auto [length, fresh] = lengths.try_emplace(slot.seq, sequences_[slot.seq].tokens.size());
      if (slot.pos != length->second++) return refuse("position " + std::to_string(slot.pos));
      if (slot.pos >= shape_.context) return refuse("position past the context");
      if (slot.token < 0 || static_cast<std::uint32_t>(slot.token) >= shape_.vocab) return refuse("token");
    }
    if (std::ranges::count(slots, orders.bad_token, &Slot::token) > 0)
      return fail(Errc::bad_value, "a token that I do not like");
    std::uint32_t needed = 0;
    std::map<const int*, long>
        copied;  // shared last pages: whoever writes first copies, the last one finds itself alone
    for (const auto& [seq, length] : lengths) {
      const Sequence& s = sequences_[seq];
      needed += pages_of(length) - static_cast<std::uint32_t>(s.pages.size());
      if (must_copy(s) && s.pages.back().use_count() > copied[s.pages.back().get()] + 1) {
        ++copied[s.pages.back().get()];
        ++needed;
      }
    }
    if (needed > shape_.pages - pages_used()) return fail(Errc::full, "no KV page free");
    slots_.assign(slots.begin(), slots.end());
    under_way_ = true;
    return {};
  }

  Result<void> finish(const Rows& rows) override {
    if (!std::exchange(under_way_, false)) return refuse("a finish without a start");
    if (rows.logits.size() != Batch(slots_).count(Want::logits) * shape_.vocab) return refuse("memory for the rows");
    std::size_t row = 0;
    for (const auto& slot : slots_) {
      Sequence& s = sequences_[slot.seq];
      if (must_copy(s)) s.pages.back() = new_page();
      s.tokens.push_back(slot.token);
      if (s.pages.size() < pages_of(s.tokens.size())) s.pages.push_back(new_page());
      if (slot.want != Want::logits) continue;
      const auto logits = rows.logits.subspan(shape_.vocab * row++, shape_.vocab);
      hashed_logits(s.tokens, logits);
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
    Sequence& s = sequences_[seq];
    if (from >= s.tokens.size()) return refuse("forget of what is not there");
    if (to < s.tokens.size()) return refuse("forget of a middle");
    s.tokens.resize(from);
    s.pages.resize(pages_of(from));
    return {};
  }

  Result<void> share(SeqId from, SeqId to, Position upto) override {
    if (under_way_) return refuse("share while a pass is under way");
    if (!orders.can_share) return fail(Errc::unsupported, "share");
    if (random_.uniform() < orders.refuse_share_chance) return fail(Errc::full, "no KV page free (on order)");
    if (from >= shape_.sequences || to >= shape_.sequences || from == to) return refuse("share between sequences");
    const Sequence& source = sequences_[from];
    Sequence& target = sequences_[to];
    if (!target.tokens.empty()) return refuse("share into a sequence that is not empty");
    if (upto == 0 || upto > source.tokens.size()) return refuse("share of what is not there");
    target.tokens.assign(source.tokens.begin(), source.tokens.begin() + upto);
    target.pages.assign(source.pages.begin(), source.pages.begin() + pages_of(upto));
    return {};
  }

  MemoryUse memory() const override { return {0, pages_used(), 0}; }

  std::uint32_t pages_used() const { return *used_; }
  std::uint32_t sequences_used() const {
    std::uint32_t n = 0;
    for (const auto& s : sequences_) n += s.tokens.empty() ? 0 : 1;
    return n;
  }

 private:
  using Page = std::shared_ptr<int>;
  struct Sequence {
    std::vector<Token> tokens;
    std::vector<Page> pages;
  };

  Page new_page() {
    ++*used_;
    return {new int(0), [used = used_](const int* page) {
              --*used;
              delete page;
            }};
  }
  std::uint32_t pages_of(std::size_t tokens) const {
    return static_cast<std::uint32_t>((tokens + shape_.page_tokens - 1) / shape_.page_tokens);
  }
  // The next token goes into a page that another sequence reads too.
  bool must_copy(const Sequence& s) const {
    return s.tokens.size() % shape_.page_tokens != 0 && s.pages.back().use_count() > 1;
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
  std::shared_ptr<std::uint32_t> used_ = std::make_shared<std::uint32_t>(0);
  std::vector<Sequence> sequences_;
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
