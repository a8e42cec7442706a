#include "tokenizer/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json.h"
#include "base/random.h"
#include "tokenizer/byte_alphabet.h"
#include "tokenizer/pre_names.h"
#include "tokenizer/unicode.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A byte-level vocabulary: the 256 bytes as tokens 0..255 in byte order, then what the merges make, then control tokens.
struct Vocabulary {
  std::vector<std::string> texts;
  std::vector<std::int32_t> types;
  std::vector<std::string> merges;
  VocabularyData data;

  using Joins = std::vector<std::pair<std::string, std::string>>;
  explicit Vocabulary(const Joins& joins) {
    for (unsigned byte = 0; byte < 256; ++byte) add(bytes_to_letters(std::string(1, static_cast<char>(byte))));
    for (const auto& [left, right] : joins) {
      merges.push_back(bytes_to_letters(left) + " " + bytes_to_letters(right));
      add(bytes_to_letters(left + right));
    }
    data.model = "gpt2";
    data.pre = "gpt-2";
  }
  void add(const std::string& text, std::int32_t type = VocabularyData::normal) {
    texts.push_back(text);
    types.push_back(type);
  }
  Result<Tokenizer> make() {
    views.assign(texts.begin(), texts.end());
    merge_views.assign(merges.begin(), merges.end());
    data.tokens = views;
    data.types = types;
    data.merges = merge_views;
    return Tokenizer::from_vocabulary(data);
  }
  std::vector<std::string_view> views;
  std::vector<std::string_view> merge_views;
};

// SentencePiece pieces with scores; bytes 3..258.
struct Pieces {
  std::vector<std::string> texts{"<unk>", "<s>", "</s>"};
  std::vector<float> scores{0, 0, 0};
  std::vector<std::int32_t> types{VocabularyData::unknown, VocabularyData::control, VocabularyData::control};
  VocabularyData data;

  Pieces() {
    for (unsigned byte = 0; byte < 256; ++byte) {
      char text[8];
      std::snprintf(text, sizeof text, "<0x%02X>", byte);
      add(text, 0, VocabularyData::byte);
    }
    data.model = "llama";
  }
  void add(const std::string& text, float score, std::int32_t type = VocabularyData::normal) {
    texts.push_back(text);
    scores.push_back(score);
    types.push_back(type);
  }
  Result<Tokenizer> make() {
    views.assign(texts.begin(), texts.end());
    data.tokens = views;
    data.scores = scores;
    data.types = types;
    return Tokenizer::from_vocabulary(data);
  }
  std::vector<std::string_view> views;
};

TEST(Tokenizer, joins_the_best_pair_first_and_the_leftmost_of_equals) {
  Vocabulary v(Vocabulary::Joins{{"a", "b"}, {"b", "c"}, {"a", "a"}});
  const auto t = v.make();
  ASSERT_TRUE(t) << to_string(t.error());
  EXPECT_THAT(*t->encode("abc"), ElementsAre(256, 'c'));
  EXPECT_THAT(*t->encode("aaa"), ElementsAre(258, 'a'));
  EXPECT_THAT(*t->encode("aab"), ElementsAre('a', 256));
}

TEST(Tokenizer, long_words_give_the_same_tokens_as_short_ones) {
  Vocabulary v(Vocabulary::Joins{{"a", "a"}, {"aa", "aa"}, {"aaaa", "aaaa"}, {"b", "a"}});
  const auto t = v.make();
  ASSERT_TRUE(t);
  Random random(3);
  for (int round = 0; round < 200; ++round) {
    std::string word;
    for (std::size_t i = 0, n = 1 + random.below(300); i < n; ++i) word += "aaab"[random.below(4)];
    // The same by the definition: join the best pair until there is none.
    std::vector<std::string> parts;
    for (const char c : word) parts.emplace_back(1, c);
    const std::vector<std::pair<std::string, std::string>> order{
        {"a", "a"}, {"aa", "aa"}, {"aaaa", "aaaa"}, {"b", "a"}};
    for (bool joined = true; joined;) {
      joined = false;
      for (const auto& [l, r] : order) {
        for (std::size_t i = 0; i + 1 < parts.size() && !joined; ++i) {
          if (parts[i] != l || parts[i + 1] != r) continue;
          parts[i] += parts[i + 1];
          parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(i) + 1);
          joined = true;
        }
        if (joined) break;
      }
    }
    std::vector<Token> expected;
    expected.reserve(parts.size());
    for (const std::string& part : parts) expected.push_back(*t->find(bytes_to_letters(part)));
    EXPECT_EQ(*t->encode(word), expected) << word;
  }
}

