#include "tokenizer/folder_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>

#include "tokenizer/stored_json.h"
#include "tokenizer/tokenizer.h"

namespace assay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A vocabulary of letters with <s> 0, </s> 1 and <end> 2, and the files beside it.
struct Files {
  Json tokenizer = Json::parse(R"({
    "added_tokens": [{"id": 0, "content": "<s>", "special": true}, {"id": 1, "content": "</s>", "special": true},
                     {"id": 2, "content": "<end>", "special": true}],
    "normalizer": null, "pre_tokenizer": null, "post_processor": null, "decoder": {"type": "Fuse"},
    "model": {"type": "BPE", "vocab": {"<s>": 0, "</s>": 1, "<end>": 2, "a": 3, "b": 4, "c": 5, " ": 6, "ab": 7},
              "merges": ["a b"]}})");
  std::map<std::string, std::string> others;

  Result<Tokenizer> make() {
    text = tokenizer.dump();
    return Tokenizer::from_files(files());
  }
  TokenizerFiles files() {
    text = tokenizer.dump();
    return {text,
            others["tokenizer_config"],
            others["special_tokens_map"],
            others["added_tokens"],
            others["generation_config"],
            others["config"]};
  }
  std::string text;
};

std::vector<Token> tokens(Files& files, std::string_view text) {
  const auto t = files.make();
  EXPECT_TRUE(t) << to_string(t.error());
  return t ? t->encode(text, {.parse = ParseSpecial::as_tokens}).value() : std::vector<Token>();
}
std::vector<Token> ends(Files& files) {
  const auto t = files.make();
  EXPECT_TRUE(t) << to_string(t.error());
  return t ? std::vector<Token>(t->end_tokens().begin(), t->end_tokens().end()) : std::vector<Token>();
}
std::string error(Files& files) {
  const auto t = files.make();
  return t ? std::string("made") : to_string(t.error());
}

TEST(FolderTokens, every_place_adds_tokens) {
  const std::map<std::string, std::string> places{
      {"tokenizer_config", R"({"added_tokens_decoder": {"8": {"content": "<x>"}}})"},
      {"special_tokens_map", R"({"additional_special_tokens": ["<x>"]})"},
      {"added_tokens", R"({"<x>": 8})"},
  };
  for (const auto& [file, text] : places) {
    Files files;
    files.others[file] = text;
    EXPECT_THAT(tokens(files, "a<x>c"), ElementsAre(3, 8, 5)) << file;
  }
  for (const char* text :
       {R"({"pad_token": "<x>"})", R"({"extra_special_tokens": ["<x>"]})", R"({"extra_special_tokens": {"k": "<x>"}})",
        R"({"additional_special_tokens": ["<x>"]})", R"({"image_token": "<x>"})",
        R"({"cls_token": {"__type": "AddedToken", "content": "<x>"}})"}) {
    Files files;
    files.others["tokenizer_config"] = text;
    EXPECT_THAT(tokens(files, "a<x>c"), ElementsAre(3, 8, 5)) << text;
  }
}

TEST(FolderTokens, the_last_flags_count) {
  Files files;
  files.others["tokenizer_config"] =
      R"({"added_tokens_decoder": {"2": {"content": "<end>", "special": true, "rstrip": true}}})";
  EXPECT_THAT(tokens(files, "<end>   a"), ElementsAre(2, 3));
  files.others["tokenizer_config"] =
      R"({"added_tokens_decoder": {"2": {"content": "<end>", "special": true, "single_word": true}}})";
  EXPECT_EQ(tokens(files, "<end>a"), (std::vector<Token>{3}));  // the letters < e n d > are no tokens here
}

TEST(FolderTokens, a_role_that_is_an_ordinary_token_becomes_an_added_one) {
  Files files;
  files.others["tokenizer_config"] = R"({"eos_token": "c"})";
  EXPECT_THAT(tokens(files, "acb"), ElementsAre(3, 5, 4));
  EXPECT_TRUE(files.make()->is_special(5));
}

TEST(FolderTokens, special_tokens_map_gives_roles_unless_there_is_a_decoder) {
  Files files;
  files.others["tokenizer_config"] = R"({"eos_token": "</s>"})";
  files.others["special_tokens_map"] = R"({"eos_token": {"content": "<end>"}, "bos_token": "<s>"})";
  EXPECT_EQ(files.make()->special().eos, 2);
  EXPECT_EQ(files.make()->special().bos, 0);
  files.others["tokenizer_config"] = R"({"eos_token": "</s>", "added_tokens_decoder": {}})";
  EXPECT_EQ(files.make()->special().eos, 1);
  EXPECT_EQ(files.make()->special().bos, std::nullopt);
}

