#include "checkpoint/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "checkpoint/test_models.h"

namespace assay {
namespace {

using testing::HasSubstr;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

// Header padded to a multiple of 8, then `data` bytes.
std::string file_with(std::string header, std::size_t data) {
  header.append((8 - header.size() % 8) % 8, ' ');
  const std::uint64_t length = header.size();
  std::string out(8, '\0');
  std::memcpy(out.data(), &length, 8);
  return out + header + std::string(data, '\1');
}

void expect_refused(const std::string& file, Errc code, const std::string& says) {
  const auto met = read_safetensors(bytes_of(file));
  ASSERT_FALSE(met) << "expected: " << says;
  EXPECT_EQ(met.error().code, code) << to_string(met.error());
  EXPECT_THAT(met.error().detail, HasSubstr(says));
}

TEST(Safetensors, gives_views_in_the_order_of_the_data) {
  const std::string file = file_with(R"({"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},)"
                                     R"("__metadata__":{"format":"pt"},)"
                                     R"("a":{"data_offsets":[0,8],"shape":[],"dtype":"I64"}})",
                                     20);
  const auto met = read_safetensors(bytes_of(file));
  ASSERT_TRUE(met) << to_string(met.error());
  ASSERT_EQ(met->tensors.size(), 2U);
  EXPECT_EQ(met->tensors[0].name, "a");
  EXPECT_EQ(met->tensors[0].view.shape, Shape{});
  EXPECT_EQ(met->tensors[1].name, "b");
  EXPECT_EQ(met->tensors[1].view.dtype, DType::bf16);
  EXPECT_EQ(met->tensors[1].view.shape, (Shape{2, 3}));
  EXPECT_EQ(met->tensors[1].view.data.data(), bytes_of(file).data() + file.size() - 12);
  EXPECT_EQ(met->metadata.at(0).second, "pt");
}

TEST(Safetensors, refuses_every_cut_of_a_file) {
  const std::string file = file_with(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}})", 12);
  ASSERT_TRUE(read_safetensors(bytes_of(file)));
  for (std::size_t size = 0; size < file.size(); ++size) {
    const std::vector<std::byte> cut(bytes_of(file).begin(),
                                     bytes_of(file).begin() + static_cast<std::ptrdiff_t>(size));
    const auto met = read_safetensors(cut);
    ASSERT_FALSE(met) << size;
    EXPECT_EQ(met.error().code, Errc::truncated) << size;
  }
}

TEST(Safetensors, refuses_absurd_header_lengths_and_other_formats) {
  expect_refused("\x89PNG\r\n\x1a\n0123456789", Errc::bad_value, "not a safetensors file: header length");
  expect_refused(std::string("\0\0\0\0\0\1\0\0{}", 10), Errc::bad_value, "expected at most 100000000");
  expect_refused(std::string("\2\0\0\0\0\0\0\0[]", 10), Errc::bad_value, "header begins with \"[\"");
}

TEST(Safetensors, refuses_headers_that_are_not_what_the_format_says) {
  expect_refused(file_with(R"({"a":})", 0), Errc::bad_value, "expected JSON");
  expect_refused(file_with(R"({"a":[]})", 0), Errc::bad_value, "tensor \"a\": met a list");
  expect_refused(file_with(R"({"a":{"dtype":"F32","shape":[1]}})", 4), Errc::bad_value, "expected the fields");
  expect_refused(file_with(R"({"a":{"dtype":"F32","dtype":"F32"}})", 4), Errc::bad_value, "field stands twice");
  expect_refused(file_with(R"({"a":{"color":1}})", 4), Errc::bad_value, "unknown field \"color\"");
  expect_refused(file_with(R"({"a":{"shape":[-1]}})", 4), Errc::bad_value, "met the number -1");
  expect_refused(file_with(R"({"a":{"shape":[1.5]}})", 4), Errc::bad_value, "met the number 1.5");
  expect_refused(file_with(R"({"a":{"shape":[[1]]}})", 4), Errc::bad_value, "met a list");
  expect_refused(file_with(R"({"a":{"shape":[1,1,1,1,1,1,1,1,1]}})", 4), Errc::bad_value, "at most 8 dimensions");
  expect_refused(file_with(R"({"a":{"data_offsets":[1,2,3]}})", 4), Errc::bad_value, "two data_offsets");
  expect_refused(file_with(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0]}})", 4), Errc::bad_value,
                 "two data_offsets");
  expect_refused(file_with(R"({"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"a":{}})", 4), Errc::bad_value,
                 "tensor \"a\" stands twice");
  expect_refused(file_with(R"({"__metadata__":{"a":1}})", 0), Errc::bad_value, "met a number");
}

TEST(Safetensors, refuses_offsets_that_do_not_agree_with_shape_or_file) {
  const auto one = [](const std::string& shape, const std::string& offsets) {
    return file_with(R"({"a":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}", 8);
  };
  expect_refused(one("[2]", "[0,4]"), Errc::bad_value, "data_offsets 0 to 4, expected 8 bytes");
  expect_refused(one("[2]", "[8,0]"), Errc::bad_value, "data_offsets 8 to 0");
  expect_refused(one("[4]", "[0,16]"), Errc::truncated, "end at 16, but the data section has 8 bytes");
  expect_refused(one("[4294967296,4294967296]", "[0,0]"), Errc::bad_value, "more than 2^64");
  expect_refused(one("[1]", "[4,8]"), Errc::bad_value, "after a gap");
  expect_refused(one("[1]", "[0,4]"), Errc::bad_value, "4 bytes after the last tensor");
  expect_refused(one("[18446744073709551616]", "[0,0]"), Errc::bad_value, "met the number");
  expect_refused(file_with(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                           R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                           8),
                 Errc::bad_value, "tensor \"b\": begins at byte");
}

TEST(Safetensors, refuses_unknown_types) {
  expect_refused(file_with(R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", 1), Errc::unsupported,
                 "tensor \"a\": dtype \"F8_E4M3\"");
}

TEST(Safetensors, takes_data_at_any_byte_as_mlx_writes_it) {
  const std::string file = file_with(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                     R"("b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})",
                                     5);
  const auto met = read_safetensors(bytes_of(file));
  ASSERT_TRUE(met) << to_string(met.error());
  EXPECT_EQ(met->tensors[1].at % 4, 1U);
}

}  // namespace
}  // namespace assay