TEST(Tokenizer, text_never_becomes_a_control_token_unless_asked_for) {
  Vocabulary v(Vocabulary::Joins{{"<", "x"}, {"<x", ">"}});
  v.add("<|end|>", VocabularyData::control);
  v.types[257] = VocabularyData::control;  // "<x>", which merges could make
  const auto t = v.make();
  ASSERT_TRUE(t);
  const auto as_text = t->encode("a<|end|><x>");
  const auto as_tokens = t->encode("a<|end|><x>", {.parse = ParseSpecial::as_tokens});
  for (const Token token : *as_text) EXPECT_FALSE(t->is_special(token));
  EXPECT_THAT(*as_tokens, ElementsAre('a', 258, 257));
  EXPECT_EQ(*t->decode(*as_text), "a<|end|><x>");
  EXPECT_EQ(*t->decode(*as_tokens), "a");
  EXPECT_EQ(*t->decode(*as_tokens, {.skip_special = false}), "a<|end|><x>");
}

TEST(Tokenizer, a_sentencepiece_text_never_becomes_its_control_or_byte_tokens) {
  Pieces p;
  for (const char* text : {"<", "/", "s", ">", "</", "s>", "0", "x", "4", "1", "\u2581"}) p.add(text, -1);
  const auto t = p.make();
  ASSERT_TRUE(t) << to_string(t.error());
  for (const char* text : {"</s>", "<0x41>", "<unk>"}) {
    const auto tokens = t->encode(text, {.add = AddSpecial::no});
    ASSERT_TRUE(tokens);
    for (const Token token : *tokens) {
      EXPECT_FALSE(t->is_special(token)) << text;
      if (std::string(text) != "<unk>") {
        EXPECT_GE(token, 259) << text;
      }
    }
  }
}

TEST(Tokenizer, sentencepiece_joins_by_score_and_falls_back_to_bytes) {
  Pieces p;
  for (const char* text : {"\u2581", "a", "b", "c"}) p.add(text, -10);
  p.add("ab", -2);       // 263
  p.add("bc", -1);       // 264
  p.add("\u2581a", -3);  // 265
  const auto t = p.make();
  ASSERT_TRUE(t) << to_string(t.error());
  EXPECT_THAT(*t->encode("abc"), ElementsAre(1, 265, 264));
  EXPECT_THAT(*t->encode("\xC3\xA9", {.add = AddSpecial::no}), ElementsAre(259, 3 + 0xC3, 3 + 0xA9));
  EXPECT_EQ(*t->decode(*t->encode("abc \xC3\xA9")), "abc \xC3\xA9");
  EXPECT_EQ(*t->decode(std::vector<Token>{265}, {.starts_a_text = false}), " a");
}

TEST(Tokenizer, bytes_that_are_no_utf8_count_as_replacement_characters) {
  Vocabulary v(Vocabulary::Joins{});
  v.merges.push_back("a b");
  v.add("ab");
  const auto t = v.make();
  ASSERT_TRUE(t);
  EXPECT_EQ(*t->decode(*t->encode("a\xFF\xC3(\xE2\x82)\xED\xA0\x80")), "a\uFFFD\uFFFD(\uFFFD\uFFFD)\uFFFD\uFFFD\uFFFD");
}

TEST(Tokenizer, every_named_pre_tokenizer_gives_text_back) {
  for (const std::string_view name : pre_names()) {
    SCOPED_TRACE(name);
    const auto rules = pre_rules(name);
    ASSERT_TRUE(rules) << to_string(rules.error());
    if (rules->raw) continue;
    Vocabulary v(Vocabulary::Joins{{"a", "b"}});
    v.data.pre = name;
    v.data.add_bos = false;
    const auto t = v.make();
    ASSERT_TRUE(t) << to_string(t.error());
    const std::string text =
        "I'LL say: caf\xC3\xA9 123456789 \u4E2D\u6587\uFF01\r\n\n  \tx = y+1; // \U0001F999 "
        "\u0928\u092E\u0938\u094D\u0924\u0947";
    EXPECT_EQ(*t->decode(*t->encode(text)), text);
  }
}

TEST(Tokenizer, a_megabyte_of_one_character_takes_little_time) {
  Vocabulary v(Vocabulary::Joins{{"a", "a"}, {"aa", "aa"}, {" ", " "}, {"\n", "\n"}});
  for (const char* pre : {"gpt-2", "llama-bpe", "tekken", "deepseek-llm", "superbpe"}) {
    v.data.pre = pre;
    v.data.add_bos = false;
    const auto t = v.make();
    ASSERT_TRUE(t);
    for (const char c : {'a', 'A', ' ', '\n', '1', '\'', '\xFF'}) {
      const auto tokens = t->encode(std::string(1 << 20, c));
      ASSERT_TRUE(tokens) << to_string(tokens.error()) << " " << pre;
      EXPECT_FALSE(tokens->empty());
    }
  }
}