TEST(FolderTokens, an_id_that_transformers_would_not_give_is_refused_by_name) {
  Files files;
  files.others["tokenizer_config"] = R"({"added_tokens_decoder": {"11": {"content": "<x>"}}})";
  EXPECT_EQ(error(files),
            "bad value: tokenizer_config.json: added_tokens_decoder.11: token \"<x>\" has id 11, expected 8, the next "
            "free one, as transformers gives it");
  files.others["tokenizer_config"] = R"({"added_tokens_decoder": {"3": {"content": "ab"}}})";
  EXPECT_THAT(error(files), HasSubstr("token \"ab\" has id 3, expected 7, the id that this text has already"));
  files.others["tokenizer_config"] = "";
  files.others["added_tokens"] = R"({"<x>": 9})";
  EXPECT_THAT(error(files), HasSubstr("added_tokens.json: token \"<x>\" has id 9, expected 8"));
}

TEST(FolderTokens, wrong_fields_are_refused_by_file_and_key) {
  const std::vector<std::array<const char*, 3>> cases{
      {"tokenizer_config", R"([1])", "tokenizer_config.json: expected an object"},
      {"tokenizer_config", R"({"eos_token": 3})", "tokenizer_config.json: eos_token: expected a text"},
      {"tokenizer_config", R"({"added_tokens_decoder": {"x": {"content": "a"}}})", "added_tokens_decoder.\"x\""},
      {"tokenizer_config", R"({"added_tokens_decoder": {"8": "a"}})", "added_tokens_decoder.8: expected an object"},
      {"tokenizer_config", R"({"added_tokens_decoder": {"8": {"content": "a", "lstrip": 1}}})",
       "8.lstrip: expected true"},
      {"tokenizer_config", R"({"extra_special_tokens": "x"})", "extra_special_tokens: expected a list or an object"},
      {"tokenizer_config", R"({"split_special_tokens": true})", "split_special_tokens"},
      {"special_tokens_map", R"("x")", "special_tokens_map.json: expected an object"},
      {"special_tokens_map", R"({"additional_special_tokens": [1]})", "additional_special_tokens[0]: expected a text"},
      {"added_tokens", R"({"x": "8"})", "added_tokens.json: \"x\": expected an id"},
      {"generation_config", R"({"eos_token_id": [1, "2"]})", "generation_config.json: eos_token_id: met"},
      {"generation_config", R"({"eos_token_id": 8})", "met \"8\", expected an id of 0 to 7 or a list"},
      {"config", R"({"eos_token_id": -2})", "config.json: eos_token_id"},
  };
  for (const auto& [file, text, expected] : cases) {
    Files files;
    files.others[file] = text;
    EXPECT_THAT(error(files), HasSubstr(expected)) << text;
  }
}

TEST(FolderTokens, every_file_may_name_ends) {
  Files files;
  EXPECT_THAT(ends(files), ElementsAre(1));  // </s>, known by its text
  files.others["generation_config"] = R"({"eos_token_id": [1, 2]})";
  EXPECT_THAT(ends(files), ElementsAre(1, 2));
  files.others["generation_config"] = R"({"eos_token_id": 2})";
  EXPECT_THAT(ends(files), ElementsAre(1, 2));
  files.others["generation_config"] = "";
  files.others["config"] = R"({"eos_token_id": [3, 2, -1]})";
  EXPECT_THAT(ends(files), ElementsAre(1, 2, 3));
  files.others["config"] = R"({"eos_token_id": null, "text_config": {"eos_token_id": 2, "vocab_size": 20}})";
  EXPECT_THAT(ends(files), ElementsAre(1, 2));
  files.others["special_tokens_map"] = R"({"eos_token": "<end>"})";
  files.others["config"] = "";
  EXPECT_THAT(ends(files), ElementsAre(1, 2));
}

TEST(FolderTokens, a_default_of_config_that_is_ordinary_text_gives_way_to_generation_config) {
  Files files;
  files.others["config"] = R"({"eos_token_id": 3})";
  EXPECT_THAT(ends(files), ElementsAre(1, 3));
  files.others["generation_config"] = R"({"eos_token_id": 2})";
  EXPECT_THAT(ends(files), ElementsAre(1, 2));
}

TEST(FolderTokens, an_end_beyond_the_tokens_but_within_the_models_rows_is_one) {
  Files files;
  files.others["config"] = R"({"vocab_size": 16, "eos_token_id": 12})";
  EXPECT_THAT(ends(files), ElementsAre(1, 12));
}

