#include "base/style.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace assay {
namespace {

class UseColour : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TERM"}) ::unsetenv(name);
  }
  void TearDown() override { SetUp(); }
};

TEST_F(UseColour, IsForTerminalsUnlessAsked) {
  EXPECT_TRUE(use_colour(Colour::automatic, true));
  EXPECT_FALSE(use_colour(Colour::automatic, false));
  EXPECT_TRUE(use_colour(Colour::always, false));
  EXPECT_FALSE(use_colour(Colour::never, true));
}

TEST_F(UseColour, FollowsTheVariablesThatPeopleSet) {
  ::setenv("NO_COLOR", "", 1);  // empty: as if it were unset
  EXPECT_TRUE(use_colour(Colour::automatic, true));
  ::setenv("CLICOLOR_FORCE", "1", 1);
  EXPECT_TRUE(use_colour(Colour::automatic, false));
  ::setenv("NO_COLOR", "1", 1);
  EXPECT_FALSE(use_colour(Colour::automatic, true));
  EXPECT_TRUE(use_colour(Colour::always, true));  // an option is nearer than a variable
  SetUp();
  ::setenv("CLICOLOR", "0", 1);
  EXPECT_FALSE(use_colour(Colour::automatic, true));
  SetUp();
  ::setenv("TERM", "dumb", 1);
  EXPECT_FALSE(use_colour(Colour::automatic, true));
}

TEST(Style, IsNothingWhereItIsOff) {
  EXPECT_EQ(Style(false).bad("x"), "x");
  EXPECT_EQ(Style(true).bad("x"), "\x1b[1;31mx\x1b[0m");
  EXPECT_EQ(Style(true).bold(""), "");
}

}  // namespace
}  // namespace assay
