#include "tokenizer/unigram.h"

#include <algorithm>

#include "tokenizer/unicode.h"

namespace assay {
namespace {

constexpr double unknown_penalty = 10;  // sentencepiece, unigram_model.cc: kUnkPenalty
constexpr Token nothing = -1;
constexpr Token outside = -2;

}  // namespace

Unigram::Unigram(UnigramOptions options, std::span<const Entry> entries, double lowest_score)
    : options_(options), unk_score_(lowest_score - unknown_penalty) {
  std::vector<Entry> sorted(entries.begin(), entries.end());
  std::erase_if(sorted, [](const Entry& e) { return e.text.empty(); });
  std::stable_sort(sorted.begin(), sorted.end(), [](const Entry& a, const Entry& b) { return a.text < b.text; });
  struct Range {
    std::uint32_t node;
    std::size_t first, last, depth;
  };
  std::vector<Range> queue{{0, 0, sorted.size(), 0}};
  nodes_.emplace_back();
  for (std::size_t q = 0; q < queue.size(); ++q) {
    auto [node, first, last, depth] = queue[q];
    while (first < last && sorted[first].text.size() == depth) {
      nodes_[node].token = sorted[first].token;
      nodes_[node].score = sorted[first].score;
      ++first;
    }
    nodes_[node].first_edge = static_cast<std::uint32_t>(edges_.size());
    while (first < last) {
      const char byte = sorted[first].text[depth];
      std::size_t until = first;
      while (until < last && sorted[until].text[depth] == byte) ++until;
      edges_.push_back({static_cast<unsigned char>(byte), static_cast<std::uint32_t>(nodes_.size())});
      queue.push_back({static_cast<std::uint32_t>(nodes_.size()), first, until, depth + 1});
      nodes_.emplace_back();
      ++nodes_[node].edges;
      first = until;
    }
  }
  for (std::uint32_t e = 0; e < nodes_[0].edges; ++e) first_[edges_[e].byte] = edges_[e].node;
}

std::uint32_t Unigram::child(std::uint32_t node, unsigned char byte) const {
  if (node == 0) return first_[byte];
  const auto first = edges_.begin() + nodes_[node].first_edge;
  const auto last = first + nodes_[node].edges;
  const auto edge = std::lower_bound(first, last, byte, [](const Edge& e, unsigned char b) { return e.byte < b; });
  return edge == last || edge->byte != byte ? 0 : edge->node;
}

void Unigram::encode(std::string_view text, UnigramScratch& scratch, std::vector<Token>& out) const {
  auto& best = scratch.best;
  best.assign(text.size() + 1, {0, 0, nothing});
  const auto offer = [&](std::size_t end, double score, std::size_t begin, Token token) {
    UnigramScratch::Best& at = best[end];
    if (at.token == nothing || score > at.score) at = {score, static_cast<std::uint32_t>(begin), token};
  };
  for (std::size_t begin = 0; begin < text.size();) {
    const double so_far = best[begin].score;
    const std::size_t character = unicode::decode_valid(text.data() + begin).bytes;
    bool has_character = false;
    std::uint32_t node = 0;
    for (std::size_t end = begin; end < text.size();) {
      node = child(node, static_cast<unsigned char>(text[end++]));
      if (node == 0) break;
      if (nodes_[node].token == nothing) continue;
      offer(end, so_far + nodes_[node].score, begin, nodes_[node].token);
      has_character = has_character || end - begin == character;
    }
    if (!has_character) offer(begin + character, so_far + unk_score_, begin, outside);
    begin += character;
  }
  auto& reversed = scratch.reversed;
  reversed.clear();
  const auto put_unknown = [&](std::size_t begin, std::size_t end) {
    const std::string_view part = text.substr(begin, end - begin);
    const auto token_of = [&](char c) { return options_.byte_tokens[static_cast<unsigned char>(c)]; };
    if (options_.byte_fallback && std::all_of(part.begin(), part.end(), [&](char c) { return token_of(c) >= 0; })) {
      for (auto c = part.rbegin(); c != part.rend(); ++c) reversed.push_back(token_of(*c));
    } else {
      reversed.push_back(options_.unk);
    }
  };
  for (std::size_t end = text.size(); end > 0;) {
    std::size_t begin = best[end].begin;
    if (best[end].token != outside && best[end].token != options_.unk) {
      reversed.push_back(best[end].token);
    } else {
      const auto unknown_ends_at = [&](std::size_t at) {
        return best[at].token == outside || best[at].token == options_.unk;
      };
      while (options_.fuse_unk && begin > 0 && unknown_ends_at(begin)) begin = best[begin].begin;
      put_unknown(begin, end);
    }
    end = begin;
  }
  out.insert(out.end(), reversed.rbegin(), reversed.rend());
}

}  // namespace assay
