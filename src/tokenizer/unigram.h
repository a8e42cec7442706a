// Unigram language model: of all ways to cut a text into tokens the one with the highest sum of log probabilities
// (Kudo 2018), found by Viterbi's method along the text.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace assay {

using Token = std::int32_t;

struct UnigramScratch {
  struct Best {
    double score;
    std::uint32_t begin;
    Token token;  // -1: nothing ends here yet, -2: a character outside the vocabulary
  };
  std::vector<Best> best;
  std::vector<Token> reversed;
};

struct UnigramOptions {
  Token unk = 0;
  bool fuse_unk = true;                  // neighbouring unknown characters are one unk
  bool byte_fallback = false;            // unknown text as byte tokens, if all of them are there
  std::array<Token, 256> byte_tokens{};  // -1: none
};

class Unigram {
 public:
  struct Entry {
    std::string_view text;
    double score;
    Token token;
  };
  // Of equal texts the last counts. An unknown character costs the worst of `lowest_score` and 10.
  Unigram(UnigramOptions options, std::span<const Entry> entries, double lowest_score);

  // Appends the tokens; `text` is valid UTF-8 and not empty. Cost: bytes times the longest token, in the worst case.
  void encode(std::string_view text, UnigramScratch& scratch, std::vector<Token>& out) const;

 private:
  struct Node {
    std::uint32_t first_edge = 0;
    std::uint32_t edges = 0;
    Token token = -1;
    double score = 0;
  };
  struct Edge {
    unsigned char byte;
    std::uint32_t node;
  };
  std::uint32_t child(std::uint32_t node, unsigned char byte) const;  // 0: none

  UnigramOptions options_;
  double unk_score_;
  std::vector<Node> nodes_;
  std::vector<Edge> edges_;
  std::array<std::uint32_t, 256> first_{};
};

}  // namespace assay