TEST(Tokenizer, refuses_wrong_vocabularies_by_name) {
  const auto error_of = [](auto&& change) {
    Vocabulary v(Vocabulary::Joins{{"a", "b"}});
    change(v);
    const auto made = v.make();
    return made ? std::string("made") : to_string(made.error());
  };
  EXPECT_THAT(error_of([](Vocabulary& v) { v.data.pre = "nonsense"; }), HasSubstr("pre-tokenizer 'nonsense'"));
  EXPECT_THAT(error_of([](Vocabulary& v) { v.data.model = "rwkv"; }), HasSubstr("tokenizer model 'rwkv'"));
  EXPECT_THAT(error_of([](Vocabulary& v) { v.data.eos = 4000; }), HasSubstr("eos token 4000, expected 0 to 256"));
  EXPECT_THAT(error_of([](Vocabulary& v) { v.types.pop_back(); }), HasSubstr("256 token types, expected 257"));
  EXPECT_THAT(error_of([](Vocabulary& v) { v.merges[0] = "ab"; }), HasSubstr("merge 0 is 'ab'"));
  EXPECT_THAT(error_of([](Vocabulary& v) { v.merges.clear(); }), HasSubstr("without merges"));
  EXPECT_THAT(error_of([](Vocabulary& v) { v.data.add_bos = true; }), HasSubstr("bos token is to be added"));
  EXPECT_THAT(error_of([](Vocabulary& v) { v.types[0] = VocabularyData::byte; }),
              HasSubstr("expected the form <0xAB>"));
}

TEST(Detokenizer, never_gives_half_a_character) {
  Vocabulary v(Vocabulary::Joins{{"a", "b"}});
  const auto t = v.make();
  ASSERT_TRUE(t);
  const std::string text = "x\U0001F999y\u20ACz\xC3\xA9";
  Detokenizer d(*t);
  std::string out;
  const auto tokens = t->encode(text);
  ASSERT_TRUE(tokens);
  for (const Token token : *tokens) {
    ASSERT_TRUE(d.push(token, out));
    EXPECT_EQ(unicode::valid_prefix(out), out.size());
    EXPECT_EQ(text.compare(0, out.size(), out), 0);
  }
  d.finish(out);
  EXPECT_EQ(out, text);
}

TEST(Detokenizer, gives_broken_bytes_as_replacement_characters_as_soon_as_they_are_known) {
  Vocabulary v(Vocabulary::Joins{{"a", "b"}});
  const auto t = v.make();
  ASSERT_TRUE(t);
  Detokenizer d(*t);
  std::string out;
  ASSERT_TRUE(d.push(0xE2, out));
  EXPECT_EQ(out, "");
  ASSERT_TRUE(d.push(0x82, out));
  EXPECT_EQ(out, "");
  ASSERT_TRUE(d.push('a', out));
  EXPECT_EQ(out, "\uFFFDa");
  ASSERT_TRUE(d.push(0xFF, out));
  EXPECT_EQ(out, "\uFFFDa\uFFFD");
  ASSERT_TRUE(d.push(0xF0, out));
  d.finish(out);
  EXPECT_EQ(out, "\uFFFDa\uFFFD\uFFFD");
  EXPECT_THAT(d.push(100000, out).error().detail, HasSubstr("token 100000, expected 0 to 256"));
}

// A small tokenizer.json that parts of are replaced.
Json small_json() {
  return Json::parse(R"({
    "added_tokens": [{"id": 5, "content": "<s>", "special": true}, {"id": 6, "content": "[X]", "lstrip": true}],
    "normalizer": null, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "<unk>": 3, "c": 4}, "merges": ["a b"], "unk_token": "<unk>"}
  })");
}

std::string json_error(const std::string& patch) {
  Json json = small_json();
  json.merge_patch(Json::parse(patch));
  const auto made = Tokenizer::from_json(json.dump());
  return made ? std::string("made") : to_string(made.error());
}

TEST(TokenizerJson, encodes_with_added_tokens_and_unknowns) {
  const auto t = Tokenizer::from_json(small_json().dump());
  ASSERT_TRUE(t) << to_string(t.error());
  EXPECT_THAT(*t->encode("ab a  [X]c\u00E9<s>", {.parse = ParseSpecial::as_tokens}), ElementsAre(2, 0, 6, 4, 3, 5));
  EXPECT_EQ(*t->decode(std::vector<Token>{2, 5, 0}), "ab a");
}

