#include "tokenizer/bpe.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "tokenizer/unicode.h"

namespace assay {
namespace {

constexpr std::uint32_t no_symbol = UINT32_MAX - 1;  // never part of a pair
constexpr std::size_t short_symbols_max = 48;        // above it the heap wins (measured on random letters)

}  // namespace

void PairTable::reserve(std::size_t count) {
  ASSAY_ASSERT(count_ == 0);
  entries_.assign(std::bit_ceil(count * 2 + 2), Entry{});
  mask_ = entries_.size() - 1;
  shift_ = 64 - std::countr_zero(entries_.size());
}

void PairTable::insert(std::uint32_t left, std::uint32_t right, Joined joined, bool keep_first) {
  if ((count_ + 1) * 2 > entries_.size()) {
    const std::vector<Entry> old = std::move(entries_);
    entries_.assign(old.size() * 2, Entry{});
    mask_ = entries_.size() - 1;
    --shift_;
    for (const Entry& e : old) {
      if (e.key == empty) continue;
      std::size_t i = place(e.key);
      while (entries_[i].key != empty) i = (i + 1) & mask_;
      entries_[i] = e;
    }
  }
  const std::uint64_t key = (std::uint64_t{left} << 32) | right;
  std::size_t i = place(key);
  while (entries_[i].key != empty && entries_[i].key != key) i = (i + 1) & mask_;
  if (entries_[i].key == key) {
    if (!keep_first) entries_[i].joined = joined;
    return;
  }
  entries_[i] = {key, joined};
  ++count_;
}

Bpe::Bpe(BpeOptions options, TokenTable known, std::size_t tokens)
    : options_(std::move(options)), known_(std::move(known)), tokens_(tokens) {
  byte_symbol_.fill(no_symbol);
}

std::uint32_t Bpe::symbol(std::string_view text) {
  if (const std::int32_t token = known_.find(text); token != TokenTable::absent)
    return static_cast<std::uint32_t>(token);
  if (const std::int32_t extra = extra_.find(text); extra != TokenTable::absent)
    return static_cast<std::uint32_t>(extra);
  const auto made = static_cast<std::uint32_t>(tokens_ + extra_text_.size());
  extra_.insert(text, static_cast<std::int32_t>(made));
  extra_text_.emplace_back(text);
  return made;
}

void Bpe::add_pair(std::string_view left, std::string_view right, std::string_view joined, std::uint32_t rank,
                   bool keep_first) {
  const std::uint32_t l = symbol(left);
  const std::uint32_t r = symbol(right);
  pairs_.insert(l, r, {rank, symbol(joined)}, keep_first);
}

void Bpe::add_pairs_by_score(std::span<const std::string_view> texts, std::span<const float> scores) {
  std::vector<std::uint32_t> order(texts.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return scores[a] > scores[b]; });
  std::vector<std::uint32_t> rank(texts.size());
  for (std::size_t i = 0, r = 0; i < order.size(); ++i) {
    if (i > 0 && scores[order[i]] != scores[order[i - 1]]) ++r;
    rank[order[i]] = static_cast<std::uint32_t>(r);
  }
  for (std::size_t t = 0; t < texts.size(); ++t) {
    const std::string_view text = texts[t];
    if (known_.find(text) != static_cast<std::int32_t>(t)) continue;  // not a text that may be met
    const auto occurs = [&](std::string_view part) {
      return known_.find(part) != TokenTable::absent ||
             part.size() ==
                 std::min<std::size_t>(unicode::announced_bytes(static_cast<unsigned char>(part[0])), part.size());
    };
    for (std::size_t cut = unicode::announced_bytes(static_cast<unsigned char>(text[0])); cut < text.size();
         cut += unicode::announced_bytes(static_cast<unsigned char>(text[cut]))) {
      const std::string_view left = text.substr(0, cut);
      const std::string_view right = text.substr(cut);
      if (occurs(left) && occurs(right)) add_pair(left, right, text, rank[t], true);
    }
  }
}

void Bpe::finish() {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    byte_symbol_[byte] = first_symbol({&c, 1});
  }
  if (!options_.bytes) return;
  byte_pairs_.resize(256 * 256);
  for (unsigned l = 0; l < 256; ++l) {
    for (unsigned r = 0; r < 256; ++r) byte_pairs_[l * 256 + r] = pairs_.find(byte_symbol_[l], byte_symbol_[r]);
  }
}

