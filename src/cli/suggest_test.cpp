#include "cli/suggest.h"

#include <gtest/gtest.h>

namespace assay::cli {
namespace {

const std::vector<std::string> commands = {"matrix", "run",      "chat",   "models", "engines",
                                           "parity", "tokenize", "render", "doctor"};

TEST(Suggest, DistanceCountsEditsAndSwaps) {
  EXPECT_EQ(distance("run", "run"), 0U);
  EXPECT_EQ(distance("rnu", "run"), 1U);
  EXPECT_EQ(distance("", "run"), 3U);
  EXPECT_EQ(distance("matrx", "matrix"), 1U);
  EXPECT_EQ(distance("kitten", "sitting"), 3U);
}

TEST(Suggest, TheWordThatWasMeantIsNamed) {
  EXPECT_EQ(nearest("rnu", commands), "run");
  EXPECT_EQ(nearest("matrx", commands), "matrix");
  EXPECT_EQ(nearest("model", commands), "models");
  EXPECT_EQ(nearest("tok", commands), "tokenize");
  EXPECT_EQ(nearest("--modle", std::vector<std::string>{"--mirostat", "--model"}), "--model");
  EXPECT_EQ(did_you_mean("rnu", commands), "; did you mean 'run'?");
}

TEST(Suggest, WhatIsNearToNothingGetsNoGuess) {
  for (const char* word : {"xyzzy", "", "x", "serve", "benchmark"}) EXPECT_EQ(nearest(word, commands), "") << word;
  EXPECT_EQ(did_you_mean("xyzzy", commands), "");
}

}  // namespace
}  // namespace assay::cli
