#include "measure/parity_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "model/tiny_model.h"

namespace assay::measure {
namespace {

using Activations = Rounding::Activations;
using testing::HasSubstr;

std::vector<Token> text_of(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<Token> out(count);
  for (Token& token : out) token = static_cast<Token>(random.below(97));
  return out;
}

Reference reference_of(const model::Weights& weights, const std::vector<Rounding>& roundings,
                       device::ThreadPool* pool = nullptr) {
  const auto tokens = text_of(24, 5);
  return make_reference(weights, tokens, spread_positions(24, 0), roundings, pool).value();
}

TEST(ParityBound, grows_with_coarser_types_of_activations_and_of_the_cache) {
  const model::TinyModel tiny = model::tiny_model(model::tiny_config(Architecture::llama), 3);
  const std::vector<Rounding> roundings{{Activations::f32, DType::f32},
                                        {Activations::f32, DType::f16},
                                        {Activations::f16, DType::f16},
                                        {Activations::bf16, DType::f16},
                                        {Activations::int8_blocks_of_32, DType::f16},
                                        {Activations::int8_blocks_of_256, DType::f16},
                                        {Activations::int8_blocks_of_256, DType::q8_0}};
  const Reference reference = reference_of(tiny.weights(), roundings);
  ASSERT_EQ(reference.bounds.size(), roundings.size());
  EXPECT_LT(reference.bounds[0].prefill.max_abs, reference.bounds[1].prefill.max_abs);
  EXPECT_LT(reference.bounds[1].prefill.max_abs, reference.bounds[2].prefill.max_abs);
  EXPECT_LT(reference.bounds[2].prefill.max_abs, reference.bounds[3].prefill.max_abs);
  EXPECT_LT(reference.bounds[2].prefill.max_abs, reference.bounds[4].prefill.max_abs);
  EXPECT_LT(reference.bounds[4].prefill.max_abs, reference.bounds[5].prefill.max_abs);
  EXPECT_LT(reference.bounds[5].prefill.max_abs, reference.bounds[6].prefill.max_abs);
  EXPECT_GT(reference.bounds[0].prefill.max_abs, 0);
}

TEST(ParityBound, copies_disturb_nothing_in_the_exact_one_and_threads_change_no_bit) {
  const model::TinyModel tiny = model::tiny_model(model::tiny_config(Architecture::qwen3), 4);
  const model::Weights weights = tiny.weights();
  const auto exact = model::reference_logits(weights, text_of(24, 5), spread_positions(24, 0)).value();
  const std::vector<Rounding> roundings{{Activations::bf16, DType::q8_0}};
  EXPECT_EQ(reference_of(weights, roundings).logits, exact);
  device::ThreadPool pool(3);
  const Reference threaded = reference_of(weights, roundings, &pool);
  EXPECT_EQ(threaded.logits, exact);
  EXPECT_EQ(threaded.bounds[0].prefill.max_abs, reference_of(weights, roundings).bounds[0].prefill.max_abs);
}

// What another draw of the same rounding does must lie within the bound, and half of that bound must be too little
// often enough for it to mean something.
TEST(ParityBound, holds_for_other_draws_of_the_same_rounding_and_is_not_far_away) {
  int beyond_half = 0;
  for (const std::uint64_t seed : {1U, 2U, 3U, 4U, 5U, 6U}) {
    const model::TinyModel tiny = model::tiny_model(model::tiny_config(Architecture::llama), seed);
    const Rounding rounding{Activations::int8_blocks_of_32, DType::f16};
    const Reference reference = reference_of(tiny.weights(), {rounding});
    Random random(seed + 100);
    const auto drawn = model::reference_logits(
        tiny.weights(), reference.tokens, reference.positions,
        {.copies = 1, .disturb = [&](std::uint32_t, const model::SiteValues& at) { disturb(rounding, at, random); }});
    ASSERT_TRUE(drawn);
    const std::vector<float> logits(drawn->begin(), drawn->end());
    const Parity parity = compare(reference.logits, logits, reference.vocab, reference.bounds[0].prefill).value();
    EXPECT_TRUE(parity.holds()) << parity.max_abs << " of " << parity.bound;
    beyond_half += parity.max_abs > parity.bound / 2 ? 1 : 0;
  }
  EXPECT_GE(beyond_half, 1);
}

// Of another model, or too small: never asked for a logit.
class UnfitBackend final : public Backend {
 public:
  UnfitBackend(std::uint32_t vocab, std::uint32_t context) {
    facts_.name = "an engine";
    facts_.vocab = vocab;
    facts_.context = context;
    facts_.batch = 8;
  }
  const BackendFacts& facts() const override { return facts_; }
  Result<void> start(const Batch&) override { return fail(Errc::bug, "start was called"); }
  Result<void> finish(const Rows&) override { return fail(Errc::bug, "finish was called"); }
  Result<void> forget(SeqId, Position, Position) override { return {}; }
  Result<void> share(SeqId, SeqId, Position) override { return {}; }
  MemoryUse memory() const override { return {}; }

