// What parity must find: a list of wrong models and of bugs that only decode has, each on every architecture that can have
// it. An engine that is wrong in one of these ways and passes would make every "parity holds" worth nothing.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <string>

#include "base/sanitizers.h"
#include "checkpoint/architectures.h"
#include "direct/cpu_backend.h"
#include "measure/parity_run.h"
#include "model/tiny_model.h"
#include "wrong_engine.h"

namespace assay {
namespace {

using measure::Parity;
using measure::Rounding;
constexpr std::uint32_t window = 9;
constexpr std::size_t text_tokens = 96;  // as in a matrix

// As files of that architecture have it: small embeddings beside epsilon, a window with mistral.
ModelConfig config_of(Architecture architecture) {
  ModelConfig config = model::tiny_config(architecture);
  config.rms_eps = architecture == Architecture::llama || architecture == Architecture::mistral ? 1e-5 : 1e-6;
  if (architecture == Architecture::mistral) {
    set_windows(config, window);
  }
  return config;
}

std::string name_of(Architecture architecture) { return std::string(facts_of(architecture).model_type); }

struct Model {
  model::TinyModel tiny;
  measure::Reference reference;
};

const Rounding stated{Rounding::Activations::int8_blocks_of_32, DType::f16};  // the coarsest that is in common use

void scale(std::vector<std::byte>& bytes, float factor) {
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(float)) {
    float value = 0;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    value *= factor;
    std::memcpy(bytes.data() + at, &value, sizeof value);
  }
}

// Each once for all tests: the reference is what takes time.
const Model& model_of(Architecture architecture) {
  static std::map<Architecture, Model> made;
  const auto found = made.find(architecture);
  if (found != made.end()) return found->second;
  Model out{model::tiny_model(config_of(architecture), 7), {}};
  scale(out.tiny.bytes["token_embd.weight"], 0.25F);  // root mean square 0.016
  std::vector<Token> tokens(text_tokens);
  Random random(5);
  for (Token& token : tokens) token = static_cast<Token>(random.below(out.tiny.config.vocab));
  out.reference = measure::make_reference(out.tiny.weights(), tokens, measure::spread_positions(text_tokens, 0),
                                          {&stated, 1}, nullptr, {}, nullptr, true)
                      .value();
  return made.emplace(architecture, std::move(out)).first->second;
}

Parity parity_of(Architecture architecture, const std::function<void(model::Weights&, Bugs&)>& spoil) {
  const Model& model = model_of(architecture);
  model::Weights weights = model.tiny.weights();
  Bugs bugs;
  spoil(weights, bugs);
  WrongEngine engine(std::move(weights), bugs, "q8_0", "f16");
  return measure::parity_against(model.reference, engine, stated).value();
}

enum class Found { in_both, in_decode_only, in_prefill_only };

struct Wrong {
  const char* name;
  std::function<void(model::Weights&, Bugs&)> spoil;
  Found found = Found::in_both;
  std::function<bool(const ModelConfig&)> possible = [](const ModelConfig&) { return true; };
};

bool is_gemma3(const ModelConfig& config) { return config.architecture == Architecture::gemma3; }
bool slides(const ModelConfig& config) { return widest_window(config) != 0; }

const std::vector<Wrong>& wrong_models() {
  using model::Weights;
  static const std::vector<Wrong> list{
      // A window of 9 positions lies where a base that is 1 % off turns nothing yet.
      {"rope base 1 % off", [](Weights& w, Bugs&) { w.config.ropes[0].theta *= 1.01; }, Found::in_both,
       [](const ModelConfig& config) { return !slides(config); }},
      {"rope base 10 % off", [](Weights& w, Bugs&) { w.config.ropes[0].theta *= 1.1; }, Found::in_both,
       [](const ModelConfig& config) { return !slides(config); }},
      {"scores scaled 1 % off",
       [](Weights& w, Bugs&) { each_attention(w.config, [](Attention& a) { a.scale *= 0.99; }); }},
      // Beside a scaled embedding it is too small to be seen.
      {"epsilon ten times as large", [](Weights& w, Bugs&) { w.config.rms_eps *= 10; }, Found::in_both,
       [](const ModelConfig& config) { return config.embedding_scale == 1; }},
      {"rope pairs of the other kind",
       [](Weights& w, Bugs&) {
         w.config.rope_pairs = w.config.rope_pairs == RopePairs::adjacent ? RopePairs::halves : RopePairs::adjacent;
       }},
      {"window one larger", [](Weights& w, Bugs&) { set_windows(w.config, window + 1, slides_of(w.config)); },
       Found::in_both, slides},
      {"window one smaller", [](Weights& w, Bugs&) { set_windows(w.config, window - 1, slides_of(w.config)); },
       Found::in_both, slides},
      {"no window", [](Weights& w, Bugs&) { set_windows(w.config, 0); }, Found::in_both, slides},
      {"a window of half the text", [](Weights& w, Bugs&) { set_windows(w.config, text_tokens / 2); }, Found::in_both,
       [](const ModelConfig& config) { return !slides(config); }},
      {"keys' and values' heads swapped", [](Weights&, Bugs& bugs) { bugs.kv_heads_swapped = true; }},
      {"the last layer skipped", [](Weights& w, Bugs& bugs) { bugs.layer_skipped = w.config.layer_count() - 1; }},
      {"the first layer skipped", [](Weights&, Bugs& bugs) { bugs.layer_skipped = 0; }},
      {"no rope of their own for layers that slide",
       [](Weights& w, Bugs&) { w.config.ropes.back().theta = w.config.ropes.front().theta; }, Found::in_both,
       is_gemma3},
      {"the scaling of the rope left out", [](Weights& w, Bugs&) { w.config.ropes[0].scaling = {}; }, Found::in_both,
       is_gemma3},
      {"the embedding's scale left out", [](Weights& w, Bugs&) { w.config.embedding_scale = 1; }, Found::in_both,
       is_gemma3},
      {"no norm behind one layer's attention", [](Weights& w, Bugs&) { w.layers[1].attention_post_norm = {}; },
       Found::in_both, is_gemma3},
      {"the two norms of one layer's feed-forward block swapped",
       [](Weights& w, Bugs&) { std::swap(w.layers[0].ffn_norm, w.layers[0].ffn_post_norm); }, Found::in_both,
       is_gemma3},
      {"SiLU in place of GELU",
       [](Weights& w, Bugs&) { each_dense(w.config, [](Dense& d) { d.activation = Activation::silu; }); },
       Found::in_both, is_gemma3},
      {"gate and up swapped", [](Weights&, Bugs& bugs) { bugs.gate_and_up_swapped = true; }},
      {"one layer's norm taken from another",
       [](Weights& w, Bugs&) { w.layers[1].attention_norm = w.layers[0].attention_norm; }},
      {"the feed-forward's norm in place of the attention's",
       [](Weights& w, Bugs&) { w.layers[0].attention_norm = w.layers[0].ffn_norm; }},
      {"the output norm of a layer", [](Weights& w, Bugs&) { w.output_norm = w.layers[0].ffn_norm; }},
      {"one head not normed", [](Weights&, Bugs& bugs) { bugs.first_head_not_normed = true; }, Found::in_both,
       [](const ModelConfig& config) { return attention_of(config.layers[0]).qk_norm; }},
      {"no norm of one layer's keys", [](Weights& w, Bugs&) { w.layers[0].k_norm = {}; }, Found::in_both,
       [](const ModelConfig& config) { return attention_of(config.layers[0]).qk_norm; }},
      {"keys normed as queries", [](Weights& w, Bugs&) { w.layers[0].k_norm = w.layers[0].q_norm; }, Found::in_both,
       [](const ModelConfig& config) { return attention_of(config.layers[0]).qk_norm; }},
      {"one layer's bias of values missing", [](Weights& w, Bugs&) { w.layers[1].v_bias = {}; }, Found::in_both,
       [](const ModelConfig& config) { return attention_of(config.layers[0]).bias; }},
      {"every token sees the next one", [](Weights&, Bugs& bugs) { bugs.sees_the_next_token = true; }, Found::in_both},
      {"a batch forgets what was before it", [](Weights&, Bugs& bugs) { bugs.batch_forgets_before = true; },
       Found::in_both, [](const ModelConfig& config) { return !slides(config); }},
      {"decode one position too far", [](Weights&, Bugs& bugs) { bugs.decode_position = 1; }, Found::in_decode_only},
      {"decode overwrites the last keys and values", [](Weights&, Bugs& bugs) { bugs.decode_overwrites = true; },
       Found::in_decode_only},
      {"decode does not see its own position", [](Weights&, Bugs& bugs) { bugs.decode_misses_itself = true; },
       Found::in_decode_only},
      {"decode does not see the first position", [](Weights&, Bugs& bugs) { bugs.decode_misses_the_first = true; },
       Found::in_decode_only, [](const ModelConfig& config) { return !slides(config); }},
      {"decode without the window", [](Weights&, Bugs& bugs) { bugs.decode_without_window = true; },
       Found::in_decode_only, slides},
  };
  return list;
}

class ParityPower : public ::testing::TestWithParam<Architecture> {};

TEST_P(ParityPower, a_right_engine_holds_in_prefill_and_in_decode) {
  const Parity parity = parity_of(GetParam(), [](model::Weights&, Bugs&) {});
  EXPECT_TRUE(parity.holds()) << parity.complaint();
  ASSERT_TRUE(parity.decode);
  EXPECT_EQ(parity.decode->positions, measure::decode_steps);
  EXPECT_LT(parity.max_abs, 1e-4) << "plain loops in double precision";
}

TEST_P(ParityPower, every_wrong_model_on_the_list_fails) {
  const ModelConfig config = config_of(GetParam());
  // A sanitizer sees all there is in a few of them, and takes minutes for all.
  const std::size_t every = address_sanitizer || thread_sanitizer ? 7 : 1;
  for (std::size_t i = 0; i < wrong_models().size(); i += every) {
    const Wrong& wrong = wrong_models()[i];
    if (!wrong.possible(config)) continue;
    const Parity parity = parity_of(GetParam(), wrong.spoil);
    EXPECT_FALSE(parity.holds()) << wrong.name << ": " << parity.rms_times() << " and in decode "
                                 << parity.decode->rms_times() << " times the rounding";
    if (wrong.found == Found::in_decode_only) {
      EXPECT_TRUE(parity.Agreement::holds()) << wrong.name << ": " << parity.complaint();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, ParityPower,
                         ::testing::Values(Architecture::llama, Architecture::mistral, Architecture::qwen2,
                                           Architecture::qwen3, Architecture::gemma3),
                         [](const auto& instance) { return name_of(instance.param); });

}  // namespace
}  // namespace assay