bool Bpe::may_cut_before(std::string_view mark) const {
  const auto crosses = [&](std::string_view text) {
    for (std::size_t at = text.find(mark); at != std::string_view::npos; at = text.find(mark, at + 1)) {
      if (at >= mark.size() && text.substr(at - mark.size(), mark.size()) == mark) continue;
      if (at > 0) return true;
    }
    return false;
  };
  bool found = false;
  known_.each([&](std::string_view text) { found = found || crosses(text); });
  for (const std::string& text : extra_text_) found = found || crosses(text);
  return !found;
}

std::uint32_t Bpe::first_symbol(std::string_view character) const {
  if (const std::int32_t token = known_.find(character); token != TokenTable::absent) {
    return static_cast<std::uint32_t>(token);
  }
  const std::int32_t extra = extra_.find(character);
  return extra != TokenTable::absent ? static_cast<std::uint32_t>(extra) : no_symbol;
}

void Bpe::split(std::string_view word, BpeScratch& scratch) const {
  auto& nodes = scratch.nodes;
  nodes.clear();
  const auto put = [&](std::uint32_t symbol, std::size_t begin) {
    nodes.push_back({symbol, static_cast<std::uint32_t>(begin), 0, 0, true});
  };
  if (options_.bytes && options_.outside == BpeOptions::Outside::late_bytes) {
    for (std::size_t at = 0; at < word.size(); ++at) put(byte_symbol_[static_cast<unsigned char>(word[at])], at);
    return;
  }
  const bool decorated = !options_.continuing_prefix.empty() || !options_.word_suffix.empty();
  bool after_unk = false;
  for (std::size_t at = 0; at < word.size();) {
    const auto lead = static_cast<unsigned char>(word[at]);
    const std::size_t size =
        options_.bytes ? 1 : std::min<std::size_t>(unicode::announced_bytes(lead), word.size() - at);
    const std::string_view character = word.substr(at, size);
    std::uint32_t symbol = no_symbol;
    if (decorated) {
      scratch.text.clear();
      if (at > 0) scratch.text += options_.continuing_prefix;
      scratch.text += character;
      if (at + size == word.size()) scratch.text += options_.word_suffix;
      symbol = first_symbol(scratch.text);
    } else {
      symbol = size == 1 ? byte_symbol_[lead] : first_symbol(character);
    }
    const bool early = options_.outside == BpeOptions::Outside::early;
    if (early && (symbol == no_symbol || symbol >= tokens_)) {
      const std::string_view outside = decorated ? std::string_view(scratch.text) : character;
      const bool by_bytes = std::all_of(outside.begin(), outside.end(), [&](char c) {
        return options_.byte_tokens[static_cast<unsigned char>(c)] >= 0;
      });
      if (by_bytes) {
        for (const char c : outside)
          put(static_cast<std::uint32_t>(options_.byte_tokens[static_cast<unsigned char>(c)]), at);
      } else if (options_.unk && !(after_unk && options_.fuse_unk)) {
        put(static_cast<std::uint32_t>(*options_.unk), at);
      }
      after_unk = !by_bytes;
    } else {
      put(symbol, at);
      after_unk = false;
    }
    at += size;
  }
}

PairTable::Joined Bpe::pair(std::uint32_t left, std::uint32_t right) const { return pairs_.find(left, right); }

void Bpe::join_short(BpeScratch& scratch) const {
  auto& nodes = scratch.nodes;
  std::size_t n = nodes.size();
  std::array<std::uint32_t, short_symbols_max> rank;
  std::array<std::uint32_t, short_symbols_max> joined;
  const auto look = [&](std::size_t i) {
    const PairTable::Joined found = pair(nodes[i].symbol, nodes[i + 1].symbol);
    rank[i] = found.rank;
    joined[i] = found.symbol;
  };
  for (std::size_t i = 0; i + 1 < n; ++i) look(i);
  while (n > 1) {
    std::size_t best = 0;
    for (std::size_t i = 1; i + 1 < n; ++i) {
      if (rank[i] < rank[best]) best = i;
    }
    if (rank[best] == PairTable::no_rank) break;
    nodes[best].symbol = joined[best];
    for (std::size_t i = best + 1; i + 1 < n; ++i) {
      nodes[i] = nodes[i + 1];
      rank[i] = rank[i + 1];
      joined[i] = joined[i + 1];
    }
    --n;
    if (best > 0) look(best - 1);
    if (best + 1 < n) look(best);
  }
  nodes.resize(n);
}