 private:
  BackendFacts facts_;
};

TEST(ParityRun, refuses_an_engine_that_cannot_be_compared_before_the_reference_is_computed) {
  const model::TinyModel tiny = model::tiny_model(model::tiny_config(Architecture::llama), 3);
  const auto tokens = text_of(24, 5);
  const auto refusal = [&](std::uint32_t vocab, std::uint32_t context) {
    UnfitBackend backend(vocab, context);
    const auto unasked = [](double) {
      ADD_FAILURE() << "the reference was begun";
      return false;
    };
    const auto result =
        run_parity(backend, tiny.weights(), Rounding{}, tokens, spread_positions(24, 0), unasked, nullptr);
    EXPECT_FALSE(result);
    return result ? "" : to_string(result.error());
  };
  const std::uint32_t vocab = tiny.weights().config.vocab;
  EXPECT_THAT(refusal(vocab + 3, 100), HasSubstr("an engine: a vocabulary of " + std::to_string(vocab + 3)));
  EXPECT_THAT(refusal(vocab, 23), HasSubstr("text has 24 tokens, context holds 23"));
  UnfitBackend fits(vocab, 24);
  EXPECT_THAT(to_string(run_parity(fits, tiny.weights(), Rounding{}, tokens, spread_positions(24, 0)).error()),
              HasSubstr("start was called"));
}

TEST(Rounding, is_read_from_what_an_engine_says_of_itself) {
  BackendFacts facts;
  facts.name = "an engine";
  facts.activations = "q8_k";
  facts.kv_type = "q8_0";
  EXPECT_EQ(rounding_from(facts).value(), (Rounding{Activations::int8_blocks_of_256, DType::q8_0}));
  facts.kv_type = "bf16";
  facts.activations = "f16";
  EXPECT_EQ(rounding_from(facts).value(), (Rounding{Activations::f16, DType::bf16}));
  facts.activations = "";
  EXPECT_THAT(rounding_from(facts).error().detail, HasSubstr("an engine: activations are \"\""));
  facts.activations = "f32";
  facts.kv_type = "q4_0";
  EXPECT_THAT(rounding_from(facts).error().detail, HasSubstr("keys and values are \"q4_0\""));
}

TEST(Rounding, moves_values_by_at_most_half_a_step) {
  Random random(9);
  std::vector<double> values(64);
  for (double& value : values) value = random.normal();
  const std::vector<double> before = values;
  disturb({Activations::int8_blocks_of_32, DType::f16},
          {.site = model::Site::matrix_input, .features = 64, .tokens = 1, .stride = 1, .values = values.data()},
          random);
  for (std::size_t block = 0; block < 2; ++block) {
    double largest = 0;
    double moved = 0;
    for (std::size_t i = 0; i < 32; ++i) {
      largest = std::max(largest, std::abs(before[block * 32 + i]));
      moved = std::max(moved, std::abs(values[block * 32 + i] - before[block * 32 + i]));
    }
    EXPECT_LE(moved, largest / 254 * 1.001);
    EXPECT_GT(moved, largest / 254 * 0.5);
  }
}

}  // namespace
}  // namespace assay::measure
