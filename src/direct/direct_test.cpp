#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/sanitizers.h"
#include "direct/cpu_backend.h"
#include "kernel/quant/dequantize.h"
#include "model/reference.h"
#include "model/tiny_model.h"

namespace assay::direct {
namespace {

using model::tiny_config;
using model::tiny_model;
using model::TinyModel;

std::vector<Token> text_of(std::size_t n, std::uint32_t salt = 7) {
  std::vector<Token> tokens(n);
  for (std::size_t i = 0; i < n; ++i) tokens[i] = static_cast<Token>((i * 31 + i * i * 3 + salt) % 97);
  return tokens;
}

std::unique_ptr<Backend> backend_of(const TinyModel& model, CpuOptions options = {}) {
  if (options.threads == 0) options.threads = 2;
  auto backend = make_cpu_backend(model.weights(), options);
  EXPECT_TRUE(backend) << to_string(backend.error());
  return std::move(*backend);
}

std::vector<Slot> slots_of(SeqId seq, Position from, std::span<const Token> tokens, bool all_logits) {
  std::vector<Slot> slots;
  slots.reserve(tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    slots.push_back({seq, from + static_cast<Position>(i), tokens[i], logits_if(all_logits || i + 1 == tokens.size())});
  }
  return slots;
}

// f32 rows as q8_0 blocks: an f16 scale and 32 signed bytes.
std::vector<std::byte> as_q8_0(const std::vector<float>& values, std::size_t) {
  std::vector<std::byte> out;
  for (std::size_t i = 0; i < values.size(); i += 32) {
    float largest = 0;
    for (std::size_t j = 0; j < 32; ++j) largest = std::max(largest, std::abs(values[i + j]));
    const std::uint16_t half = float_to_half(largest / 127);
    const float scale = half_to_float(half);
    out.push_back(static_cast<std::byte>(half & 255));
    out.push_back(static_cast<std::byte>(half >> 8));
    for (std::size_t j = 0; j < 32; ++j) {
      const long q = scale > 0 ? std::lround(values[i + j] / scale) : 0;
      out.push_back(static_cast<std::byte>(std::clamp(q, -127L, 127L)));
    }
  }
  return out;
}

// Logits of every position, computed in chunks of the given sizes (the last size repeats).
std::vector<float> logits_in_chunks(Backend& backend, SeqId seq, const std::vector<Token>& tokens,
                                    const std::vector<std::size_t>& chunks) {
  std::vector<float> out;
  Logits logits;
  std::size_t done = 0;
  for (std::size_t i = 0; done < tokens.size(); ++i) {
    const std::size_t n = std::min(chunks[std::min(i, chunks.size() - 1)], tokens.size() - done);
    const auto result =
        backend.forward(slots_of(seq, static_cast<Position>(done), std::span(tokens).subspan(done, n), true), logits);
    EXPECT_TRUE(result) << to_string(result.error());
    out.insert(out.end(), logits.values.begin(), logits.values.end());
    done += n;
  }
  return out;
}

double largest_difference(const std::vector<double>& a, const std::vector<float>& b) {
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - static_cast<double>(b[i])));
  return largest;
}

std::vector<double> reference_all(const TinyModel& model, const std::vector<Token>& tokens) {
  std::vector<std::uint32_t> positions(tokens.size());
  for (std::uint32_t i = 0; i < positions.size(); ++i) positions[i] = i;
  return model::reference_logits(model.weights(), tokens, positions).value();
}

// f32 weights meet no 8-bit rounding: what is left is f32 sums and f16 keys and values (2^-11 relative each).
TEST(CpuBackend, agrees_with_the_reference_for_every_architecture) {
  for (const auto architecture :
       {Architecture::llama, Architecture::mistral, Architecture::qwen2, Architecture::qwen3, Architecture::gemma3}) {
    ModelConfig config = tiny_config(architecture);
    if (architecture == Architecture::mistral) {
      set_windows(config, 24, {true, false});
    }
    const TinyModel model = tiny_model(config, 11);
    const auto tokens = text_of(70);
    const auto backend = backend_of(model);
    const auto logits = logits_in_chunks(*backend, 0, tokens, {33, 1, 1, 7});
    EXPECT_LT(largest_difference(reference_all(model, tokens), logits), 0.01) << static_cast<int>(architecture);
  }
}

