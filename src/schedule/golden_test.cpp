// The chain against tests/golden/sampling.json, which numpy computed in float64 (tools/golden_sampling.py).
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "base/json.h"
#include "schedule/sampler.h"

namespace assay::schedule {
namespace {

Sampling settings_of(const Json& j) {
  Sampling s;
  auto number = [&](const char* name, float& field) {
    if (j.contains(name)) field = j[name].get<float>();
  };
  auto count = [&](const char* name, std::uint32_t& field) {
    if (j.contains(name)) field = j[name].get<std::uint32_t>();
  };
  number("temperature", s.temperature);
  count("top_k", s.top_k);
  number("top_p", s.top_p);
  number("min_p", s.min_p);
  number("typical_p", s.typical_p);
  number("repetition_penalty", s.repetition_penalty);
  number("presence_penalty", s.presence_penalty);
  number("frequency_penalty", s.frequency_penalty);
  count("penalty_window", s.penalty_window);
  number("dry_multiplier", s.dry_multiplier);
  number("dry_base", s.dry_base);
  count("dry_allowed_length", s.dry_allowed_length);
  if (j.contains("dry_breakers")) s.dry_breakers = j["dry_breakers"].get<std::vector<Token>>();
  number("xtc_probability", s.xtc_probability);
  number("xtc_threshold", s.xtc_threshold);
  count("mirostat", s.mirostat);
  number("mirostat_tau", s.mirostat_tau);
  if (j.contains("logit_bias")) s.logit_bias = j["logit_bias"].get<std::vector<std::pair<Token, float>>>();
  return s;
}

TEST(Golden, the_chain_leaves_what_numpy_leaves) {
  std::ifstream file(ASSAY_SOURCE_DIR "/tests/golden/sampling.json");
  std::stringstream text;
  text << file.rdbuf();
  const Json golden = parse_json(text.str(), "sampling.json").value();
  ASSERT_GT(golden["cases"].size(), 80U);
  SampleScratch scratch;
  for (const auto& c : golden["cases"]) {
    const auto logits = golden["logits"][c["logits"].get<std::size_t>()].get<std::vector<float>>();
    const auto history = c["history"].get<std::vector<Token>>();
    const Sampling s = settings_of(c["sampling"]);
    ASSERT_TRUE(check_sampling(s, static_cast<std::uint32_t>(logits.size())));
    SamplerState state(s);
    const auto met = distribution(s, state, {logits, history, 0, {}, {}, "golden"}, scratch).value();
    ASSERT_EQ(met.size(), c["ids"].size()) << c.dump();
    // By id: two that are equal in float64 but for rounding may change places.
    std::map<Token, double> expected;
    for (std::size_t i = 0; i < met.size(); ++i) expected[c["ids"][i].get<Token>()] = c["p"][i].get<double>();
    for (std::size_t i = 0; i < met.size(); ++i) {
      ASSERT_TRUE(expected.contains(met[i].id)) << c["sampling"].dump() << " kept " << met[i].id;
      EXPECT_NEAR(met[i].p, expected[met[i].id], 1e-6) << c["sampling"].dump();
      EXPECT_NEAR(met[i].p, c["p"][i].get<double>(), 1e-6) << c["sampling"].dump();
    }
  }
}

}  // namespace
}  // namespace assay::schedule
