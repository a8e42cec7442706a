// What a Tokenizer is made of. Its builders (from_vocabulary, from_json) fill it; nothing else needs it.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/normalizer.h"
#include "tokenizer/pretokenizer.h"
#include "tokenizer/token_table.h"
#include "tokenizer/tokenizer.h"
#include "tokenizer/unigram.h"
#include "tokenizer/word_cache.h"
#include "tokenizer/word_piece.h"

namespace assay {

inline constexpr std::size_t vocabulary_max = std::size_t{1} << 24;  // tokens; the largest published has 2^18
inline constexpr std::size_t token_bytes_max = 4096;                 // of one token's text

// Texts by index in one block.
class TextList {
 public:
  void add(std::string_view text) {
    bytes_ += text;
    ends_.push_back(bytes_.size());
  }
  std::string_view operator[](std::size_t index) const {
    const std::size_t begin = index == 0 ? 0 : ends_[index - 1];
    return std::string_view(bytes_).substr(begin, ends_[index] - begin);
  }
  std::size_t size() const { return ends_.size(); }

 private:
  std::string bytes_;
  std::vector<std::size_t> ends_;
};

// Buffers of one encode() call, reused by the next.
struct EncodeScratch {
  std::string sanitized;
  std::vector<Fragment> fragments;
  std::vector<Fragment> inner_fragments;
  NormalScratch normal;
  PreScratch pre;
  BpeScratch bpe;
  UnigramScratch unigram;
  WordCache words;
  std::string text;
};

// One scratch per encode() under way; what is given back is used again.
class ScratchPool {
 public:
  std::unique_ptr<EncodeScratch> take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<EncodeScratch>();
    auto scratch = std::move(free_.back());
    free_.pop_back();
    return scratch;
  }
  void give_back(std::unique_ptr<EncodeScratch> scratch) {
    const std::lock_guard lock(mutex_);
    if (free_.size() < kept_max) free_.push_back(std::move(scratch));
  }

 private:
  static constexpr std::size_t kept_max = 16;
  std::mutex mutex_;
  std::vector<std::unique_ptr<EncodeScratch>> free_;  // guarded by mutex_
};

// Added tokens for both readings of special tokens in a text.
struct AddedBoth {
  AddedTokens all;
  AddedTokens plain;  // without the special ones

  void set(const std::vector<AddedToken>& tokens) {
    std::vector<AddedToken> without;
    for (const AddedToken& t : tokens) {
      if (!t.special) without.push_back(t);
    }
    all = AddedTokens(tokens);
    plain = AddedTokens(std::move(without));
  }
  const AddedTokens& get(ParseSpecial parse) const { return parse == ParseSpecial::as_tokens ? all : plain; }
};

struct Tokenizer::Parts {
  // The vocabulary.
  TextList texts;
  TextList pieces;
  std::vector<bool> is_special;  // gives no text where special tokens are skipped
  TokenTable by_text;
  SpecialTokens special;
  std::vector<Token> end_tokens;  // rising
  std::vector<Token> begin_tokens;
  std::vector<Token> closing_tokens;
  FirstPiece first_piece = FirstPiece::whole;
  bool drops_last_space = false;  // a text's last space belongs to no word (BPEDecoder)

  // From text to tokens, in this order.
  bool keeps_bytes = false;  // invalid UTF-8 reaches the model
  AddedBoth added;           // in the text as given
  std::vector<NormalStep> normal;
  AddedBoth added_normalized;  // in the normalized text
  std::vector<PreStep> pre;
  bool bytes = false;  // the model takes bytes; pieces in letters are turned back
  std::variant<std::monostate, Bpe, Unigram, WordPiece> model;
  bool whole_first = false;  // a stretch that is a token as a whole is that token (pre cuts it further)

  mutable ScratchPool scratch;
};

// The value of "<0xAB>", or -1.
int byte_token_value(std::string_view text);

}  // namespace assay
