// Tokens that are found in the text before anything else: control tokens and tokens added after training.
// The leftmost match wins, of those the longest.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace assay {

using Token = std::int32_t;

struct AddedToken {
  Token id = -1;
  std::string text;
  bool special = false;      // found only where special tokens are parsed
  bool strips_left = false;  // takes the white space before it
  bool strips_right = false;
  bool whole_word = false;  // not within a word
  bool normalized = false;  // looked for in the normalized text
};

// A stretch of text, or a token.
struct Fragment {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  Token token = -1;  // >= 0: a token stands here
};

class AddedTokens {
 public:
  AddedTokens() = default;
  // Empty texts are left out.
  explicit AddedTokens(std::vector<AddedToken> tokens);

  bool empty() const { return tokens_.empty(); }
  // Cuts text[begin, end) and appends the fragments; empty stretches are left out.
  // Cost: the text's length times the longest token's, in the worst case.
  void cut(std::string_view text, std::uint32_t begin, std::uint32_t end, std::vector<Fragment>& out) const;

 private:
  struct Node {
    std::uint32_t first_edge = 0;
    std::uint32_t edges = 0;
    std::int32_t token = -1;  // index into tokens_
  };
  struct Edge {
    unsigned char byte;
    std::uint32_t node;
  };
  struct Match {
    std::int32_t token = -1;
    std::size_t size = 0;
  };
  Match longest_at(std::string_view text, std::size_t at, std::size_t end) const;

  std::vector<AddedToken> tokens_;  // sorted by text
  std::vector<Node> nodes_;
  std::vector<Edge> edges_;
  std::array<bool, 256> starts_{};
};

}  // namespace assay
