#include "checkpoint/gguf_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "checkpoint/gguf_bytes.h"

namespace assay {
namespace {

using testing::HasSubstr;
using testing_bytes::fresh_folder;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

TEST(GgufWriter, writes_what_the_reader_gives_back) {
  const std::string path = fresh_folder(testing::TempDir(), "writer") + "/m.gguf";
  GgufWriter writer(path);
  writer.set("general.architecture", "llama");
  writer.set("n", std::uint32_t{7});
  writer.set("x", 0.25F);
  writer.set("gone", true);
  writer.remove("gone");
  writer.set("flag", true);
  writer.set("tokens", std::vector<std::string>{"a", "", "bcd"});
  writer.set("types", std::vector<std::int32_t>{1, -2});
  writer.set("flags", std::vector<bool>{true, false});
  writer.set("n", std::uint32_t{8});
  writer.add("a", DType::q8_0, {3, 32});
  writer.add("b", DType::f32, {5});
  ASSERT_TRUE(writer.begin());
  const std::string a(3 * 34, 'a');
  const std::string b(20, 'b');
  ASSERT_TRUE(writer.write("a", bytes_of(a.substr(0, 34))));
  ASSERT_TRUE(writer.write("a", bytes_of(a.substr(34))));
  ASSERT_TRUE(writer.write("b", bytes_of(b)));
  EXPECT_FALSE(std::filesystem::exists(path));
  ASSERT_TRUE(writer.finish());

  const auto gguf = Gguf::open(path);
  ASSERT_TRUE(gguf) << to_string(gguf.error());
  EXPECT_EQ(gguf->bytes(), writer.file_bytes().value());
  EXPECT_EQ(gguf->version(), 3U);
  EXPECT_EQ(gguf->metadata().size(), 7U);
  EXPECT_EQ(gguf->get<std::uint32_t>("n").value(), 8U);
  EXPECT_EQ(gguf->find("x")->type, GgufType::f32);
  EXPECT_TRUE(gguf->get<bool>("flag").value());
  EXPECT_THAT(gguf->get<std::vector<std::string_view>>("tokens").value(), testing::ElementsAre("a", "", "bcd"));
  EXPECT_THAT(gguf->get<std::vector<std::int32_t>>("types").value(), testing::ElementsAre(1, -2));
  EXPECT_THAT(gguf->get<std::vector<bool>>("flags").value(), testing::ElementsAre(true, false));
  const auto view = gguf->tensor("a")->view;
  EXPECT_EQ(view.shape, (Shape{3, 32}));
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(view.data.data()), view.data.size()), a);
  EXPECT_EQ(static_cast<char>(gguf->tensor("b")->view.data[19]), 'b');
}

TEST(GgufWriter, copies_values_of_another_file_as_they_are) {
  testing_bytes::GgufBytes file;
  file.header(0, 2).key("list", GgufType::array).u32(8).u64(2).string("a").string("bc").key_string("s", "text");
  const auto source = Gguf::parse(file.bytes(), "x");
  ASSERT_TRUE(source);
  const std::string path = fresh_folder(testing::TempDir(), "writer_copy") + "/m.gguf";
  GgufWriter writer(path);
  for (const auto& [key, value] : source->metadata()) writer.set(key, value);
  ASSERT_TRUE(writer.begin());
  ASSERT_TRUE(writer.finish());
  const auto copy = Gguf::open(path);
  ASSERT_TRUE(copy);
  EXPECT_THAT(copy->get<std::vector<std::string_view>>("list").value(), testing::ElementsAre("a", "bc"));
  EXPECT_EQ(copy->get<std::string_view>("s").value(), "text");
}

TEST(GgufWriter, keeps_the_alignment_that_was_asked_for) {
  const std::string path = fresh_folder(testing::TempDir(), "writer_align") + "/m.gguf";
  GgufWriter writer(path);
  writer.set("general.alignment", std::uint32_t{4096});
  writer.add("a", DType::f32, {1});
  writer.add("b", DType::f32, {1});
  ASSERT_TRUE(writer.begin());
  ASSERT_TRUE(writer.write("a", bytes_of("1234")));
  ASSERT_TRUE(writer.write("b", bytes_of("1234")));
  ASSERT_TRUE(writer.finish());
  const auto gguf = Gguf::open(path);
  ASSERT_TRUE(gguf) << to_string(gguf.error());
  EXPECT_EQ(gguf->tensor("b")->at, 8192U);
}

TEST(GgufWriter, refuses_what_the_reader_would_refuse) {
  const auto refusal = [](auto prepare) {
    GgufWriter writer("unused.gguf");
    prepare(writer);
    const auto begun = writer.begin();
    return begun ? std::string("begun") : begun.error().detail;
  };
  EXPECT_THAT(refusal([](auto& w) { w.add("a", DType::affine4, {32}); }), HasSubstr("type affine4 does not exist"));
  EXPECT_THAT(refusal([](auto& w) { w.add("a", DType::q4_k, {128}); }), HasSubstr("multiple of 256"));
  EXPECT_THAT(refusal([](auto& w) { w.add("a", DType::f32, {0, 4}); }), HasSubstr("dimension of 0"));
  EXPECT_THAT(refusal([](auto& w) { w.add("a", DType::f32, {1ULL << 62U, 8}); }), HasSubstr("too many elements"));
  EXPECT_THAT(refusal([](auto& w) { w.set("general.alignment", std::uint32_t{12}); }), HasSubstr("power of two"));
  EXPECT_THAT(refusal([](auto& w) { w.set("", true); }), HasSubstr("length 0"));
  EXPECT_THAT(refusal([](auto& w) {
                w.add("a", DType::f32, {1});
                w.add("a", DType::f32, {1});
              }),
              HasSubstr("name of its own"));
}

TEST(GgufWriter, refuses_tensors_out_of_turn_too_long_or_missing) {
  const std::string folder = fresh_folder(testing::TempDir(), "writer_order");
  {
    GgufWriter writer(folder + "/m.gguf");
    writer.add("a", DType::f32, {2});
    writer.add("b", DType::f32, {2});
    ASSERT_TRUE(writer.begin());
    EXPECT_THAT(writer.write("b", bytes_of("12345678")).error().detail, HasSubstr("not due, expected \"a\""));
    EXPECT_THAT(writer.write("a", bytes_of("123456789")).error().detail, HasSubstr("expected at most 8"));
    EXPECT_TRUE(writer.write("a", bytes_of("1234")));
    EXPECT_THAT(writer.finish().error().detail, HasSubstr("tensor \"a\": 4 bytes were written, expected 8"));
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder));
}

TEST(GgufWriter, names_path_and_bytes_when_the_disk_is_too_small) {
  GgufWriter writer(fresh_folder(testing::TempDir(), "writer_full") + "/m.gguf");
  writer.add("a", DType::f32, {1ULL << 58U});
  const auto begun = writer.begin();
  ASSERT_FALSE(begun);
  EXPECT_EQ(begun.error().code, Errc::full);
  EXPECT_THAT(begun.error().detail, HasSubstr("m.gguf: needs 1152921504606847"));
}

}  // namespace
}  // namespace assay
