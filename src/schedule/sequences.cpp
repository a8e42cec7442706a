#include "schedule/sequences.h"

#include <algorithm>

namespace assay::schedule {

std::uint32_t common_prefix(std::span<const Token> a, std::span<const Token> b) {
  return static_cast<std::uint32_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

Sequences::Sequences(Backend& backend, std::uint32_t prefix_min)
    : backend_(backend), prefix_min_(std::max(prefix_min, 1U)), table_(backend.facts().sequences) {}

std::optional<SeqId> Sequences::find(State state, std::optional<SeqId> except) const {
  std::optional<SeqId> best;
  for (SeqId seq = 0; seq < table_.size(); ++seq) {
    if (table_[seq].state != state || seq == except) continue;
    if (!best || table_[seq].used < table_[*best].used) best = seq;
  }
  return best;
}

Sequences::Prefix Sequences::longest_prefix(std::span<const Token> prompt) const {
  const auto usable = prompt.first(prompt.size() - 1);
  Prefix best;
  for (SeqId seq = 0; seq < table_.size(); ++seq) {
    if (table_[seq].state == State::free) continue;
    const std::uint32_t length = common_prefix(usable, table_[seq].tokens);
    if (length >= prefix_min_ && length > best.length) best = {seq, length};
  }
  return best;
}

Result<void> Sequences::clear(SeqId seq) {
  Sequence& s = table_[seq];
  if (!s.tokens.empty()) ASSAY_TRY(backend_.forget(seq, 0, static_cast<Position>(s.tokens.size())));
  s.tokens.clear();
  s.state = State::free;
  return {};
}

Result<std::optional<Sequences::Place>> Sequences::take(std::span<const Token> prompt, Reuse reuse) {
  ++tick_;
  const auto [source, common] = reuse == Reuse::prefix ? longest_prefix(prompt) : Prefix{};
  // A kept conversation that goes on is taken over as it is.
  if (source && table_[*source].state == State::kept && common == table_[*source].tokens.size()) {
    table_[*source].state = State::taken;
    table_[*source].used = tick_;
    ++counts_.continued;
    return Place{*source, common};
  }
  auto target = find(State::free, {});
  if (!target) {
    if (const auto oldest = find(State::kept, source)) {
      ASSAY_TRY(clear(*oldest));
      ++counts_.evicted;
      target = oldest;
    }
  }
  if (!target && source && table_[*source].state == State::kept) {  // the only one left: its tail goes
    Sequence& s = table_[*source];
    const auto cut = backend_.forget(*source, common, static_cast<Position>(s.tokens.size()));
    if (!cut && cut.error().code != Errc::unsupported) return std::unexpected(cut.error());
    if (cut) {
      s.tokens.resize(common);
      ++counts_.continued;
    } else {  // its state cannot go back so far: the prompt is computed from its beginning
      ASSAY_TRY(clear(*source));
      ++counts_.recomputed;
    }
    s.state = State::taken;
    s.used = tick_;
    return Place{*source, static_cast<std::uint32_t>(s.tokens.size())};
  }
  if (!target) return std::nullopt;
  Sequence& s = table_[*target];
  s.state = State::taken;
  s.used = tick_;
  if (!source || !can_share_) return Place{*target, 0};
  if (const auto shared = backend_.share(*source, *target, common); !shared) {
    if (shared.error().code == Errc::engine_lost) return std::unexpected(shared.error());
    // Where a sequence can be cut anywhere, it is never a matter of where.
    if (shared.error().code == Errc::unsupported && backend_.facts().rewind == Rewind::any) can_share_ = false;
    ++counts_.refused;
    return Place{*target, 0};
  }
  table_[*source].used = tick_;
  s.tokens.assign(prompt.begin(), prompt.begin() + common);
  ++counts_.shared;
  return Place{*target, common};
}

void Sequences::extend(SeqId seq, std::span<const Token> tokens) {
  ASSAY_ASSERT(table_[seq].state == State::taken);
  table_[seq].tokens.insert(table_[seq].tokens.end(), tokens.begin(), tokens.end());
}

Result<bool> Sequences::cut(SeqId seq, std::uint32_t length) {
  Sequence& s = table_[seq];
  ASSAY_ASSERT(s.state == State::taken);
  if (length >= s.tokens.size()) return true;
  const auto cut = backend_.forget(seq, length, static_cast<Position>(s.tokens.size()));
  if (cut) {
    s.tokens.resize(length);
    return true;
  }
  if (cut.error().code != Errc::unsupported) return std::unexpected(cut.error());
  ASSAY_TRY(clear(seq));
  s.state = State::taken;
  ++counts_.recomputed;
  return false;
}

Result<void> Sequences::drop(SeqId seq) {
  ASSAY_ASSERT(table_[seq].state == State::taken);
  return clear(seq);
}

void Sequences::keep(SeqId seq) {
  ASSAY_ASSERT(table_[seq].state == State::taken);
  table_[seq].state = table_[seq].tokens.empty() ? State::free : State::kept;
  table_[seq].used = ++tick_;
}

Result<bool> Sequences::evict() {
  const auto oldest = find(State::kept, {});
  if (!oldest) return false;
  ASSAY_TRY(clear(*oldest));
  ++counts_.evicted;
  return true;
}

Result<void> Sequences::drop_all() {
  for (SeqId seq = 0; seq < table_.size(); ++seq) ASSAY_TRY(clear(seq));
  return {};
}

}  // namespace assay::schedule
