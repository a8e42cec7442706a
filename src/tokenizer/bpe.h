// Byte-pair encoding: a word's symbols are joined pair by pair, the best pair first, until no pair is known.
// SentencePiece's BPE is the same engine: a pair's rank comes from the score of the token that it makes.
//
// Symbols 0..tokens-1 are tokens. Symbols from `tokens` on are texts that only appear on the way to a token.
// Order: lowest rank first, of equal ranks the leftmost pair (Sennrich et al. 2016; the order of every known encoder).
// Cost: short words by scanning all pairs for the best (no allocation), long ones by a heap, n log n.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "tokenizer/token_table.h"

namespace assay {

using Token = std::int32_t;

// (left symbol, right symbol) -> rank and joined symbol, in an open table.
class PairTable {
 public:
  struct Joined {
    std::uint32_t rank = no_rank;
    std::uint32_t symbol = 0;
  };
  static constexpr std::uint32_t no_rank = UINT32_MAX;

  void reserve(std::size_t count);
  // Keeps what is there already where `keep_first`.
  void insert(std::uint32_t left, std::uint32_t right, Joined joined, bool keep_first);
  Joined find(std::uint32_t left, std::uint32_t right) const {
    const std::uint64_t key = (std::uint64_t{left} << 32) | right;
    for (std::size_t i = place(key);; i = (i + 1) & mask_) {
      const Entry& e = entries_[i];
      if (e.key == key) return e.joined;
      if (e.key == empty) return {};
    }
  }
  std::size_t size() const { return count_; }

 private:
  static constexpr std::uint64_t empty = UINT64_MAX;
  struct Entry {
    std::uint64_t key = empty;
    Joined joined;
  };
  std::size_t place(std::uint64_t key) const {
    return static_cast<std::size_t>((key ^ (key >> 32)) * 0x9E3779B97F4A7C15U >> shift_);
  }

  std::vector<Entry> entries_ = std::vector<Entry>(2);
  std::size_t mask_ = 1;
  int shift_ = 63;
  std::size_t count_ = 0;
};

// Buffers of one encoding thread, reused from word to word.
struct BpeScratch {
  struct Node {
    std::uint32_t symbol;
    std::uint32_t begin;  // byte in the word
    std::int32_t previous;
    std::int32_t next;
    bool alive;
  };
  struct Candidate {
    std::uint32_t rank;
    std::uint32_t at;
    std::uint32_t symbol;
  };
  std::vector<Node> nodes;
  std::vector<Candidate> heap;
  std::string text;
};

struct BpeOptions {
  bool bytes = false;          // symbols begin as single bytes, not characters (byte-level vocabulary)
  bool ignore_merges = false;  // a word that is a token is that token
  // What a piece outside the vocabulary becomes at the end. late_bytes: its bytes, by `byte_tokens`, one by one.
  // early: decided before joining, as Hugging Face does: byte tokens if all are there, else unk, else nothing.
  enum class Outside : std::uint8_t { late_bytes, early } outside = Outside::late_bytes;
  bool fuse_unk = false;  // early: neighbouring unknown characters are one unk
  std::optional<Token> unk;
  std::array<Token, 256> byte_tokens{};  // -1: none
  std::string continuing_prefix;         // written before each symbol of a word but the first ("##")
  std::string word_suffix;               // written after a word's last symbol ("</w>")
};

class Bpe {
 public:
  // `known`: text -> token, in the form that words have (bytes, not letters, for a byte-level vocabulary).
  Bpe(BpeOptions options, TokenTable known, std::size_t tokens);

  // The symbol for a text: its token, or one of its own made for it.
  std::uint32_t symbol(std::string_view text);
  // left + right may become `joined` with this rank.
  void add_pair(std::string_view left, std::string_view right, std::string_view joined, std::uint32_t rank,
                bool keep_first);
  // SentencePiece: every split of every token into two texts that may occur is a pair, ranked by score, best first.
  // scores (tokens,). Texts are valid UTF-8 as a rule; others never occur in a text.
  void add_pairs_by_score(std::span<const std::string_view> texts, std::span<const float> scores);
  // To be called once after the last pair.
  void finish();

  // Appends the tokens of one word; `word` is not empty.
  void encode(std::string_view word, BpeScratch& scratch, std::vector<Token>& out) const;
  // The token that a whole word is under ignore_merges, or absent.
  Token whole(std::string_view word) const { return known_.find(word); }

  const BpeOptions& options() const { return options_; }
  // No pair makes a symbol in which `mark` follows something else: words may be cut before every run of marks.
  bool may_cut_before(std::string_view mark) const;

 private:
  std::uint32_t first_symbol(std::string_view character) const;
  void split(std::string_view word, BpeScratch& scratch) const;
  void join_short(BpeScratch& scratch) const;
  void join_long(BpeScratch& scratch) const;
  void put_bytes(std::string_view text, std::vector<Token>& out) const;
  PairTable::Joined pair(std::uint32_t left, std::uint32_t right) const;

  BpeOptions options_;
  TokenTable known_;
  TokenTable extra_;                     // texts on the way, value: symbol
  std::vector<std::string> extra_text_;  // by symbol - tokens_
  std::size_t tokens_;
  PairTable pairs_;
  std::array<std::uint32_t, 256> byte_symbol_{};
  std::vector<PairTable::Joined> byte_pairs_;  // (256, 256) joined of two single bytes, bytes mode
};

}  // namespace assay