// At 1024 columns the products go through a batch in spans of 96 tokens (floats) or 252 (8-bit blocks).
TEST(CpuBackend, agrees_with_the_reference_in_one_long_prefill_of_a_wide_model) {
  ModelConfig config = tiny_config(Architecture::qwen3);
  config.hidden = 1024;
  config.layers.resize(1);
  const auto tokens = text_of(600);
  const TinyModel plain = tiny_model(config, 21);
  const auto whole = logits_in_chunks(*backend_of(plain, {.batch = 600}), 0, tokens, {600});
  const std::vector<std::uint32_t> positions{0, 95, 96, 97, 191, 192, 251, 252, 383, 384, 503, 504, 575, 576, 599};
  const auto expected = model::reference_logits(plain.weights(), tokens, positions).value();
  for (std::size_t i = 0; i < positions.size(); ++i) {
    for (std::size_t v = 0; v < config.vocab; ++v) {
      ASSERT_NEAR(whole[positions[i] * config.vocab + v], expected[i * config.vocab + v], 0.01)
          << "position " << positions[i] << " token " << v;
    }
  }
  const TinyModel blocks = tiny_model(config, 21, DType::q8_0, as_q8_0);
  const auto once = logits_in_chunks(*backend_of(blocks, {.batch = 600}), 0, tokens, {600});
  EXPECT_EQ(logits_in_chunks(*backend_of(blocks), 0, tokens, {7, 83, 100, 61}), once);
}

TEST(CpuBackend, gives_the_same_bits_for_every_chunking_thread_count_and_company) {
  for (const auto kv : {kernel::KvType::f16, kernel::KvType::q8_0}) {
    // f16 keys and values beside 8-bit weights, q8_0 beside f32 ones: both kinds of activations are met.
    const TinyModel model = kv == kernel::KvType::f16
                                ? tiny_model(tiny_config(Architecture::qwen3), 12, DType::q8_0, as_q8_0)
                                : tiny_model(tiny_config(Architecture::qwen2), 12);
    const auto tokens = text_of(90);
    const auto alone = logits_in_chunks(*backend_of(model, {.threads = 1, .kv = kv}), 0, tokens, {90});
    for (const std::uint32_t threads : {1U, 2U, 3U, 5U}) {
      const auto backend = backend_of(model, {.threads = threads, .kv = kv});
      EXPECT_EQ(logits_in_chunks(*backend, 0, tokens, {1}), alone) << threads;
      ASSERT_TRUE(backend->forget(0, 0, ~0U));
      EXPECT_EQ(logits_in_chunks(*backend, 0, tokens, {17, 40, 3, 13}), alone) << threads;
    }
    // In one batch with other sequences that are at other places.
    const auto backend = backend_of(model, {.sequences = 3, .kv = kv});
    Logits logits;
    std::vector<float> got;
    for (std::size_t step = 0; step < tokens.size(); ++step) {
      std::vector<Slot> slots;
      const auto add = [&](SeqId seq, std::size_t from, std::size_t n, const std::vector<Token>& text, bool wants) {
        for (std::size_t i = 0; i < n; ++i) {
          slots.push_back({seq, static_cast<Position>(from + i), text[(from + i) % text.size()], logits_if(wants)});
        }
      };
      add(2, step * 5, 5, text_of(400, 3), false);
      add(0, step, 1, tokens, true);
      add(1, step * 2, 2, text_of(200, 50), false);
      ASSERT_TRUE(backend->forward(slots, logits));
      got.insert(got.end(), logits.values.begin(), logits.values.end());
    }
    EXPECT_EQ(got, alone);
  }
}

