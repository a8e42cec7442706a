// Tiny models of every architecture against logits of an independent implementation (tools/golden/models.py).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/json.h"
#include "checkpoint/checkpoint.h"
#include "direct/cpu_backend.h"
#include "measure/parity_run.h"
#include "model/reference.h"
#include "model/weights.h"

namespace assay {
namespace {

namespace fs = std::filesystem;

struct Golden {
  std::vector<std::int32_t> tokens;
  std::vector<std::uint32_t> positions;
  std::vector<double> logits;
};

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Golden read_golden(const fs::path& folder) {
  const Json json = parse_json(slurp(folder / "logits.json"), "logits.json").value();
  Golden golden;
  golden.tokens = json["tokens"].get<std::vector<std::int32_t>>();
  golden.positions = json["positions"].get<std::vector<std::uint32_t>>();
  for (const Json& row : json["logits"]) {
    for (const Json& value : row) golden.logits.push_back(value.get<double>());
  }
  return golden;
}

class GoldenModel : public testing::TestWithParam<std::string> {
 protected:
  fs::path folder() const { return fs::path(ASSAY_SOURCE_DIR) / "tests/golden/models" / GetParam(); }
};

// The other implementation rounds every operation to f32: 2 layers of a few dozen operations on values below 10.
constexpr double float_noise = 2e-4;

void expect_reference_agrees(const fs::path& folder, const Golden& golden) {
  const auto checkpoint = Checkpoint::open(folder.string());
  ASSERT_TRUE(checkpoint) << to_string(checkpoint.error());
  const auto weights =
      model::bind(checkpoint->config(), [&](std::string_view name) { return checkpoint->tensor(name); });
  ASSERT_TRUE(weights) << to_string(weights.error());
  const auto logits = model::reference_logits(*weights, golden.tokens, golden.positions);
  ASSERT_TRUE(logits);
  ASSERT_EQ(logits->size(), golden.logits.size());
  double largest = 0;
  for (std::size_t i = 0; i < logits->size(); ++i)
    largest = std::max(largest, std::abs((*logits)[i] - golden.logits[i]));
  EXPECT_LT(largest, float_noise);
}

TEST_P(GoldenModel, the_reference_agrees_from_a_config_of_transformers_5) {
  expect_reference_agrees(folder(), read_golden(folder()));
}

TEST_P(GoldenModel, the_reference_agrees_from_a_config_of_transformers_4) {
  const fs::path copy = fs::path(testing::TempDir()) / ("assay_transformers4_" + GetParam());
  fs::create_directories(copy);
  const auto overwrite = fs::copy_options::overwrite_existing;
  fs::copy_file(folder() / "config.transformers4.json", copy / "config.json", overwrite);
  fs::copy_file(folder() / "model.safetensors", copy / "model.safetensors", overwrite);
  expect_reference_agrees(copy, read_golden(folder()));
  fs::remove_all(copy);
}

TEST_P(GoldenModel, direct_agrees_within_the_bound_for_both_types_of_keys_and_values) {
  const auto checkpoint = Checkpoint::open(folder().string());
  ASSERT_TRUE(checkpoint) << to_string(checkpoint.error());
  const auto weights =
      model::bind(checkpoint->config(), [&](std::string_view name) { return checkpoint->tensor(name); });
  ASSERT_TRUE(weights);
  const Golden golden = read_golden(folder());
  const auto backend = direct::make_cpu_backend(*weights, {.context = 64, .batch = 16, .threads = 2});
  ASSERT_TRUE(backend) << to_string(backend.error());
  const auto parity = measure::run_parity(**backend, *weights, measure::rounding_from((*backend)->facts()).value(),
                                          golden.tokens, golden.positions);
  ASSERT_TRUE(parity);
  RecordProperty("max_abs", std::to_string(parity->max_abs));
  EXPECT_TRUE(parity->holds()) << "max_abs " << parity->max_abs << ", bound " << parity->bound << ", unexplained "
                               << parity->unexplained;
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const auto& entry : fs::directory_iterator(fs::path(ASSAY_SOURCE_DIR) / "tests/golden/models")) {
    if (entry.is_directory()) out.push_back(entry.path().filename().string());
  }
  std::ranges::sort(out);
  return out;
}

INSTANTIATE_TEST_SUITE_P(All, GoldenModel, testing::ValuesIn(names()), [](const auto& test) {
  std::string name = test.param;
  std::ranges::replace(name, '-', '_');
  return name;
});

}  // namespace
}  // namespace assay
