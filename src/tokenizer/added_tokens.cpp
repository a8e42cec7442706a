#include "tokenizer/added_tokens.h"

#include <algorithm>

#include "tokenizer/unicode.h"

namespace assay {
namespace {

std::uint16_t class_before(std::string_view text, std::size_t begin, std::size_t at, std::size_t& start) {
  start = at;
  do {
    --start;
  } while (start > begin && (static_cast<unsigned char>(text[start]) & 0xC0U) == 0x80);
  const unicode::Decoded d = unicode::decode(text, start);
  return unicode::table()[d.code_point];
}

}  // namespace

AddedTokens::AddedTokens(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::erase_if(tokens_, [](const AddedToken& t) { return t.text.empty(); });
  std::stable_sort(tokens_.begin(), tokens_.end(),
                   [](const AddedToken& a, const AddedToken& b) { return a.text < b.text; });
  // Of equal texts the last one counts.
  std::vector<AddedToken> unique;
  for (AddedToken& t : tokens_) {
    if (!unique.empty() && unique.back().text == t.text) unique.pop_back();
    unique.push_back(std::move(t));
  }
  tokens_ = std::move(unique);
  if (tokens_.empty()) return;
  for (const AddedToken& t : tokens_) starts_[static_cast<unsigned char>(t.text[0])] = true;
  // Breadth first over ranges of the sorted texts; a queue, not recursion: a text may be long.
  struct Range {
    std::uint32_t node;
    std::size_t first, last, depth;
  };
  std::vector<Range> queue{{0, 0, tokens_.size(), 0}};
  nodes_.emplace_back();
  for (std::size_t q = 0; q < queue.size(); ++q) {
    auto [node, first, last, depth] = queue[q];
    if (tokens_[first].text.size() == depth) nodes_[node].token = static_cast<std::int32_t>(first++);
    nodes_[node].first_edge = static_cast<std::uint32_t>(edges_.size());
    while (first < last) {
      const char byte = tokens_[first].text[depth];
      std::size_t until = first;
      while (until < last && tokens_[until].text[depth] == byte) ++until;
      edges_.push_back({static_cast<unsigned char>(byte), static_cast<std::uint32_t>(nodes_.size())});
      queue.push_back({static_cast<std::uint32_t>(nodes_.size()), first, until, depth + 1});
      nodes_.emplace_back();
      ++nodes_[node].edges;
      first = until;
    }
  }
}

AddedTokens::Match AddedTokens::longest_at(std::string_view text, std::size_t at, std::size_t end) const {
  Match best;
  std::uint32_t node = 0;
  for (std::size_t i = at; i < end; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto first = edges_.begin() + nodes_[node].first_edge;
    const auto last = first + nodes_[node].edges;
    const auto edge = std::lower_bound(first, last, byte, [](const Edge& e, unsigned char b) { return e.byte < b; });
    if (edge == last || edge->byte != byte) break;
    node = edge->node;
    if (nodes_[node].token >= 0) best = {nodes_[node].token, i + 1 - at};
  }
  return best;
}

void AddedTokens::cut(std::string_view text, std::uint32_t begin, std::uint32_t end, std::vector<Fragment>& out) const {
  const unicode::Table& classes = unicode::table();
  std::size_t done = begin;
  std::size_t at = begin;
  while (!tokens_.empty()) {
    while (at < end && !starts_[static_cast<unsigned char>(text[at])]) ++at;
    if (at >= end) break;
    const Match match = longest_at(text, at, end);
    if (match.token < 0) {
      ++at;
      continue;
    }
    const AddedToken& token = tokens_[static_cast<std::size_t>(match.token)];
    std::size_t from = at;
    std::size_t to = at + match.size;
    at = to;  // the search goes on within white space that a token takes: a token there is found too
    if (token.whole_word) {
      std::size_t start = 0;
      const bool word_before = from > begin && (class_before(text, begin, from, start) & unicode::word) != 0;
      const bool word_after = to < end && (classes[unicode::decode(text, to).code_point] & unicode::word) != 0;
      if (word_before || word_after) continue;
    }
    if (token.strips_left) {
      std::size_t start = 0;
      while (from > done && (class_before(text, done, from, start) & unicode::space) != 0) from = start;
    }
    if (token.strips_right) {
      while (to < end) {
        const unicode::Decoded d = unicode::decode(text, to);
        if (d.bytes == 0 || (classes[d.code_point] & unicode::space) == 0) break;
        to += d.bytes;
      }
    }
    if (from > done) out.push_back({static_cast<std::uint32_t>(done), static_cast<std::uint32_t>(from), -1});
    out.push_back({static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(to), token.id});
    done = to;
  }
  if (done < end) out.push_back({static_cast<std::uint32_t>(done), end, -1});
}

}  // namespace assay
