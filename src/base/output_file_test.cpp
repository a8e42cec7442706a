#include "base/output_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "base/mapped_file.h"

namespace assay {
namespace {

std::string fresh_folder(const std::string& name) {
  const auto folder = std::filesystem::path(testing::TempDir()) / ("assay_output_" + name);
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder.string();
}

std::size_t files_in(const std::string& folder) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator()));
}

TEST(OutputFile, appears_whole_when_committed) {
  const std::string path = fresh_folder("whole") + "/a";
  auto file = OutputFile::create(path, 0);
  ASSERT_TRUE(file) << to_string(file.error());
  ASSERT_TRUE(file->write("hello "));
  const std::string large(300'000, 'x');
  ASSERT_TRUE(file->write(large));
  EXPECT_FALSE(std::filesystem::exists(path));
  OutputFile moved = std::move(*file);
  ASSERT_TRUE(moved.write("end"));
  ASSERT_TRUE(moved.commit());
  EXPECT_EQ(moved.written(), 300'009U);
  EXPECT_EQ(read_text_file(path, 1 << 20).value(), "hello " + large + "end");
}

TEST(OutputFile, leaves_the_old_file_and_no_other_when_dropped) {
  const std::string folder = fresh_folder("dropped");
  std::ofstream(folder + "/a") << "old";
  {
    auto file = OutputFile::create(folder + "/a", 0);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write("new"));
  }
  EXPECT_EQ(read_text_file(folder + "/a", 10).value(), "old");
  EXPECT_EQ(files_in(folder), 1U);
}

TEST(OutputFile, a_device_or_a_pipe_is_written_and_never_replaced) {
  auto null = OutputFile::create("/dev/null", 0);
  ASSERT_TRUE(null) << to_string(null.error());
  ASSERT_TRUE(null->write("gone"));
  ASSERT_TRUE(null->commit());
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));

  const std::string pipe = fresh_folder("pipe") + "/p";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  const int reader = ::open(pipe.c_str(), O_RDONLY | O_NONBLOCK);
  auto file = OutputFile::create(pipe, 0);
  ASSERT_TRUE(file) << to_string(file.error());
  ASSERT_TRUE(file->write("through"));
  ASSERT_TRUE(file->commit());
  char got[16] = {};
  EXPECT_EQ(::read(reader, got, sizeof got), 7);
  EXPECT_STREQ(got, "through");
  ::close(reader);
  EXPECT_TRUE(std::filesystem::is_fifo(pipe));
}

#ifdef __linux__
TEST(OutputFile, a_full_device_is_an_error) {
  auto file = OutputFile::create("/dev/full", 0);
  ASSERT_TRUE(file) << to_string(file.error());
  ASSERT_TRUE(file->write("x"));
  const auto done = file->commit();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::full);
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
}
#endif

TEST(OutputFile, the_file_behind_a_link_is_replaced_and_the_link_stays) {
  const std::string folder = fresh_folder("link");
  std::ofstream(folder + "/real") << "old";
  std::filesystem::create_symlink("real", folder + "/link");
  auto file = OutputFile::create(folder + "/link", 0);
  ASSERT_TRUE(file);
  ASSERT_TRUE(file->write("new"));
  ASSERT_TRUE(file->commit());
  EXPECT_TRUE(std::filesystem::is_symlink(folder + "/link"));
  EXPECT_EQ(read_text_file(folder + "/real", 10).value(), "new");
}

TEST(OutputFile, names_a_directory_a_missing_folder_and_a_disk_that_is_too_small) {
  const std::string folder = fresh_folder("refused");
  const auto directory = OutputFile::create(folder, 0);
  ASSERT_FALSE(directory);
  EXPECT_THAT(directory.error().detail, testing::HasSubstr("is a directory"));
  const auto missing = OutputFile::create(folder + "/none/a", 0);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  const auto small = OutputFile::create(folder + "/a", std::uint64_t{1} << 62U);
  ASSERT_FALSE(small);
  EXPECT_EQ(small.error().code, Errc::full);
  EXPECT_THAT(small.error().detail, testing::HasSubstr("needs 4611686018427387904 bytes"));
}

// A file size limit makes the system refuse in the middle, as a full disk does.
TEST(OutputFile, says_how_far_it_came_when_the_disk_is_full) {
  const std::string folder = fresh_folder("full");
  struct rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit limit = before;
  limit.rlim_cur = 500'000;
  auto* const handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  {
    auto file = OutputFile::create(folder + "/a", 900'000);
    ASSERT_TRUE(file) << to_string(file.error());
    const std::string chunk(300'000, 'x');
    EXPECT_TRUE(file->write(chunk));
    const auto refused = file->write(chunk);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::full);
    EXPECT_THAT(refused.error().detail, testing::HasSubstr("500000 bytes were written of 900000"));
  }
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(files_in(folder), 0U);
}

}  // namespace
}  // namespace assay
