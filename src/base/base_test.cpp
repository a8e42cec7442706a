#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/npy.h"
#include "base/progress.h"
#include "base/random.h"
#include "base/sha256.h"

namespace assay {
namespace {

TEST(Error, says_the_sentence_the_detail_and_the_offset) {
  EXPECT_EQ(to_string(Error{Errc::truncated, 12, "model.gguf"}), "truncated: model.gguf (byte 12)");
  EXPECT_EQ(to_string(with_context("tensor a", Error{Errc::bad_value, 0, "met 3, expected 4"})),
            "bad value: tensor a: met 3, expected 4");
}

TEST(ByteReader, reads_scalars_and_views_in_order) {
  const std::array<std::byte, 7> bytes{std::byte{1},   std::byte{0},   std::byte{0}, std::byte{0},
                                       std::byte{'a'}, std::byte{'b'}, std::byte{9}};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.read<std::uint32_t>("n").value(), 1U);
  EXPECT_EQ(reader.text(2, "s").value(), "ab");
  EXPECT_EQ(reader.remaining(), 1U);
}

TEST(ByteReader, refuses_to_read_past_the_end_and_consumes_nothing) {
  const std::array<std::byte, 3> bytes{};
  ByteReader reader(bytes);
  const auto value = reader.read<std::uint32_t>("count");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().code, Errc::truncated);
  EXPECT_THAT(value.error().detail, testing::HasSubstr("count"));
  EXPECT_EQ(reader.position(), 0U);
  EXPECT_FALSE(reader.view(~std::uint64_t{0}, "huge"));
  EXPECT_FALSE(reader.skip(4, "pad"));
}

TEST(Random, is_the_published_sequence_for_a_seed) {
  Random a(42);
  Random b(42);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(a.bits(), b.bits());
  Random c(43);
  EXPECT_NE(a.bits(), c.bits());
}

TEST(Random, below_reaches_every_value_and_never_the_bound) {
  Random random(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(random.below(7));
  EXPECT_EQ(seen.size(), 7U);
  EXPECT_EQ(*seen.rbegin(), 6U);
}

TEST(Random, normal_has_mean_zero_and_variance_one) {
  Random random(2);
  double sum = 0;
  double squares = 0;
  constexpr int n = 200'000;
  for (int i = 0; i < n; ++i) {
    const double x = random.normal();
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / n, 0, 0.01);
  EXPECT_NEAR(squares / n, 1, 0.02);
}

TEST(Progress, shows_share_rate_and_time_left) {
  const FakeClock clock;
  Progress progress(clock, ProgressStyle::lines, "reading", 100 << 20, "B");
  EXPECT_EQ(progress.render(50 << 20, 1'000'000'000), "reading  50 % 50.0 MiB, 50.0 MiB/s, 1 s left");
  Progress share(clock, ProgressStyle::lines, "measuring", 10'000, "%");
  EXPECT_EQ(share.render(1600, 16'000'000'000), "measuring  16 %, 1 min 24 s left") << "one percent, no rate";
  Progress bar(clock, ProgressStyle::bar, "steps", 4, "steps");
  EXPECT_EQ(bar.render(1, 2'000'000'000), "steps [######..................]  25 % 1 steps, 0.5 steps/s, 6 s left");
}

TEST(Sha256, gives_the_digests_of_the_standard) {
  EXPECT_EQ(sha256_hex({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  const std::string abc = "abc";
  Sha256 in_pieces;
  in_pieces.add(std::as_bytes(std::span(abc).first(1)));
  in_pieces.add(std::as_bytes(std::span(abc).subspan(1)));
  EXPECT_EQ(in_pieces.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Npy, has_the_header_of_the_format_and_the_values_behind_it) {
  const std::string path = testing::TempDir() + "assay_base_test.npy";
  ASSERT_TRUE(write_npy(path, std::array{1.0F, 2.0F, 3.0F, 4.0F, 5.0F, 6.0F}, 2, 3));
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  ASSERT_EQ(bytes.size(), 128U + 24U);
  EXPECT_EQ(bytes.substr(0, 8), std::string("\x93NUMPY\x01\x00", 8));
  EXPECT_THAT(bytes, testing::HasSubstr("'shape': (2, 3)"));
  EXPECT_EQ(bytes[127], '\n');
  float last = 0;
  std::memcpy(&last, bytes.data() + bytes.size() - 4, 4);
  EXPECT_EQ(last, 6);
  EXPECT_EQ(write_npy("/nonexistent/x.npy", std::array{1.0F}, 1, 1).error().code, Errc::not_found);
}

TEST(Json, refuses_bad_text_with_its_offset_and_deep_nesting) {
  EXPECT_EQ(parse_json(R"({"a":1})", "x").value()["a"], 1);
  const auto bad = parse_json("{\"a\":", "config.json");
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().detail, testing::HasSubstr("config.json"));
  EXPECT_FALSE(parse_json(std::string(200, '['), "deep"));
}

TEST(Json, refuses_a_key_that_stands_twice_in_one_object_where_asked) {
  EXPECT_TRUE(parse_json(R"({"a":1,"a":2})", "x"));
  EXPECT_TRUE(parse_json_unique(R"({"a":{"b":1},"c":{"b":2}})", "x"));
  const auto twice = parse_json_unique(R"({"c":1,"a":{"b":1,"b":2}})", "x");
  ASSERT_FALSE(twice);
  EXPECT_THAT(twice.error().detail, testing::HasSubstr("x: key \"b\" stands twice"));
}

TEST(Json, refuses_an_object_with_too_many_keys_where_asked) {
  std::string text = "{";
  for (std::size_t i = 0; i <= json_keys_max; ++i) text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  EXPECT_THAT(parse_json_unique(text + "}", "x").error().detail, testing::HasSubstr("more than 20000 keys"));
}

}  // namespace
}  // namespace assay