TEST(CpuBackend, gives_the_same_bits_where_positions_are_split_over_threads) {
  ModelConfig config = tiny_config(Architecture::qwen3);
  each_attention(config, [](Attention& a) { a.kv_heads = 1; });  // fewer tasks than threads
  set_windows(config, 300, {false, true});
  const TinyModel model = tiny_model(config, 19);
  const auto tokens = text_of(1100);
  const auto last_of = [&](std::uint32_t threads) {
    const auto backend = backend_of(model, {.threads = threads});
    Logits logits;
    for (std::size_t at = 0; at + 1 < tokens.size(); at += 500) {
      const std::size_t n = std::min<std::size_t>(500, tokens.size() - 1 - at);
      EXPECT_TRUE(
          backend->forward(slots_of(0, static_cast<Position>(at), std::span(tokens).subspan(at, n), false), logits));
    }
    EXPECT_TRUE(backend->forward(std::vector<Slot>{{0, 1099, tokens.back(), Want::logits}}, logits));
    return logits.values;
  };
  const auto alone = last_of(1);
  EXPECT_EQ(last_of(2), alone);
  EXPECT_EQ(last_of(5), alone);
}

TEST(CpuBackend, a_shared_prefix_gives_the_same_bits_as_computing_it) {
  const TinyModel model = tiny_model(tiny_config(Architecture::llama), 13);
  const auto backend = backend_of(model, {.sequences = 2});
  const auto tokens = text_of(80);
  const auto whole = logits_in_chunks(*backend, 0, tokens, {80});
  for (const Position upto : {1U, 31U, 32U, 33U, 64U, 79U}) {
    ASSERT_TRUE(backend->share(0, 1, upto));
    Logits logits;
    ASSERT_TRUE(backend->forward(slots_of(1, upto, std::span(tokens).subspan(upto), true), logits));
    const std::vector<float> tail(whole.begin() + static_cast<std::ptrdiff_t>(upto * 97), whole.end());
    EXPECT_EQ(logits.values, tail) << upto;
    ASSERT_TRUE(backend->forget(1, 0, ~0U));
  }
  // The giver is untouched by what the taker wrote behind the prefix.
  Logits logits;
  ASSERT_TRUE(backend->forget(0, 79, 80));
  ASSERT_TRUE(backend->forward(slots_of(0, 79, std::span(tokens).subspan(79), true), logits));
  EXPECT_TRUE(std::equal(logits.values.begin(), logits.values.end(), whole.end() - 97));
}

// What the weights were read from may be cut short, overwritten or unmapped while the model runs.
TEST(CpuBackend, needs_nothing_of_the_file_once_it_is_made) {
  for (const bool tied : {true, false}) {
    ModelConfig config = tiny_config(Architecture::qwen3);
    config.tied_head = tied;
    const TinyModel model = tiny_model(config, 22, DType::q8_0, as_q8_0);
    const auto tokens = text_of(40);
    const auto want = logits_in_chunks(*backend_of(model), 0, tokens, {40});
    auto gone = std::make_unique<TinyModel>(model);
    for (auto& [name, view] : gone->tensors) view.data = gone->bytes.at(name);
    const auto backend = backend_of(*gone);
    for (auto& [name, bytes] : gone->bytes) std::ranges::fill(bytes, std::byte{0xA5});
    gone.reset();
    EXPECT_EQ(logits_in_chunks(*backend, 0, tokens, {40}), want) << "tied " << tied;
  }
}

TEST(CpuBackend, counts_the_copy_of_an_embedding_that_is_not_the_head) {
  ModelConfig config = tiny_config(Architecture::llama);
  config.tied_head = true;
  const std::uint64_t tied = backend_of(tiny_model(config, 23))->memory().weights;
  config.tied_head = false;
  EXPECT_GE(backend_of(tiny_model(config, 23))->memory().weights, tied + std::uint64_t{97} * 256 * sizeof(float));
}

