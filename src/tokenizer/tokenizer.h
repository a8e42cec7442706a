// Text <-> tokens. A Tokenizer is made from a GGUF vocabulary or from tokenizer.json, and is constant afterwards: any
// number of threads may use one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace assay {

using Token = std::int32_t;  // index into the vocabulary

inline constexpr std::size_t tokenize_bytes_max = std::size_t{1} << 30;  // one text; positions fit 32 bits with room

// What a GGUF says about its vocabulary (docs/tokenize.md lists the keys). Borrowed until from_vocabulary() returns.
struct VocabularyData {
  enum TokenType : std::int32_t { undefined, normal, unknown, control, user_defined, unused, byte };

  std::string_view model;       // "gpt2" (byte-level BPE), "llama" (SentencePiece BPE), "t5" (unigram), "bert"
  std::string_view pre;         // name of the pre-tokenizer; empty: default
  std::string_view model_name;  // general.name: a few models have rules of their own
  std::span<const std::string_view> tokens;  // (vocab,)
  std::span<const float> scores;             // (vocab,) or empty
  std::span<const std::int32_t> types;       // (vocab,) TokenType, or empty: all normal
  std::span<const std::string_view> merges;  // "left right", best first
  std::span<const std::byte> charsmap;       // SentencePiece's compiled normalizer, or empty
  std::optional<std::int64_t> bos, eos, eot, eom, unk, sep, pad, mask;
  std::optional<bool> add_bos, add_eos, add_sep, add_space_prefix, remove_extra_whitespaces;
  std::optional<bool> lowercase, strip_accents;  // "bert" only
  std::span<const std::int64_t> ends;            // further tokens that end generation, or empty
};

// Tokens with a role; empty where the vocabulary has none.
struct SpecialTokens {
  std::optional<Token> bos, eos, eot, eom, unk, sep, pad, mask;
};

enum class AddSpecial : std::uint8_t { no, by_model };          // begin/end tokens around the text
enum class ParseSpecial : std::uint8_t { as_text, as_tokens };  // what "<|im_end|>" within the text means

// What a text's first piece loses: spaces that the vocabulary put there.
enum class FirstPiece : std::uint8_t { whole, without_space, without_spaces };

struct EncodeOptions {
  AddSpecial add = AddSpecial::by_model;
  // as_text is the safe choice for text of users: no text can then become a control token.
  ParseSpecial parse = ParseSpecial::as_text;
};

struct DecodeOptions {
  bool skip_special = true;   // control tokens give no text
  bool starts_a_text = true;  // false: continues other text, so a first space that the vocabulary adds is kept
};

struct TokenizerFiles;  // folder_tokens.h
struct StoredJson;      // stored_json.h

class Tokenizer {
 public:
  // Errc::unsupported names a model or pre-tokenizer that is not known; Errc::bad_value names the field.
  static Result<Tokenizer> from_vocabulary(const VocabularyData& data);
  // Hugging Face's tokenizer.json and what lies beside it. Errc::unsupported names a component that is not done,
  // Errc::bad_value file and field.
  static Result<Tokenizer> from_files(const TokenizerFiles& files);
  // The same with tokenizer_config.json alone; `config` is its text or empty.
  static Result<Tokenizer> from_json(std::string_view json, std::string_view config = {});
  // The same again, from what a GGUF keeps of such files. Errors name the key.
  static Result<Tokenizer> from_stored(const StoredJson& stored);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Appends the tokens of `text` to `out`. Bytes that are no UTF-8 count as U+FFFD each (a SentencePiece vocabulary
  // with byte tokens keeps them). Time is linear in the text but for a logarithm. Errc::full: text over
  // tokenize_bytes_max, or a pattern of the vocabulary over its limit of steps on this text; `out` is unchanged then.
  Result<void> encode(std::string_view text, const EncodeOptions& options, std::vector<Token>& out) const;
  Result<std::vector<Token>> encode(std::string_view text, const EncodeOptions& options = {}) const;

  // Always valid UTF-8: what is none becomes U+FFFD. Errc::bad_value: a token outside the vocabulary.
  Result<std::string> decode(std::span<const Token> tokens, const DecodeOptions& options = {}) const;

  std::size_t size() const;                   // tokens, ids 0..size()-1; ids without a token have empty text
  std::string_view text(Token token) const;   // as the vocabulary writes it; empty outside
  std::string_view piece(Token token) const;  // the bytes that it stands for, maybe part of a character
  std::optional<Token> find(std::string_view text) const;  // by text()
  bool is_special(Token token) const;                      // control or unknown: text that only as_tokens reads
  bool ends_generation(Token token) const;                 // one of end_tokens()
  // Rising: eos, every end that a file of the model names, and the end-of-turn tokens known by text.
  std::span<const Token> end_tokens() const;
  const SpecialTokens& special() const;
  std::span<const Token> begin_tokens() const;    // what AddSpecial::by_model puts before a text
  std::span<const Token> closing_tokens() const;  // and after it
  FirstPiece first_piece() const;
  bool drops_last_space() const;  // a text's last space belongs to no word

  struct Parts;  // see parts.h
  explicit Tokenizer(std::unique_ptr<const Parts> parts);

 private:
  std::unique_ptr<const Parts> parts_;
};

// Turns tokens into text piece by piece and never gives half a character: bytes wait until their character is whole.
// Keeps a reference to the tokenizer.
class Detokenizer {
 public:
  explicit Detokenizer(const Tokenizer& tokenizer, const DecodeOptions& options = {});

  // Appends the text that is ready after this token, maybe none. Errc::bad_value: outside the vocabulary.
  Result<void> push(Token token, std::string& out);
  // Appends what waits; bytes that never became a character are U+FFFD. Ready for another text afterwards.
  void finish(std::string& out);
  bool waits() const { return !pending_.empty(); }  // within a character

 private:
  void drain(std::string& out);

  const Tokenizer* tokenizer_;
  DecodeOptions options_;
  bool at_start_;
  std::string pending_;  // at most 3 bytes between calls
};

}  // namespace assay
