#include "adapter/worker/load_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "adapter/worker/loaded_facts.h"
#include "adapter/worker/plain_text.h"

namespace assay::adapter {
namespace {

using testing::HasSubstr;

LoadSettings some_settings() {
  LoadSettings settings;
  settings.model = "/models/größer.gguf";
  settings.device = "cuda";
  settings.context = 8192;
  settings.sequences = 8;
  settings.batch = 2048;
  settings.ubatch = 256;
  settings.threads = 6;
  settings.kv = "q8_0";
  settings.flash_attention = false;
  settings.map_file = false;
  settings.lock_memory = true;
  settings.cache_bytes = 1ULL << 40U;
  return settings;
}

TEST(LoadSettings, survive_the_way_through_json) {
  const LoadSettings settings = some_settings();
  const auto json = parse_json(to_json(settings).dump(), "settings");
  ASSERT_TRUE(json);
  const auto back = load_settings_from_json(*json);
  ASSERT_TRUE(back) << to_string(back.error());
  EXPECT_EQ(*back, settings);
}

TEST(LoadSettings, refuse_what_is_out_of_range_by_name) {
  const auto error = [](const char* key, Json value) {
    Json json = to_json(some_settings());
    json[key] = std::move(value);
    const auto settings = load_settings_from_json(json);
    EXPECT_FALSE(settings) << key;
    return settings ? "" : to_string(settings.error());
  };
  EXPECT_EQ(error("threads", 0), "bad value: key \"threads\": met 0, expected a whole number from 1 to 4096");
  EXPECT_THAT(error("threads", -1), HasSubstr("met -1"));
  EXPECT_THAT(error("threads", 1.5), HasSubstr("met 1.5"));
  EXPECT_THAT(error("ubatch", 4096), HasSubstr("from 1 to 2048"));
  EXPECT_THAT(error("batch", 1 << 20), HasSubstr("from 1 to 65536"));
  EXPECT_THAT(error("context", 0), HasSubstr("key \"context\""));
  EXPECT_THAT(error("context", 1ULL << 40U), HasSubstr("key \"context\""));
  EXPECT_THAT(error("device", "tpu"), HasSubstr("met \"tpu\", expected one of cpu, cuda, metal"));
  EXPECT_THAT(error("kv", "q4_0"), HasSubstr("expected one of f32, f16, bf16, q8_0"));
  EXPECT_THAT(error("map_file", 1), HasSubstr("expected true or false"));
  EXPECT_THAT(error("map_file", nullptr), HasSubstr("met null"));
  EXPECT_THAT(error("model", ""), HasSubstr("expected a path"));
  EXPECT_THAT(error("model", "a\nb"), HasSubstr("expected plain text"));
  EXPECT_THAT(error("model", std::string(5000, 'a')), HasSubstr("at most 4096 bytes"));
  EXPECT_THAT(error("turbo", true), HasSubstr("key \"turbo\": is not known"));
}

TEST(LoadSettings, refuse_a_missing_key_and_what_is_no_object) {
  Json json = to_json(some_settings());
  json.erase("kv");
  EXPECT_EQ(to_string(load_settings_from_json(json).error()), "bad value: key \"kv\": is missing");
  EXPECT_FALSE(load_settings_from_json(Json::array()));
  EXPECT_FALSE(load_settings_from_json(Json("text")));
}

TEST(LoadedFacts, survive_the_way_through_json_made_plain) {
  LoadedFacts loaded;
  loaded.facts.name = "mlx\x1b[0m";
  loaded.facts.version = "0.30";
  loaded.facts.device = "cpu";
  loaded.facts.context = 4096;
  loaded.facts.sequences = 1;
  loaded.facts.batch = 512;
  loaded.facts.vocab = 151936;
  loaded.facts.kv_type = "f16";
  loaded.facts.notes.assign(1500, "blk.0.ffn_down.weight: q6_k\nwidened to f16");
  loaded.memory = {1, 2, 3};
  const auto back = loaded_facts_from_json(to_json(loaded));
  ASSERT_TRUE(back) << to_string(back.error());
  EXPECT_EQ(back->facts.name, "mlx?[0m");
  EXPECT_EQ(back->facts.vocab, 151936U);
  ASSERT_EQ(back->facts.notes.size(), 1000U);
  EXPECT_EQ(back->facts.notes[0], "blk.0.ffn_down.weight: q6_k widened to f16");
  EXPECT_EQ(back->facts.notes[999], "and 501 more notes");
  EXPECT_EQ(back->memory.scratch, 3U);
}

TEST(PlainText, is_what_a_terminal_can_show_as_it_is) {
  for (const char* text : {"", "plain", "größer, 日本, 🙂", "a \\ b \"c\""}) EXPECT_TRUE(is_plain_text(text)) << text;
  for (const char* text : {"a\nb", "\x1b[31m", "\x7f", "\xc2\x9b", "\xff", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80",
                           "\xf4\x90\x80\x80", "cut \xe6\x97", "\xe2\x80\xae turned", "\xe2\x81\xa6", "\xe2\x80\xa8"}) {
    EXPECT_FALSE(is_plain_text(text)) << testing::PrintToString(text);
    EXPECT_TRUE(is_plain_text(plain_text(text, 100)));
  }
}

TEST(PlainText, is_cut_between_characters_and_its_breaks_become_blanks) {
  EXPECT_EQ(plain_text("\n one\r\n\ttwo  three \n", 100), "one two three");
  EXPECT_EQ(plain_text("日本日本", 7), "日本");
  EXPECT_EQ(plain_text("a\xff\xfe z", 100), "a?? z");
  EXPECT_EQ(plain_text("abc", 0), "");
}

}  // namespace
}  // namespace assay::adapter
