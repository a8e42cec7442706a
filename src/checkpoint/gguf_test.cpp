#include "checkpoint/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>

#include "checkpoint/gguf_bytes.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing_bytes::fresh_folder;
using testing_bytes::GgufBytes;
using testing_bytes::write_file;

// The refusal of a file: its code, and what its message must say.
void expect_refused(const GgufBytes& file, Errc code, const std::string& says) {
  const auto gguf = Gguf::parse(file.bytes(), "x.gguf");
  ASSERT_FALSE(gguf) << "expected: " << says;
  EXPECT_EQ(gguf.error().code, code) << to_string(gguf.error());
  EXPECT_THAT(gguf.error().detail, HasSubstr(says));
  EXPECT_THAT(gguf.error().detail, HasSubstr("x.gguf"));
}

TEST(Gguf, gives_every_value_type_where_it_lies) {
  GgufBytes file;
  file.header(0, 13);
  file.key("u8", GgufType::u8).raw<std::uint8_t>(200).key("i8", GgufType::i8).raw<std::int8_t>(-3);
  file.key("u16", GgufType::u16).raw<std::uint16_t>(60'000).key("i16", GgufType::i16).raw<std::int16_t>(-300);
  file.key_u32("u32", 4'000'000'000U).key("i32", GgufType::i32).raw<std::int32_t>(-70'000);
  file.key("u64", GgufType::u64).raw<std::uint64_t>(1ULL << 63U).key("i64", GgufType::i64).raw<std::int64_t>(-1);
  file.key_f32("f32", 0.5F).key("f64", GgufType::f64).raw(0.1);
  file.key("bool", GgufType::boolean).raw<std::uint8_t>(1).key_string("string", "text");
  file.key("array", GgufType::array).u32(8).u64(2).string("a").string("bc");
  const auto gguf = Gguf::parse(file.bytes(), "x.gguf");
  ASSERT_TRUE(gguf) << to_string(gguf.error());
  EXPECT_EQ(gguf->get<std::uint32_t>("u8").value(), 200U);
  EXPECT_EQ(gguf->get<std::int32_t>("i8").value(), -3);
  EXPECT_EQ(gguf->get<std::uint64_t>("u16").value(), 60'000U);
  EXPECT_EQ(gguf->get<std::int64_t>("i16").value(), -300);
  EXPECT_EQ(gguf->get<std::uint32_t>("u32").value(), 4'000'000'000U);
  EXPECT_EQ(gguf->get<double>("i32").value(), -70'000);
  EXPECT_EQ(gguf->get<std::uint64_t>("u64").value(), 1ULL << 63U);
  EXPECT_EQ(gguf->get<float>("f32").value(), 0.5F);
  EXPECT_EQ(gguf->get<double>("f64").value(), 0.1);
  EXPECT_TRUE(gguf->get<bool>("bool").value());
  EXPECT_EQ(gguf->get<std::string_view>("string").value(), "text");
  EXPECT_THAT(gguf->get<std::vector<std::string_view>>("array").value(), testing::ElementsAre("a", "bc"));
  EXPECT_FALSE(gguf->maybe<bool>("none").value().has_value());
}

TEST(Gguf, refuses_a_value_that_does_not_fit_what_is_asked) {
  GgufBytes file;
  file.header(0, 4).key_string("text", "a").key("minus", GgufType::i32).raw<std::int32_t>(-1);
  file.key("flag", GgufType::boolean).raw<std::uint8_t>(2);
  file.key("list", GgufType::array).u32(4).u64(1).u32(7);
  const auto gguf = Gguf::parse(file.bytes(), "x.gguf");
  ASSERT_TRUE(gguf);
  const auto text = gguf->get<std::uint32_t>("text");
  ASSERT_FALSE(text);
  EXPECT_EQ(to_string(text.error()), "bad value: x.gguf: key \"text\": met string, expected integer (byte 40)");
  EXPECT_THAT(gguf->get<std::uint32_t>("minus").error().detail, HasSubstr("met -1, expected 0 to 4294967295"));
  EXPECT_THAT(gguf->get<bool>("flag").error().detail, HasSubstr("met byte 2, expected bool"));
  EXPECT_THAT(gguf->get<std::uint32_t>("list").error().detail, HasSubstr("met array of u32, expected integer"));
  EXPECT_THAT(gguf->get<std::vector<bool>>("list").error().detail,
              HasSubstr("element 0: met array of u32, expected bool"));
  EXPECT_THAT(gguf->get<std::vector<std::string_view>>("list").error().detail, HasSubstr("expected array of string"));
  EXPECT_EQ(gguf->get<bool>("none").error().code, Errc::not_found);
}

TEST(Gguf, gives_tensors_row_major_and_in_place) {
  GgufBytes file;
  file.header(2, 1).key_u32("general.alignment", 64);
  file.tensor("a", {64, 3}, 8, 0).tensor("b", {5}, 0, 256).data(256 + 20, 64);
  const auto gguf = Gguf::parse(file.bytes(), "x.gguf");
  ASSERT_TRUE(gguf) << to_string(gguf.error());
  const GgufTensor* a = gguf->tensor("a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->view.shape, (Shape{3, 64}));
  EXPECT_EQ(a->view.dtype, DType::q8_0);
  EXPECT_EQ(a->view.data.size(), 3U * 2 * 34);
  EXPECT_EQ(a->at % 64, 0U);
  EXPECT_EQ(gguf->tensor("b")->view.data.data(), file.bytes().data() + a->at + 256);
  EXPECT_EQ(gguf->tensor("c"), nullptr);
}

TEST(Gguf, refuses_other_formats_versions_and_byte_orders_by_name) {
  GgufBytes png;
  png.text = "\x89PNG\r\n\x1a\n0123456789012345";
  expect_refused(png, Errc::bad_value, R"(not a GGUF file: met "\x89PNG", expected "GGUF")");
  expect_refused(GgufBytes().header(0, 0, 1), Errc::unsupported, "GGUF version 1; expected 2 or 3");
  expect_refused(GgufBytes().header(0, 0, 4), Errc::unsupported, "GGUF version 4; expected 2 or 3");
  expect_refused(GgufBytes().header(0, 0, 3U << 24U), Errc::unsupported, "big-endian GGUF");
  EXPECT_TRUE(Gguf::parse(GgufBytes().header(0, 0, 2).bytes(), "x.gguf"));
}

TEST(Gguf, refuses_every_cut_of_a_file) {
  GgufBytes file;
  file.header(1, 2).key_string("general.architecture", "llama");
  file.key("list", GgufType::array).u32(8).u64(2).string("a").string("bc");
  file.tensor("a", {32}, 0, 0).data(128);
  ASSERT_TRUE(Gguf::parse(file.bytes(), "x.gguf"));
  for (std::size_t size = 0; size < file.text.size(); ++size) {
    // A heap copy of the exact size, so that a sanitizer sees any read past the end.
    const std::vector<std::byte> cut(file.bytes().begin(), file.bytes().begin() + static_cast<std::ptrdiff_t>(size));
    const auto gguf = Gguf::parse(cut, "x.gguf");
    ASSERT_FALSE(gguf) << size;
    EXPECT_EQ(gguf.error().code, Errc::truncated) << size << to_string(gguf.error());
  }
}

TEST(Gguf, refuses_absurd_counts_and_lengths_before_it_reserves) {
  constexpr std::uint64_t huge = 1ULL << 60U;
  expect_refused(GgufBytes().header(huge, 0), Errc::truncated, "tensor count 1152921504606846976, but only 0 bytes");
  expect_refused(GgufBytes().header(0, huge), Errc::truncated, "metadata count 1152921504606846976, but only 0 bytes");
  expect_refused(GgufBytes().header(~0ULL, 0), Errc::bad_value, "tensor count: met 18446744073709551615");
  expect_refused(GgufBytes().header(0, 1).u64(huge).data(64), Errc::bad_value, "expected at most 65535");
  const auto array = [](std::uint32_t type, std::uint64_t count) {
    return GgufBytes().header(0, 1).key("k", GgufType::array).u32(type).u64(count).data(64);
  };
  expect_refused(array(0, huge), Errc::truncated, "array of 1152921504606846976 u8");
  expect_refused(array(12, (1ULL << 61U) + 1), Errc::truncated, "array of 2305843009213693953 f64");
  expect_refused(array(8, huge), Errc::truncated, "array of 1152921504606846976 strings");
  expect_refused(GgufBytes().header(0, 1).key("k", GgufType::string).u64(~0ULL).data(64), Errc::truncated, "string");
  expect_refused(GgufBytes().header(1, 0).u64(257).data(600), Errc::bad_value, "length 257, expected at most 256");
}

TEST(Gguf, refuses_keys_and_tensors_that_stand_twice) {
  expect_refused(GgufBytes().header(0, 2).key_u32("k", 1).key_u32("k", 2), Errc::bad_value, "key \"k\" stands twice");
  expect_refused(GgufBytes().header(2, 0).tensor("a", {8}, 0, 0).tensor("a", {8}, 0, 32).data(64), Errc::bad_value,
                 "tensor \"a\": stands twice");
  expect_refused(GgufBytes().header(0, 1).key("", GgufType::u32).u32(1), Errc::bad_value, "empty key");
}

TEST(Gguf, refuses_unknown_value_types_and_deep_arrays) {
  expect_refused(GgufBytes().header(0, 1).string("k").u32(13).u64(0), Errc::unsupported,
                 "key \"k\": value type 13, expected 0 to 12");
  GgufBytes deep;
  deep.header(0, 1).key("k", GgufType::array);
  for (int i = 0; i < 6; ++i) deep.u32(9).u64(1);
  expect_refused(deep.u32(0).u64(0), Errc::unsupported, "arrays nested deeper than 4");
}

TEST(Gguf, refuses_tensors_with_bad_shapes_and_names_them) {
  expect_refused(GgufBytes().header(1, 0).tensor("a", {8, 1, 1, 1, 1}, 0, 0).data(64), Errc::bad_value,
                 "tensor \"a\": 5 dimensions, expected at most 4");
  expect_refused(GgufBytes().header(1, 0).tensor("a", {8, 0}, 0, 0).data(64), Errc::bad_value, "dimension 1 is 0");
  expect_refused(GgufBytes().header(1, 0).tensor("a", {40}, 2, 0).data(64), Errc::bad_value,
                 "rows of 40 elements, expected a multiple of 32 for type q4_0");
  expect_refused(GgufBytes().header(1, 0).tensor("a", {1ULL << 32U, 1ULL << 32U}, 0, 0).data(64), Errc::bad_value,
                 "multiply to more than 2^63");
  expect_refused(GgufBytes().header(1, 0).tensor("a", {~0ULL}, 0, 0).data(64), Errc::bad_value, "more than 2^63");
}

TEST(Gguf, refuses_tensor_types_that_are_unknown_or_removed) {
  expect_refused(GgufBytes().header(1, 0).tensor("a", {32}, 4, 0).data(64), Errc::unsupported,
                 "type id 4 (q4_2), which was removed");
  expect_refused(GgufBytes().header(1, 0).tensor("a", {32}, 99, 0).data(64), Errc::unsupported, "unknown type id 99");
  expect_refused(GgufBytes().header(1, 0).tensor("a", {32}, 200, 0).data(64), Errc::unsupported, "unknown type id 200");
}

TEST(Gguf, refuses_data_that_is_misaligned_overlapping_or_past_the_end) {
  expect_refused(GgufBytes().header(1, 0).tensor("a", {8}, 0, 16).data(64), Errc::bad_value,
                 "tensor \"a\": data offset 16, expected a multiple of the alignment 32");
  expect_refused(GgufBytes().header(2, 0).tensor("a", {16}, 0, 0).tensor("b", {8}, 0, 32).data(96), Errc::bad_value,
                 "inside tensor \"a\"");
  expect_refused(GgufBytes().header(1, 0).tensor("a", {16}, 0, 32).data(64), Errc::truncated,
                 "64 bytes of data at offset 32 of the data section, which has 64 bytes");
  expect_refused(GgufBytes().header(1, 0).tensor("a", {8}, 0, ~0ULL - 31).data(64), Errc::truncated, "tensor \"a\"");
  for (const std::uint32_t alignment : {0U, 1U, 4U, 24U, 1U << 31U}) {
    expect_refused(GgufBytes().header(0, 1).key_u32("general.alignment", alignment), Errc::bad_value,
                   "key \"general.alignment\": met " + std::to_string(alignment));
  }
}

TEST(Gguf, opens_vocabulary_files_without_tensors) {
  const auto folder = std::filesystem::path(ASSAY_SHARED_DIR) / "tokenizers";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no ../shared/tokenizers here";
  for (const std::string name : {"falcon", "gpt-2", "llama-bpe", "llama-spm", "phi-3", "qwen2", "starcoder"}) {
    const auto gguf = Gguf::open((folder / ("ggml-vocab-" + name + ".gguf")).string());
    ASSERT_TRUE(gguf) << to_string(gguf.error());
    EXPECT_TRUE(gguf->tensors().empty());
    const auto tokens = gguf->get<std::vector<std::string_view>>("tokenizer.ggml.tokens");
    ASSERT_TRUE(tokens) << to_string(tokens.error());
    EXPECT_GT(tokens->size(), 30'000U);
    const auto types = gguf->get<std::vector<std::int32_t>>("tokenizer.ggml.token_type");
    ASSERT_TRUE(types) << to_string(types.error());
    EXPECT_EQ(types->size(), tokens->size());
  }
}

// Part `number` (from 0) of `count`, holding one tensor.
GgufBytes part(std::uint32_t number, std::uint32_t count, std::string_view tensor, std::uint32_t total) {
  GgufBytes file;
  file.header(1, 3).key_u32("split.no", number).key_u32("split.count", count).key_u32("split.tensors.count", total);
  file.tensor(tensor, {8}, 0, 0).data(32);
  return file;
}

TEST(Gguf, opens_a_split_file_by_any_of_its_parts) {
  const std::string folder = fresh_folder(testing::TempDir(), "split");
  const std::string one = write_file(folder + "/m-00001-of-00002.gguf", part(0, 2, "a", 2).text);
  const std::string two = write_file(folder + "/m-00002-of-00002.gguf", part(1, 2, "b", 2).text);
  for (const auto& path : {one, two}) {
    auto gguf = Gguf::open(path);
    ASSERT_TRUE(gguf) << to_string(gguf.error());
    const Gguf moved = std::move(*gguf);
    EXPECT_THAT(moved.files(), testing::ElementsAre(one, two));
    EXPECT_EQ(moved.bytes(), std::filesystem::file_size(one) + std::filesystem::file_size(two));
    ASSERT_EQ(moved.tensors().size(), 2U);
    EXPECT_EQ(moved.tensor("b")->part, 1U);
    EXPECT_EQ(static_cast<char>(moved.tensor("b")->view.data[0]), '\x11');
  }
}

TEST(Gguf, names_the_part_that_is_missing_or_does_not_belong) {
  const std::string folder = fresh_folder(testing::TempDir(), "split_bad");
  const std::string one = write_file(folder + "/m-00001-of-00002.gguf", part(0, 2, "a", 2).text);
  const std::string two = folder + "/m-00002-of-00002.gguf";
  const auto refusal = [](const std::string& path) { return Gguf::open(path).error(); };
  EXPECT_EQ(refusal(one).code, Errc::not_found);
  EXPECT_THAT(refusal(one).detail, HasSubstr("part 2 of 2: " + two));
  write_file(two, part(0, 2, "b", 2).text);
  EXPECT_THAT(refusal(one).detail, HasSubstr("is part 0 of 2"));
  write_file(two, part(1, 3, "b", 2).text);
  EXPECT_THAT(refusal(one).detail, HasSubstr("is part 1 of 3"));
  write_file(two, part(1, 2, "a", 2).text);
  EXPECT_THAT(refusal(one).detail, HasSubstr("tensor \"a\" stands in another part too"));
  write_file(one, part(0, 2, "a", 3).text);
  write_file(two, part(1, 2, "b", 3).text);
  EXPECT_THAT(refusal(one).detail, HasSubstr("2 tensors in all parts, expected 3"));
  std::filesystem::remove(one);
  EXPECT_THAT(refusal(two).detail, HasSubstr("first part of " + two));
  const std::string odd = write_file(folder + "/odd.gguf", part(0, 2, "a", 2).text);
  EXPECT_THAT(refusal(odd).detail, HasSubstr("expected parts named NAME-00001-of-0000N.gguf"));
  EXPECT_THAT(Gguf::parse(part(0, 2, "a", 2).bytes(), "x").error().detail, HasSubstr("is one of 2 parts"));
}

// The numbers fit, the model does not: what a later part says of itself must be what the first one says.
TEST(Gguf, names_a_part_of_another_model) {
  const std::string folder = fresh_folder(testing::TempDir(), "split_other");
  const auto named = [](std::uint32_t number, std::string_view tensor, std::string_view key, std::string_view value) {
    GgufBytes file;
    file.header(1, key.empty() ? 3 : 4).key_u32("split.no", number).key_u32("split.count", 2);
    file.key_u32("split.tensors.count", 2);
    if (!key.empty()) file.key_string(key, value);
    file.tensor(tensor, {8}, 0, 0).data(32);
    return file.text;
  };
  const std::string two = folder + "/m-00002-of-00002.gguf";
  for (const char* key : {"general.architecture", "general.name"}) {
    const std::string one = write_file(folder + "/m-00001-of-00002.gguf", named(0, "a", key, "ours"));
    write_file(two, named(1, "b", key, "theirs"));
    const auto other = Gguf::open(one);
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, Errc::bad_value);
    EXPECT_THAT(other.error().detail, HasSubstr(two + ": is a part of another model: its key \"" + key +
                                                "\" is \"theirs\", expected \"ours\" as in " + one));
    EXPECT_FALSE(Gguf::open(two));
    write_file(two, named(1, "b", key, "ours"));
    EXPECT_TRUE(Gguf::open(one));
    write_file(two, named(1, "b", "", ""));
    EXPECT_TRUE(Gguf::open(one)) << "most say nothing";
  }
}

TEST(Gguf, names_missing_files_directories_and_empty_files) {
  const std::string folder = fresh_folder(testing::TempDir(), "none");
  EXPECT_EQ(Gguf::open(folder + "/none.gguf").error().code, Errc::not_found);
  EXPECT_THAT(Gguf::open(folder).error().detail, HasSubstr("is a directory"));
  EXPECT_THAT(Gguf::open(write_file(folder + "/e.gguf", "")).error().detail, HasSubstr("is empty"));
}

}  // namespace
}  // namespace assay
