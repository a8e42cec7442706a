#include "schedule/stop_text.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace assay::schedule {
namespace {

TEST(StopText, lets_everything_pass_without_texts) {
  StopText stop({});
  EXPECT_EQ(stop.push("abc").text, "abc");
  EXPECT_EQ(stop.rest(), "");
}

TEST(StopText, holds_back_what_could_be_a_beginning_and_releases_it_when_it_was_none) {
  StopText stop({"\nUser:"});
  EXPECT_EQ(stop.push("Hi.\nU").text, "Hi.");
  EXPECT_EQ(stop.push("se").text, "");
  EXPECT_EQ(stop.push("ful").text, "\nUseful");
  EXPECT_EQ(stop.rest(), "");
}

TEST(StopText, ends_before_a_stop_that_crosses_borders_and_shows_none_of_it) {
  StopText stop({"\nUser:"});
  EXPECT_EQ(stop.push("Hi.\nUs").text, "Hi.");
  const auto out = stop.push("er: next");
  EXPECT_TRUE(out.stopped);
  EXPECT_EQ(out.text, "");
  EXPECT_EQ(stop.rest(), "");
}

TEST(StopText, gives_the_rest_when_the_answer_ends_inside_a_beginning) {
  StopText stop({"END"});
  EXPECT_EQ(stop.push("the EN").text, "the ");
  EXPECT_EQ(stop.rest(), "EN");
}

TEST(StopText, of_several_takes_the_one_that_begins_first) {
  StopText stop({"cd", "bcde", "e"});
  const auto out = stop.push("abcdef");
  EXPECT_TRUE(out.stopped);
  EXPECT_EQ(out.text, "a");
}

// However the text is cut into tokens, what comes out is the text before the first place where a stop text was complete.
TEST(StopText, gives_the_same_for_every_way_to_cut_the_text) {
  Random random(1);
  int stops = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::string> texts(1 + random.below(3));
    for (auto& t : texts) {
      for (std::uint64_t i = 1 + random.below(4); i > 0; --i) t += static_cast<char>('a' + random.below(2));
    }
    std::string whole;
    for (std::uint64_t i = random.below(12); i > 0; --i) whole += static_cast<char>('a' + random.below(3));
    StopText stop(texts);
    std::string shown;
    bool stopped = false;
    std::size_t at = 0;
    while (at < whole.size() && !stopped) {
      const std::size_t n = 1 + random.below(3);
      auto out = stop.push(std::string_view(whole).substr(at, n));
      at = std::min(whole.size(), at + n);
      shown += out.text;
      stopped = out.stopped;
    }
    shown += stop.rest();
    std::size_t first = std::string::npos;
    for (const auto& t : texts) first = std::min(first, std::string_view(whole).substr(0, at).find(t));
    ASSERT_EQ(stopped, first != std::string::npos) << whole;
    ASSERT_EQ(shown, stopped ? whole.substr(0, first) : whole) << whole;
    stops += stopped ? 1 : 0;
  }
  EXPECT_GT(stops, 5000);
}

}  // namespace
}  // namespace assay::schedule