TEST(CpuBackend, forgetting_a_tail_frees_its_memory_and_the_text_can_go_on_from_there) {
  const TinyModel model = tiny_model(tiny_config(Architecture::qwen2), 14);
  const auto backend = backend_of(model);
  const auto tokens = text_of(60);
  const auto whole = logits_in_chunks(*backend, 0, tokens, {60});
  const std::uint64_t used = backend->memory().kv;
  EXPECT_GT(used, 0U);
  EXPECT_FALSE(backend->forget(0, 10, 20)) << "only a tail can be dropped";
  ASSERT_TRUE(backend->forget(0, 25, 60));
  EXPECT_LT(backend->memory().kv, used);
  Logits logits;
  ASSERT_TRUE(backend->forward(slots_of(0, 25, std::span(tokens).subspan(25), true), logits));
  EXPECT_TRUE(std::equal(logits.values.begin(), logits.values.end(), whole.begin() + 25 * 97));
  ASSERT_TRUE(backend->forget(0, 0, ~0U));
  EXPECT_EQ(backend->memory().kv, 0U);
}

// What stands behind the final norm, times the head, is what the logits are.
TEST(CpuBackend, hidden_rows_are_what_the_head_multiplies) {
  const TinyModel model = tiny_model(tiny_config(Architecture::qwen3), 31);
  const auto backend = backend_of(model, {.sequences = 2});
  const auto tokens = text_of(20);
  const auto logits = logits_in_chunks(*backend, 0, tokens, {20});
  const std::uint32_t width = backend->facts().hidden;
  ASSERT_EQ(width, 256U);
  // Both kinds in one batch, each in the order of its own slots.
  std::vector<Slot> slots = slots_of(1, 0, tokens, false);
  for (const std::size_t i : {3, 8, 15}) slots[i].want = Want::hidden;
  slots[9].want = Want::logits;
  std::vector<float> hidden(3 * width);
  std::vector<float> some(2 * 97);
  ASSERT_TRUE(backend->forward(slots, Rows{.logits = some, .hidden = hidden}));
  EXPECT_TRUE(std::equal(some.begin(), some.begin() + 97, logits.begin() + 9 * 97));
  EXPECT_TRUE(std::equal(some.begin() + 97, some.end(), logits.begin() + 19 * 97));
  const TensorView head = model.weights().head;
  std::vector<float> row(width);
  for (std::size_t h = 0; h < 3; ++h) {
    const std::size_t at = std::array{3, 8, 15}[h];
    for (std::size_t v = 0; v < 97; ++v) {
      kernel::dequantize_row(head, v, row);
      double sum = 0;
      for (std::size_t i = 0; i < width; ++i) sum += static_cast<double>(row[i]) * hidden[h * width + i];
      EXPECT_NEAR(sum, logits[at * 97 + v], 1e-4) << at << " " << v;
    }
  }
  // Without any logits the head is not computed at all.
  std::vector<Slot> last = slots_of(1, 20, text_of(1), false);
  last[0].want = Want::hidden;
  EXPECT_TRUE(backend->forward(last, Rows{.logits = {}, .hidden = std::span(hidden).first(width)}));
  EXPECT_FALSE(backend->forward(slots_of(1, 21, text_of(1), false), Rows{.logits = some, .hidden = {}}));
  EXPECT_TRUE(
      backend->forward(slots_of(1, 21, text_of(1), false), Rows{.logits = std::span(some).first(97), .hidden = {}}))
      << "memory of the wrong size was refused, and nothing had changed";
}

