#include "cli/terminal/history.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

namespace assay::cli {
namespace {

class HistoryFile : public testing::Test {
 protected:
  std::string file = (std::filesystem::path(testing::TempDir()) / "assay_history_test" / "chat_history").string();
  void SetUp() override { std::filesystem::remove_all(std::filesystem::path(file).parent_path()); }
  void TearDown() override { SetUp(); }
  void write(std::string_view text) const {
    std::filesystem::create_directories(std::filesystem::path(file).parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }
  std::string bytes() const {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  unsigned mode() const {
    struct stat now{};
    return ::stat(file.c_str(), &now) == 0 ? now.st_mode & 07777 : 0;
  }
};

TEST_F(HistoryFile, EntriesOfSeveralLinesComeBackAsTheyWere) {
  const std::vector<std::string> entries = {"one", "two\nlines", "back\\slash\\n", "\u4F60"};
  {
    History history(file);
    EXPECT_EQ(history.size(), 0U);
    for (const auto& entry : entries) ASSERT_TRUE(history.add(entry));
    ASSERT_TRUE(history.add("\u4F60"));  // again: once is enough
  }
  const History again(file);
  ASSERT_EQ(again.size(), entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) EXPECT_EQ(again.at(i), entries[i]);
  EXPECT_EQ(mode(), 0600U);
}

TEST_F(HistoryFile, AFileThatOthersCouldReadIsClosedToThem) {
  write("old\n");
  ::chmod(file.c_str(), 0644);
  History history(file);
  ASSERT_TRUE(history.add("new"));
  EXPECT_EQ(mode(), 0600U);
  EXPECT_EQ(bytes(), "old\nnew\n");
}

TEST_F(HistoryFile, WhatLibeditWroteIsReadAndWrittenAnew) {
  write("_HiStOrY_V2_\nwhat\\040is\\040it?\\012\nback\\134slash\\012\n");
  History history(file);
  ASSERT_EQ(history.size(), 2U);
  EXPECT_EQ(history.at(0), "what is it?");
  EXPECT_EQ(history.at(1), "back\\slash");
  ASSERT_TRUE(history.add("new"));
  EXPECT_EQ(bytes(), "what is it?\nback\\\\slash\nnew\n");
  EXPECT_EQ(mode(), 0600U);
}

TEST_F(HistoryFile, TheOldestGoWhereThereAreTooMany) {
  std::string text;
  for (std::size_t i = 0; i < History::entries_max + 5; ++i) text += std::to_string(i) + "\n";
  write(text);
  History history(file);
  EXPECT_EQ(history.size(), History::entries_max);
  EXPECT_EQ(history.at(0), "5");
  ASSERT_TRUE(history.add("new"));
  EXPECT_TRUE(bytes().starts_with("5\n"));
  EXPECT_TRUE(bytes().ends_with("new\n"));
}

TEST_F(HistoryFile, TwoProgramsAddToOneFile) {
  History one(file);
  History two(file);
  ASSERT_TRUE(one.add("from one"));
  ASSERT_TRUE(two.add("from two"));
  EXPECT_EQ(bytes(), "from one\nfrom two\n");
}

TEST_F(HistoryFile, AnEntryIsFoundBackwards) {
  History history("");
  for (const char* entry : {"alpha", "beta", "alphabet"}) ASSERT_TRUE(history.add(entry));
  EXPECT_EQ(history.find_back("alpha", 3), 2U);
  EXPECT_EQ(history.find_back("alpha", 2), 0U);
  EXPECT_EQ(history.find_back("gamma", 3), std::nullopt);
}

TEST_F(HistoryFile, AFileThatCannotBeWrittenIsNamed) {
  write("x\n");
  History history(file + "/below/a/file");
  const auto done = history.add("new");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Errc::io);
  EXPECT_NE(done.error().detail.find(file), std::string::npos);
  EXPECT_EQ(history.at(0), "new");  // while the program runs it is there
}

}  // namespace
}  // namespace assay::cli
