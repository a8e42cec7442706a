#include "base/mapped_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "base/text.h"

namespace assay {
namespace {

std::string temporary(const std::string& name) {
  return (std::filesystem::path(testing::TempDir()) / ("assay_mapped_" + name)).string();
}

std::string written(const std::string& name, const std::string& content) {
  const std::string path = temporary(name);
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

TEST(MappedFile, gives_the_bytes_and_keeps_them_when_moved) {
  auto file = MappedFile::open(written("bytes", "hello"));
  ASSERT_TRUE(file) << to_string(file.error());
  const auto before = file->bytes();
  const MappedFile moved = std::move(*file);
  EXPECT_EQ(moved.bytes().data(), before.data());
  EXPECT_EQ(moved.bytes().size(), 5U);
  EXPECT_EQ(static_cast<char>(moved.bytes()[4]), 'o');
  moved.prefetch(moved.bytes().subspan(3));
}

TEST(MappedFile, names_a_missing_file_a_directory_an_empty_file_and_a_pipe) {
  const auto missing = MappedFile::open(temporary("none"));
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  EXPECT_THAT(missing.error().detail, testing::HasSubstr("assay_mapped_none"));

  const auto directory = MappedFile::open(testing::TempDir());
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, Errc::bad_value);
  EXPECT_THAT(directory.error().detail, testing::HasSubstr("is a directory"));

  const auto empty = MappedFile::open(written("empty", ""));
  ASSERT_FALSE(empty);
  EXPECT_THAT(empty.error().detail, testing::HasSubstr("is empty"));

  const std::string pipe = temporary("pipe");
  std::filesystem::remove(pipe);
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const auto fifo = MappedFile::open(pipe);
  ASSERT_FALSE(fifo);
  EXPECT_THAT(fifo.error().detail, testing::HasSubstr("not a regular file"));
}

TEST(ReadTextFile, reads_whole_files_and_refuses_larger_ones_with_both_numbers) {
  const std::string path = written("text", "abcdef");
  EXPECT_EQ(read_text_file(path, 6).value(), "abcdef");
  const auto large = read_text_file(path, 5);
  ASSERT_FALSE(large);
  EXPECT_EQ(large.error().code, Errc::full);
  EXPECT_THAT(large.error().detail, testing::HasSubstr("6 bytes, expected at most 5"));
  EXPECT_EQ(read_text_file(written("empty", ""), 5).value(), "");
}

TEST(InQuotes, shows_odd_bytes_as_hex_and_cuts_long_text) {
  EXPECT_EQ(in_quotes("a\n\"\xff"), R"("a\x0a\x22\xff")");
  EXPECT_EQ(in_quotes("abcdef", 3), "\"abc...\"");
}

TEST(MappedFile, a_file_that_is_cut_short_while_it_is_read_is_named_under_a_guard) {
  constexpr std::size_t bytes = std::size_t{1} << 20;
  const std::string path = written("cut", std::string(bytes, 'x'));
  const std::string other = written("whole", std::string(bytes, 'y'));
  const auto file = MappedFile::open(path);
  const auto whole = MappedFile::open(other);
  ASSERT_TRUE(file && whole);
  const auto sum = [](const MappedFile& of) {
    std::size_t out = 0;
    for (const std::byte b : of.bytes()) out += std::to_integer<std::size_t>(b);
    return out;
  };
  {
    const CutFileGuard guard;
    EXPECT_EQ(sum(*file), bytes * 'x');
    EXPECT_TRUE(guard.check());
    std::filesystem::resize_file(path, bytes / 4);
    EXPECT_EQ(sum(*file), bytes / 4 * 'x') << "the rest reads as zeros";
    const auto cut = guard.check();
    ASSERT_FALSE(cut);
    EXPECT_EQ(cut.error().code, Errc::truncated);
    EXPECT_THAT(cut.error().detail, testing::AllOf(testing::HasSubstr("assay_mapped_cut: had 1048576 bytes"),
                                                   testing::HasSubstr("cut short")));
    EXPECT_EQ(sum(*whole), bytes * 'y');
    const CutFileGuard inner;
    EXPECT_FALSE(inner.check()) << "its mapping is still of no use";
  }
  {
    auto again = MappedFile::open(path);
    EXPECT_EQ(again->bytes().size(), bytes / 4);
  }
}

TEST(MappedFileDeathTest, without_a_guard_the_program_ends_as_before) {
  const std::string path = written("cut_alone", std::string(1 << 16, 'x'));
  EXPECT_DEATH(
      {
        const auto file = MappedFile::open(path);
        {
          const CutFileGuard guard;
        }
        std::filesystem::resize_file(path, 1);
        const auto last = static_cast<volatile const std::byte*>(&file->bytes().back());
        std::_Exit(std::to_integer<int>(*last));
      },
      "");
}

}  // namespace
}  // namespace assay