TEST(CpuBackend, a_row_of_embeddings_computes_what_its_token_does) {
  for (const auto type : {DType::f32, DType::q8_0}) {
    const TinyModel model = type == DType::f32 ? tiny_model(tiny_config(Architecture::llama), 32)
                                               : tiny_model(tiny_config(Architecture::llama), 32, DType::q8_0, as_q8_0);
    const auto backend = backend_of(model, {.sequences = 2});
    const auto tokens = text_of(40);
    const auto want = logits_in_chunks(*backend, 0, tokens, {40});
    const std::uint32_t width = backend->facts().embedding;
    std::vector<Slot> slots = slots_of(1, 0, tokens, true);
    std::vector<float> rows;
    std::vector<float> row(width);
    for (std::size_t i = 1; i < slots.size(); i += 2) {
      kernel::dequantize_row(model.weights().embedding, static_cast<std::size_t>(tokens[i]), row);
      slots[i].token = static_cast<Token>(rows.size() / width);
      slots[i].source = Source::embedding;
      rows.insert(rows.end(), row.begin(), row.end());
    }
    Logits logits;
    {
      std::vector<float> gone = rows;
      ASSERT_TRUE(backend->start({slots, gone}));
      std::ranges::fill(gone, 0.0F);  // start() has copied what it needs
    }
    std::vector<float> got(want.size());
    ASSERT_TRUE(backend->finish({.logits = got, .hidden = {}}));
    EXPECT_EQ(got, want);
    slots[0] = {1, 40, 20, Want::nothing, Source::embedding};
    const auto refused = backend->forward({std::span(slots).first(1), rows}, logits);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().detail, testing::HasSubstr("embedding 20, expected 0..19"));
    const std::vector<Turn3> turns{{40, 0, 0}};
    const auto turned = backend->forward({slots_of(1, 40, text_of(1), true), {}, turns}, logits);
    ASSERT_FALSE(turned);
    EXPECT_EQ(to_string(turned.error()), "unsupported: positions of three numbers: direct has none");
  }
}

// Pages that a window has passed are used again: what is computed stays the same, what needs them is refused.
TEST(CpuBackend, layers_with_a_window_give_back_what_it_has_passed) {
  ModelConfig config = tiny_config(Architecture::mistral);
  set_windows(config, 40, {true, false});
  const TinyModel model = tiny_model(config, 33);
  const auto tokens = text_of(400);
  const auto whole = logits_in_chunks(*backend_of(model, {.context = 512, .batch = 400}), 0, tokens, {400});
  const auto backend = backend_of(model, {.context = 512, .sequences = 2, .batch = 16});
  EXPECT_EQ(backend->facts().rewind, Rewind::checkpoint);
  EXPECT_EQ(backend_of(model, {.context = 40})->facts().rewind, Rewind::any) << "it never leaves the window";
  EXPECT_EQ(logits_in_chunks(*backend, 0, tokens, {16}), whole);
  const std::uint64_t page = backend->memory().kv / (13 + 3);
  EXPECT_EQ(backend->memory().kv, page * (13 + 3)) << "13 pages of the layer that sees everything, 3 of the other";
  Logits logits;
  const auto too_far = backend->forget(0, 350, 400);
  ASSERT_FALSE(too_far);
  EXPECT_EQ(too_far.error().code, Errc::unsupported);
  EXPECT_EQ(backend->share(0, 1, 350).error().code, Errc::unsupported);
  EXPECT_EQ(backend->memory().kv, page * (13 + 3));
  // As far as the last pass, and on from there as if nothing had been.
  ASSERT_TRUE(backend->share(0, 1, 390));
  ASSERT_TRUE(backend->forget(0, 390, 400));
  for (const SeqId seq : {0U, 1U}) {
    ASSERT_TRUE(backend->forward(slots_of(seq, 390, std::span(tokens).subspan(390), true), logits));
    EXPECT_TRUE(std::equal(logits.values.begin(), logits.values.end(), whole.begin() + 390 * 97)) << seq;
  }
  ASSERT_TRUE(backend->forget(0, 0, ~0U));
  ASSERT_TRUE(backend->forget(1, 0, ~0U));
  EXPECT_EQ(backend->memory().kv, 0U);
}