void Bpe::join_long(BpeScratch& scratch) const {
  auto& nodes = scratch.nodes;
  auto& heap = scratch.heap;
  const auto worse = [](const BpeScratch::Candidate& a, const BpeScratch::Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  };
  heap.clear();
  const auto last = static_cast<std::int32_t>(nodes.size()) - 1;
  for (std::int32_t i = 0; i <= last; ++i) {
    nodes[static_cast<std::size_t>(i)].previous = i - 1;
    nodes[static_cast<std::size_t>(i)].next = i == last ? -1 : i + 1;
    if (i == last) break;
    const auto found = pair(nodes[static_cast<std::size_t>(i)].symbol, nodes[static_cast<std::size_t>(i) + 1].symbol);
    if (found.rank != PairTable::no_rank) heap.push_back({found.rank, static_cast<std::uint32_t>(i), found.symbol});
  }
  std::make_heap(heap.begin(), heap.end(), worse);
  const auto offer = [&](std::int32_t at) {
    const BpeScratch::Node& left = nodes[static_cast<std::size_t>(at)];
    const auto found = pair(left.symbol, nodes[static_cast<std::size_t>(left.next)].symbol);
    if (found.rank == PairTable::no_rank) return;
    heap.push_back({found.rank, static_cast<std::uint32_t>(at), found.symbol});
    std::push_heap(heap.begin(), heap.end(), worse);
  };
  while (!heap.empty()) {
    const BpeScratch::Candidate best = heap.front();
    std::pop_heap(heap.begin(), heap.end(), worse);
    heap.pop_back();
    BpeScratch::Node& left = nodes[best.at];
    if (!left.alive || left.next < 0) continue;
    BpeScratch::Node& right = nodes[static_cast<std::size_t>(left.next)];
    // Both sides only ever grow, so a pair that still makes the same symbol is the same pair.
    const auto now = pair(left.symbol, right.symbol);
    if (now.rank != best.rank || now.symbol != best.symbol) continue;
    left.symbol = best.symbol;
    right.alive = false;
    left.next = right.next;
    if (right.next >= 0) nodes[static_cast<std::size_t>(right.next)].previous = static_cast<std::int32_t>(best.at);
    if (left.previous >= 0) offer(left.previous);
    if (left.next >= 0) offer(static_cast<std::int32_t>(best.at));
  }
  std::erase_if(nodes, [](const BpeScratch::Node& node) { return !node.alive; });
}

void Bpe::put_bytes(std::string_view text, std::vector<Token>& out) const {
  for (const char c : text) {
    Token token = options_.byte_tokens[static_cast<unsigned char>(c)];
    if (options_.bytes) token = known_.find({&c, 1});
    if (token >= 0) {
      out.push_back(token);
    } else if (options_.unk) {
      out.push_back(*options_.unk);
    }
  }
}

void Bpe::encode(std::string_view word, BpeScratch& scratch, std::vector<Token>& out) const {
  if (options_.ignore_merges) {
    if (const Token token = known_.find(word); token != TokenTable::absent) {
      out.push_back(token);
      return;
    }
  }
  split(word, scratch);
  if (scratch.nodes.size() <= short_symbols_max) {
    join_short(scratch);
  } else {
    join_long(scratch);
  }
  for (std::size_t i = 0; i < scratch.nodes.size(); ++i) {
    const BpeScratch::Node& node = scratch.nodes[i];
    if (node.symbol < tokens_) {
      out.push_back(static_cast<Token>(node.symbol));
    } else {
      const std::size_t end = i + 1 < scratch.nodes.size() ? scratch.nodes[i + 1].begin : word.size();
      put_bytes(word.substr(node.begin, end - node.begin), out);
    }
  }
}

}  // namespace assay
