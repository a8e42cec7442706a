// How often a matrix of engines that are all the same names a fastest one: at most five times in a hundred, although the two
// best of them are picked first.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "record/record.h"
#include "report/story.h"

namespace assay::measure::report {
namespace {

Matrix equal_engines(std::size_t engines, std::size_t rounds, Random& random) {
  Matrix out;
  for (std::size_t e = 0; e < engines; ++e) {
    Row row;
    row.subject.engine = std::string("engine ") + static_cast<char>('a' + e);
    row.subject.device = "cpu";
    row.prompt_tokens = 512;
    row.output_tokens = 65;
    for (std::size_t r = 0; r < rounds; ++r) {
      const auto step_ns = static_cast<std::int64_t>(20e6 * (1 + 0.03 * random.normal()));
      row.rounds.push_back({.sent_ns = 0,
                            .first_ns = 1'000'000'000,
                            .last_ns = 1'000'000'000 + 64 * step_ns,
                            .prompt_tokens = 512,
                            .output_tokens = 65});
    }
    out.rows.push_back(row);
  }
  out.settings.prompt_tokens = 512;
  out.settings.output_tokens = 65;
  out.settings.rounds = static_cast<std::uint32_t>(rounds);
  derive(out);
  return out;
}

TEST(EqualEngines, are_rarely_called_fastest) {
  Random random(11);
  constexpr int trials = 500;
  for (const std::size_t engines : {2U, 3U, 5U}) {
    for (const std::size_t rounds : {3U, 5U, 6U, 9U, 15U}) {
      int called = 0;
      for (int trial = 0; trial < trials; ++trial) {
        const Matrix matrix = equal_engines(engines, rounds, random);
        called += verdict_of(matrix, naming_of(matrix)).headline.find("fastest") != std::string::npos ? 1 : 0;
      }
      EXPECT_LE(called, trials * 5 / 100) << engines << " engines, " << rounds << " rounds";
      if (rounds < interval_values_min) {
        EXPECT_EQ(called, 0) << "too few rounds to say anything";
      }
    }
  }
}

}  // namespace
}  // namespace assay::measure::report