TEST(CpuBackend, refuses_bad_slots_by_name_and_changes_nothing) {
  const TinyModel model = tiny_model(tiny_config(Architecture::llama), 15);
  const auto backend = backend_of(model, {.context = 16, .sequences = 2, .batch = 8});
  Logits logits;
  const auto detail = [&](std::vector<Slot> slots) {
    const auto result = backend->forward(slots, logits);
    return result ? std::string("accepted") : result.error().detail;
  };
  EXPECT_THAT(detail({}), testing::HasSubstr("batch of 0 slots, expected 1..8"));
  EXPECT_THAT(detail(std::vector<Slot>(9, Slot{0, 0, 1})), testing::HasSubstr("batch of 9 slots"));
  EXPECT_THAT(detail({{2, 0, 1, Want::logits}}), testing::HasSubstr("sequence 2: expected 0..1"));
  EXPECT_THAT(detail({{0, 1, 1, Want::logits}}), testing::HasSubstr("position 1, expected 0"));
  EXPECT_THAT(detail({{0, 0, 97, Want::logits}}), testing::HasSubstr("token 97, expected 0..96"));
  EXPECT_THAT(detail({{0, 0, -1, Want::logits}}), testing::HasSubstr("token -1"));
  EXPECT_THAT(detail({{0, 0, 1}, {1, 0, 1}, {0, 1, 1, Want::logits}}), testing::HasSubstr("together"));
  EXPECT_EQ(backend->memory().kv, 0U);
  const auto tokens = text_of(16);
  logits_in_chunks(*backend, 0, tokens, {8});
  EXPECT_THAT(detail({{0, 16, 1, Want::logits}}), testing::HasSubstr("position 16, context holds 16"));
}

TEST(CpuBackend, is_full_by_name_and_gives_back_what_it_took) {
  const TinyModel model = tiny_model(tiny_config(Architecture::llama), 16);
  const auto backend = backend_of(model, {.context = 64, .sequences = 3, .kv_positions = 64});
  Logits logits;
  ASSERT_TRUE(backend->forward(slots_of(0, 0, text_of(32), false), logits));
  const std::uint64_t used = backend->memory().kv;
  std::vector<Slot> both = slots_of(1, 0, text_of(20), false);
  for (const Slot& slot : slots_of(2, 0, text_of(20), false)) both.push_back(slot);
  const auto full = backend->forward(both, logits);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Errc::full);
  EXPECT_EQ(backend->memory().kv, used);
  EXPECT_TRUE(backend->forward(slots_of(1, 0, text_of(20), true), logits));
}

TEST(CpuBackend, refuses_options_out_of_range_by_name) {
  const TinyModel model = tiny_model(tiny_config(Architecture::llama), 17);
  const auto why = [&](const CpuOptions& options) {
    const auto backend = make_cpu_backend(model.weights(), options);
    return backend ? std::string("accepted") : backend.error().detail;
  };
  EXPECT_THAT(why({.context = 0}), testing::HasSubstr("context is 0"));
  EXPECT_THAT(why({.sequences = 5000}), testing::HasSubstr("sequences is 5000"));
  EXPECT_THAT(why({.batch = 0}), testing::HasSubstr("batch is 0"));
}

// macOS knows the limit and does not keep to it.
#ifdef __linux__
constexpr bool limits_hold = true;
#else
constexpr bool limits_hold = false;
#endif

// Memory that is not there, by a limit on this process's address space: a child's, since a limit cannot be raised again.
std::string why_not(const std::function<Result<void>()>& work, std::uint64_t more_bytes) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    std::uint64_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlim_t most = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) + more_bytes;
    const rlimit limit{most, most};
    std::string said = "no limit";
    if (::setrlimit(RLIMIT_AS, &limit) == 0) {
      const auto done = work();
      said = done ? "done" : to_string(done.error());
    }
    [[maybe_unused]] const auto written = ::write(ends[1], said.data(), said.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string said(4096, '\0');
  const ssize_t got = ::read(ends[0], said.data(), said.size());
  said.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  ::close(ends[0]);
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << "ended by signal " << WTERMSIG(status);
  return said;
}