TEST(TokenizerJson, refuses_what_is_not_done_by_name) {
  EXPECT_THAT(json_error(R"({"model": {"dropout": 0.1}})"), HasSubstr("model.dropout"));
  EXPECT_THAT(json_error(R"({"model": {"type": "Nonsense"}})"), HasSubstr("type 'Nonsense'"));
  EXPECT_THAT(json_error(R"({"normalizer": {"type": "Nmt"}})"), HasSubstr("normalizer 'Nmt'"));
  EXPECT_THAT(json_error(R"({"pre_tokenizer": {"type": "UnicodeScripts"}})"),
              HasSubstr("pre-tokenizer 'UnicodeScripts'"));
  EXPECT_THAT(json_error(R"({"decoder": {"type": "CTC"}})"), HasSubstr("decoder 'CTC'"));
  EXPECT_THAT(json_error(R"({"post_processor": {"type": "Odd"}})"), HasSubstr("post-processor 'Odd'"));
  EXPECT_EQ(json_error(R"({"model": {"dropout": 0}})"), "made");
}

TEST(TokenizerJson, refuses_wrong_fields_by_path) {
  EXPECT_THAT(json_error(R"({"model": {"merges": ["a"]}})"), HasSubstr("model.merges[0]: expected two texts"));
  EXPECT_THAT(json_error(R"({"model": {"merges": ["a c"]}})"), HasSubstr("model.merges[0]: 'ac'"));
  EXPECT_THAT(json_error(R"({"model": {"merges": [["a", "z"]]}})"), HasSubstr("'z'"));
  EXPECT_THAT(json_error(R"({"model": {"unk_token": "?"}})"), HasSubstr("model.unk_token '?'"));
  EXPECT_THAT(json_error(R"({"model": {"vocab": {"a": -1}}})"), HasSubstr("model.vocab['a'] = -1"));
  EXPECT_THAT(json_error(R"({"model": {"vocab": {"a": 16000000}}})"), HasSubstr("id 16000000"));
  EXPECT_THAT(json_error(R"({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "(a"}, "behavior": "Isolated"}})"),
              HasSubstr("regular expression '(a'"));
  EXPECT_THAT(json_error(R"({"pre_tokenizer": {"type": "Split", "pattern": {"String": "a"}, "behavior": "Eaten"}})"),
              HasSubstr("behavior: expected Removed"));
  EXPECT_THAT(json_error(R"({"post_processor": {"type": "BertProcessing", "sep": ["x", 99], "cls": ["y", 1]}})"),
              HasSubstr("post_processor.sep"));
  EXPECT_THAT(to_string(Tokenizer::from_json("[1]").error()), HasSubstr("expected an object"));
}

TEST(TokenizerJson, an_expression_over_its_limit_is_an_error_and_leaves_the_output_alone) {
  Json json = small_json();
  json["pre_tokenizer"] = {
      {"type", "Split"}, {"pattern", {{"Regex", "(?:a+)+(?:a+)+(?:a+)+[de]"}}}, {"behavior", "Isolated"}};
  const auto t = Tokenizer::from_json(json.dump());
  ASSERT_TRUE(t) << to_string(t.error());
  std::vector<Token> out{7};
  const auto done = t->encode(std::string(200, 'a'), {}, out);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::full);
  EXPECT_THAT(out, ElementsAre(7));
}

TEST(TokenizerJson, config_gives_roles_and_the_file_the_begin_tokens) {
  Json json = small_json();
  json["post_processor"] = Json::parse(R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>"}},
      {"Sequence": {"id": "A"}}], "special_tokens": {"<s>": {"ids": [5]}}})");
  // As transformers 5: beside a tokenizer.json neither add_bos_token nor the class is heeded.
  const auto t = Tokenizer::from_json(json.dump(), R"({"bos_token": "<s>", "eos_token": {"content": "c"},
      "tokenizer_class": "LlamaTokenizerFast", "add_bos_token": false, "add_eos_token": true})");
  ASSERT_TRUE(t) << to_string(t.error());
  EXPECT_EQ(t->special().bos, 5);
  EXPECT_EQ(t->special().eos, 4);
  EXPECT_TRUE(t->ends_generation(4));
  EXPECT_THAT(*t->encode("a"), ElementsAre(5, 0));
}

}  // namespace
}  // namespace assay
