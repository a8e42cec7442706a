#include "report/matrix_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace assay::measure {
namespace {

using testing::HasSubstr;

// A row that failed on its way, one that went well, and one that was not to be had.
Matrix three_rows() {
  Matrix matrix;
  matrix.machine.chip = "Chip, with a comma";
  Row bad{.subject = {.engine = "bad", .device = "cpu"}, .status = Row::Status::failed, .reason = "it was told to"};
  bad.context_sweep = {{.depth = 8, .reason = "the engine failed before"}};
  Row good{.subject = {.engine = "good", .device = "cpu"}};
  good.rounds = {{.first_ns = 5'000'000, .last_ns = 9'000'000, .prompt_tokens = 4, .output_tokens = 8}};
  good.context_sweep = {{.depth = 8, .rounds = good.rounds}};
  const Row missing{.subject = {.engine = "mlx"}, .status = Row::Status::refused, .reason = "not installed"};
  matrix.rows = {bad, good, missing};
  derive(matrix);
  return matrix;
}

TEST(MatrixOutput, has_a_csv_line_for_every_row_and_every_point_of_a_sweep) {
  const std::string csv = to_csv(three_rows());
  EXPECT_EQ(std::ranges::count(csv, '\n'), 1 + 3 + 2) << "names, rows, and a point of the sweep for two of them";
  EXPECT_THAT(csv, HasSubstr("good,cpu,,fresh,context,8,ok,"));
  EXPECT_THAT(csv, HasSubstr("\"Chip, with a comma\""));
}

TEST(MatrixOutput, says_below_the_table_what_was_refused_and_what_failed) {
  const std::string table = to_table(three_rows());
  EXPECT_THAT(table, HasSubstr("mlx: refused: not installed"));
  EXPECT_THAT(table, HasSubstr("bad: failed: it was told to"));
}

TEST(MatrixOutput, makes_headings_bold_and_failures_red_where_it_may_have_colour) {
  const std::string plain = to_table(three_rows());
  EXPECT_EQ(plain.find('\x1b'), std::string::npos);
  std::string coloured = to_table(three_rows(), Style(true));
  EXPECT_THAT(coloured, HasSubstr("\x1b[1mengine  TTFT ms"));
  EXPECT_THAT(coloured, HasSubstr("\x1b[1;31m  bad: failed: it was told to\x1b[0m\n"));
  for (const char* code : {"\x1b[1m", "\x1b[1;31m", "\x1b[0m"}) {
    for (std::size_t at; (at = coloured.find(code)) != std::string::npos;) coloured.erase(at, std::string(code).size());
  }
  EXPECT_EQ(coloured, plain);
}

TEST(MatrixOutput, tells_an_open_loop_that_was_stopped_from_one_that_says_nothing) {
  Matrix matrix = three_rows();
  matrix.rows[1].open_loop =
      OpenLoop{.rate_per_s = 2, .sent = 9, .reason = std::string(stopped_part) + " after 5.0 s of 60 s"};
  EXPECT_THAT(to_table(matrix), HasSubstr("UNFINISHED: stopped on request after 5.0 s of 60 s"));
  matrix.rows[1].open_loop->reason = "late";
  EXPECT_THAT(to_table(matrix), HasSubstr("INVALID: late"));
}

}  // namespace
}  // namespace assay::measure