TEST(CpuBackend, memory_that_is_not_there_is_an_error_that_names_the_bytes) {
  if (address_sanitizer || thread_sanitizer || !limits_hold) GTEST_SKIP() << "no limit of the address space here";
  constexpr std::uint64_t mib = 1U << 20U;
  const TinyModel model = tiny_model(tiny_config(Architecture::qwen3), 24);
  const TinyModel blocks = tiny_model(tiny_config(Architecture::qwen3), 24, DType::q8_0, as_q8_0);
  const auto made = [](const TinyModel& from, CpuOptions options) {
    return [&from, options]() -> Result<void> {
      auto backend = make_cpu_backend(from.weights(), options);
      if (!backend) return std::unexpected(backend.error());
      Logits logits;
      return (*backend)->forward(slots_of(0, 0, text_of(8), true), logits);
    };
  };
  const CpuOptions usual{.threads = 1};
  EXPECT_EQ(why_not(made(model, usual), 512 * mib), "done");
  // 8192 tokens of width 256 and 512: 8 MiB and 16 MiB a buffer, eleven of them, and the kernels' own form.
  CpuOptions batch = usual;
  batch.batch = 8192;
  int refused = 0;
  for (std::uint64_t more = 8; more < 260; more += 14) {  // wherever it ends, it ends so
    for (const TinyModel* from : {&model, &blocks}) {
      const std::string said = why_not(made(*from, batch), more * mib);
      if (said == "done") continue;
      ++refused;
      EXPECT_THAT(said, testing::AnyOf(testing::HasSubstr("no memory for "), testing::HasSubstr("cannot be had")));
      EXPECT_THAT(said, testing::HasSubstr(" bytes"));
    }
  }
  EXPECT_GT(refused, 5);
  CpuOptions context = usual;
  context.context = 1U << 24U;
  EXPECT_THAT(why_not(made(model, context), 512 * mib), testing::HasSubstr("KV cache: 17179869184 bytes"));
  CpuOptions sequences = usual;
  sequences.sequences = 4096;
  EXPECT_THAT(why_not(made(model, sequences), 512 * mib), testing::HasSubstr("KV cache: "));
}

// Rows of logits are the caller's, and the greatest thing that a forward pass asks for.
TEST(CpuBackend, logits_that_there_is_no_memory_for_change_nothing) {
  if (address_sanitizer || thread_sanitizer || !limits_hold) GTEST_SKIP() << "no limit of the address space here";
  ModelConfig config = tiny_config(Architecture::llama);
  config.vocab = 20'000;
  config.layers.resize(1);
  const TinyModel model = tiny_model(config, 25);
  const auto work = [&]() -> Result<void> {
    auto backend = make_cpu_backend(model.weights(), {.batch = 4096, .threads = 1});
    if (!backend) return std::unexpected(backend.error());
    Logits logits;
    const auto full = (*backend)->forward(slots_of(0, 0, text_of(4000), true), logits);  // 320 MB
    if (full || full.error().code != Errc::full) return fail(Errc::bug, "it was not refused");
    if ((*backend)->memory().kv != 0) return fail(Errc::bug, "it took pages");
    ASSAY_TRY((*backend)->forward(slots_of(0, 0, text_of(8), true), logits));
    return full;
  };
  EXPECT_THAT(why_not(work, 300U << 20U), testing::HasSubstr("4000 rows of logits: no memory for 320000000 bytes"));
}

TEST(CpuBackend, loading_can_be_stopped) {
  const TinyModel model = tiny_model(tiny_config(Architecture::llama), 18);
  const auto stopped = make_cpu_backend(model.weights(), {.threads = 1}, [](std::uint64_t) { return false; });
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, Errc::cancelled);
}

}  // namespace
}  // namespace assay::direct