TEST(StoredJson, keeps_flags_normalizer_and_ends) {
  Files files;
  files.tokenizer["normalizer"] = {{"type", "Lowercase"}};
  files.others["tokenizer_config"] =
      R"({"eos_token": "</s>", "pad_token": "<pad>",
          "added_tokens_decoder": {"8": {"content": "<x>", "lstrip": true, "single_word": true}}})";
  const auto stored = stored_json(files.files());
  ASSERT_TRUE(stored) << to_string(stored.error());
  const std::vector<std::string_view> texts{"<s>", "</s>", "<end>", "a",     "b",      "c",
                                            " ",   "ab",   "<x>",   "<pad>", "[PAD10]"};
  const std::vector<std::int32_t> types{3, 3, 3, 1, 1, 1, 1, 1, 4, 3, VocabularyData::unused};
  const std::vector<std::string_view> merges{"a b"};
  const std::vector<std::int64_t> named{1, 2};
  const StoredJson all{.json = stored->json, .tokens = texts, .types = types, .merges = merges, .ends = named};
  const auto again = Tokenizer::from_stored(all);
  ASSERT_TRUE(again) << to_string(again.error());
  EXPECT_THAT(*again->encode("AB  <x> C", {.parse = ParseSpecial::as_tokens}), ElementsAre(7, 8, 6, 5));
  EXPECT_THAT(again->end_tokens(), ElementsAre(1, 2));
  EXPECT_EQ(again->special().eos, 1);
  EXPECT_EQ(again->special().pad, 9);
  EXPECT_EQ(again->size(), 10);
}

TEST(StoredJson, wrong_texts_are_refused_by_key) {
  const auto error_of = [](std::string_view json) {
    const std::vector<std::string_view> texts{"a"};
    const auto made = Tokenizer::from_stored({.json = json, .tokens = texts, .types = {}, .merges = {}, .ends = {}});
    return made ? std::string("made") : to_string(made.error());
  };
  EXPECT_THAT(error_of("{"), HasSubstr("tokenizer.assay.rest: "));
  EXPECT_THAT(error_of(R"({"version": 2})"), HasSubstr("version 2"));
  EXPECT_THAT(error_of(R"({"version": 1})"), HasSubstr("tokenizer.model: expected an object"));
  EXPECT_THAT(error_of(R"({"version": 1, "tokenizer": {"model": {"type": "BPE"}}, "outside": ["x"]})"),
              HasSubstr("outside: expected a list of ids"));
}

// Folders by chance, read by transformers (tools/tokenizer_folders.py says by which version).
TEST(FolderTokens, odd_folders_give_the_tokens_of_transformers_or_are_refused_for_an_id) {
  std::ifstream in(ASSAY_SOURCE_DIR "/tests/golden/tokenizer_folders.json");
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto golden = parse_json(text, "tokenizer_folders.json");
  ASSERT_TRUE(golden) << to_string(golden.error());
  std::size_t equal = 0;
  std::size_t refused = 0;
  for (const Json& folder : (*golden)["folders"]) {
    Json tokenizer = folder["files"]["tokenizer.json"];
    for (const auto& [key, value] : (*golden)["model"].items()) tokenizer["model"][key] = value;
    const auto file = [&](const char* name) {
      return folder["files"].contains(name) ? folder["files"][name].dump() : std::string();
    };
    const std::string tokenizer_text = tokenizer.dump();
    const std::string config = file("tokenizer_config.json");
    const std::string map = file("special_tokens_map.json");
    const std::string added = file("added_tokens.json");
    const auto made = Tokenizer::from_files({tokenizer_text, config, map, added, {}, {}});
    if (!made) {
      EXPECT_THAT(made.error().detail, HasSubstr(" has id ")) << folder["files"].dump();
      ++refused;
      continue;
    }
    for (std::size_t i = 0; i < folder["texts"].size(); ++i) {
      const auto met = made->encode(folder["texts"][i].get<std::string>(),
                                    {.add = AddSpecial::no, .parse = ParseSpecial::as_tokens});
      ASSERT_TRUE(met);
      EXPECT_EQ(*met, folder["tokens"][i].get<std::vector<Token>>()) << folder["texts"][i] << config << map << added;
    }
    const auto spelled = made->decode(folder["spelled"][0].get<std::vector<Token>>());
    ASSERT_TRUE(spelled) << to_string(spelled.error());
    EXPECT_EQ(*spelled, folder["spelled"][1].get<std::string>()) << config << map << added;
    ++equal;
  }
  EXPECT_GT(equal, 3 * refused);
}

}  // namespace
}  // namespace assay
