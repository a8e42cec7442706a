// llama.cpp behind its worker program: the same model as the double-precision reference, and the Backend contract.
// Needs an installed llama.cpp (`assay engines install llama.cpp`) or ASSAY_LLAMA_WORKER=PROGRAM; skips where neither is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "adapter/worker/worker_backend.h"
#include "artifact/synth.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/gemma3.h"
#include "measure/parity_run.h"
#include "model/tiny_model.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Position end = ~Position{0};

// Newest installed one; empty: none.
std::string worker_program() {
  if (const char* named = std::getenv("ASSAY_LLAMA_WORKER"); named != nullptr) return named;
  const char* home = std::getenv("ASSAY_HOME");
  if (home == nullptr) return "";
  std::vector<fs::path> found;
  std::error_code none;
  for (const auto& version : fs::directory_iterator(fs::path(home) / "engines/llama.cpp", none)) {
    const fs::path program = version.path() / "bin/assay-worker-llama";
    if (fs::exists(program)) found.push_back(program);
  }
  std::ranges::sort(found);
  return found.empty() ? "" : found.back().string();
}

#define NEED_LLAMA_CPP()                                                                                     \
  if (worker_program().empty())                                                                              \
  GTEST_SKIP() << "no llama.cpp under $ASSAY_HOME/engines/llama.cpp: `assay engines install llama.cpp`, or " \
                  "ASSAY_LLAMA_WORKER=PROGRAM"

std::string shipped() { return std::string(ASSAY_SOURCE_DIR) + "/models/assay-small-q4_0.gguf"; }

// A file of this process that goes away with it.
class TemporaryFile final {
 public:
  explicit TemporaryFile(const std::string& name)
      : path_((fs::path(::testing::TempDir()) / ("llama_" + std::to_string(::getpid()) + "_" + name)).string()) {}
  ~TemporaryFile() { fs::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void synthesize(const ModelConfig& config, DType type, const std::string& path) {
  device::ThreadPool pool(1);
  const auto made =
      artifact::synthesize({.config = config, .type = type, .head = artifact::HeadType::same, .seed = 3}, path, pool);
  ASSERT_TRUE(made) << to_string(made.error());
}

ModelConfig small(Architecture architecture) {
  ModelConfig config = model::tiny_config(architecture);
  config.vocab = 320;
  return config;
}

adapter::LoadSettings settings_for(const std::string& model) {
  adapter::LoadSettings settings;
  settings.model = model;
  settings.context = 256;
  settings.threads = 1;  // two would wait for each other where other tests run beside
  settings.batch = 128;
  settings.ubatch = 64;
  return settings;
}

Result<std::unique_ptr<adapter::WorkerBackend>> start(const adapter::LoadSettings& settings) {
  static const SteadyClock clock;
  return adapter::start_worker({.program = worker_program(), .load = settings}, clock);
}

std::vector<Token> tokens_of(std::size_t count, std::uint32_t vocab, std::size_t seed = 0) {
  std::vector<Token> tokens(count);
  for (std::size_t i = 0; i < count; ++i) tokens[i] = static_cast<Token>((i * 53 + i * i * 7 + 11 + seed * 97) % vocab);
  return tokens;
}

std::vector<Slot> slots_of(SeqId seq, std::span<const Token> tokens, Position from = 0) {
  std::vector<Slot> slots;
  for (std::size_t i = from; i < tokens.size(); ++i) {
    slots.push_back({seq, static_cast<Position>(i), tokens[i], logits_if(i + 1 == tokens.size())});
  }
  return slots;
}

// Logits after the last token, of a sequence that holds `from` of them.
std::vector<float> last_logits(Backend& backend, SeqId seq, std::span<const Token> tokens, Position from = 0) {
  Logits logits;
  const auto done = backend.forward(slots_of(seq, tokens, from), logits);
  EXPECT_TRUE(done) << to_string(done.error());
  return done ? std::vector<float>(logits.values) : std::vector<float>();
}

double difference(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size() || a.empty()) return INFINITY;
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]));
  return largest;
}

// Sums in another order, on a model in f32, whose keys and values are rounded to f16: far below what another text changes.
constexpr double same_logits = 0.01;
constexpr double other_logits = 0.2;

class LlamaSequences : public ::testing::Test {
 protected:
  void SetUp() override {
    NEED_LLAMA_CPP();
    synthesize(small(Architecture::qwen3), DType::f32, file_.path());
    adapter::LoadSettings settings = settings_for(file_.path());
    settings.sequences = 3;
    auto started = start(settings);
    ASSERT_TRUE(started) << to_string(started.error());
    backend_ = std::move(*started);
  }

  const TemporaryFile file_{"sequences.gguf"};
  std::unique_ptr<Backend> backend_;
  const std::uint32_t vocab_ = 320;
};

void expect_parity(Backend& backend, const std::string& file, std::size_t tokens) {
  const auto checkpoint = Checkpoint::open(file);
  ASSERT_TRUE(checkpoint) << to_string(checkpoint.error());
  const auto weights = model::bind(checkpoint->config(), [&](auto tensor) { return checkpoint->tensor(tensor); });
  ASSERT_TRUE(weights) << to_string(weights.error());
  ASSERT_EQ(backend.facts().vocab, checkpoint->config().vocab);
  const auto parity = measure::run_parity(backend, *weights, measure::rounding_from(backend.facts()).value(),
                                          tokens_of(tokens, backend.facts().vocab),
                                          measure::spread_positions(static_cast<std::uint32_t>(tokens), 24));
  ASSERT_TRUE(parity) << to_string(parity.error());
  const double bound = parity->bound;
  std::printf("%-5s kv %-4s max|diff| %.3g of %.3g  KL %.2g  top-1 %zu of %zu\n", backend.facts().activations.c_str(),
              backend.facts().kv_type.c_str(), parity->max_abs, bound, parity->kl_mean, parity->top1_equal,
              parity->positions);
  EXPECT_LE(parity->max_abs, bound);
  EXPECT_EQ(parity->unexplained, 0U);
  EXPECT_GT(parity->max_abs, 0) << "the engine is not the reference";
  EXPECT_LT(parity->kl_mean, 1e-2);
}

TEST(LlamaWorker, facts_say_what_was_loaded_and_how) {
  NEED_LLAMA_CPP();
  const auto backend = start(settings_for(shipped()));
  ASSERT_TRUE(backend) << to_string(backend.error());
  const BackendFacts& facts = (*backend)->facts();
  EXPECT_EQ(facts.name, "llama.cpp");
  EXPECT_FALSE(facts.version.empty());
  EXPECT_EQ(facts.device, "cpu");
  EXPECT_EQ(facts.context, 256U);
  EXPECT_EQ(facts.sequences, 1U);
  EXPECT_EQ(facts.batch, 128U);
  EXPECT_EQ(facts.vocab, 4096U);
  EXPECT_EQ(facts.kv_type, "f16");
  EXPECT_EQ(facts.activations, "q8_0");
  EXPECT_FALSE(facts.deterministic);
  EXPECT_THAT(facts.build, HasSubstr("threads=1 batch_threads=1 n_batch=128 n_ubatch=64 flash_attn=on"));
  const MemoryUse memory = (*backend)->memory();
  EXPECT_GE(memory.weights, fs::file_size(shipped()) * 9 / 10);
  EXPECT_GT(memory.kv, 0U);
}

TEST(LlamaWorker, the_shipped_model_agrees_with_the_reference) {
  NEED_LLAMA_CPP();
  const auto backend = start(settings_for(shipped()));
  ASSERT_TRUE(backend) << to_string(backend.error());
  expect_parity(**backend, shipped(), 96);
}

TEST(LlamaWorker, every_type_that_computes_agrees_with_the_reference) {
  NEED_LLAMA_CPP();
  for (const DType type :
       {DType::f32, DType::f16, DType::bf16, DType::q4_0, DType::q4_1, DType::q5_0, DType::q5_1, DType::q8_0,
        DType::q2_k, DType::q3_k, DType::q4_k, DType::q5_k, DType::q6_k, DType::iq4_nl, DType::iq4_xs, DType::mxfp4}) {
    SCOPED_TRACE(name(type));
    const TemporaryFile file("type.gguf");
    synthesize(small(Architecture::llama), type, file.path());
    const auto backend = start(settings_for(file.path()));
    ASSERT_TRUE(backend) << to_string(backend.error());
    std::printf("%-7s ", std::string(name(type)).c_str());
    expect_parity(**backend, file.path(), 24);
  }
}

TEST(LlamaWorker, every_architecture_agrees_with_the_reference) {
  NEED_LLAMA_CPP();
  for (const Architecture architecture : {Architecture::qwen2, Architecture::qwen3}) {
    ModelConfig config = small(architecture);
    const TemporaryFile file("architecture.gguf");
    synthesize(config, DType::q8_0, file.path());
    const auto backend = start(settings_for(file.path()));
    ASSERT_TRUE(backend) << to_string(backend.error());
    expect_parity(**backend, file.path(), 48);
  }
  ModelConfig gemma = small(Architecture::gemma3);
  gemma.layers.resize(6, gemma.layers[0]);  // five that slide and one that sees all, as llama.cpp takes for granted
  set_windows(gemma, 9, {true, true, true, true, true, false});
  make_gemma3(gemma, gemma3_local_theta, gemma3_gguf_scale(gemma));
  const TemporaryFile gemma_file("gemma3.gguf");
  synthesize(gemma, DType::q8_0, gemma_file.path());
  const auto gemma_backend = start(settings_for(gemma_file.path()));
  ASSERT_TRUE(gemma_backend) << to_string(gemma_backend.error());
  expect_parity(**gemma_backend, gemma_file.path(), 48);
  ModelConfig scaled = small(Architecture::llama);
  scaled.ropes[0].scaling.kind = RopeScaling::Kind::llama3;
  scaled.ropes[0].scaling.factor = 8;
  scaled.ropes[0].scaling.original_context = 64;
  const TemporaryFile file("scaled.gguf");
  synthesize(scaled, DType::q8_0, file.path());
  const auto backend = start(settings_for(file.path()));
  ASSERT_TRUE(backend) << to_string(backend.error());
  expect_parity(**backend, file.path(), 48);
}

TEST(LlamaWorker, a_sliding_window_is_ignored_by_llama_cpp_and_noted) {
  NEED_LLAMA_CPP();
  ModelConfig config = small(Architecture::mistral);
  set_windows(config, 16);
  const TemporaryFile file("window.gguf");
  synthesize(config, DType::q8_0, file.path());
  const auto backend = start(settings_for(file.path()));
  ASSERT_TRUE(backend) << to_string(backend.error());
  EXPECT_THAT((*backend)->facts().notes, Contains(HasSubstr("attention.sliding_window = 16")));
}

TEST(LlamaWorker, a_context_beyond_the_training_is_noted) {
  NEED_LLAMA_CPP();
  adapter::LoadSettings settings = settings_for(shipped());
  settings.context = 2000;
  const auto backend = start(settings);
  ASSERT_TRUE(backend) << to_string(backend.error());
  EXPECT_THAT((*backend)->facts().notes,
              Contains("context 2000 is longer than the 1024 that the model was trained on"));
  settings.context = 400;
  settings.sequences = 8;
  const auto several = start(settings);
  ASSERT_TRUE(several) << to_string(several.error());
  EXPECT_THAT((*several)->facts().notes, Each(Not(HasSubstr("train"))));
}

TEST(LlamaWorker, other_kv_types_and_plain_attention_agree_with_the_reference) {
  NEED_LLAMA_CPP();
  const TemporaryFile file("kv.gguf");
  synthesize(small(Architecture::qwen3), DType::q4_0, file.path());
  for (const auto& [kv, flash] : {std::pair{"f32", true}, {"q8_0", true}, {"bf16", true}, {"f16", false}}) {
    SCOPED_TRACE(kv);
    adapter::LoadSettings settings = settings_for(file.path());
    settings.kv = kv;
    settings.flash_attention = flash;
    settings.map_file = false;
    const auto backend = start(settings);
    ASSERT_TRUE(backend) << to_string(backend.error());
    EXPECT_THAT((*backend)->facts().build, HasSubstr(flash ? "flash_attn=on" : "flash_attn=off"));
    expect_parity(**backend, file.path(), 48);
  }
}

TEST_F(LlamaSequences, sequences_do_not_see_each_other) {
  Backend& backend = *backend_;
  const auto one = tokens_of(40, vocab_, 1);
  const auto two = tokens_of(50, vocab_, 2);
  const auto alone_one = last_logits(backend, 0, one);
  ASSERT_TRUE(backend.forget(0, 0, end));
  const auto alone_two = last_logits(backend, 0, two);
  ASSERT_TRUE(backend.forget(0, 0, end));
  EXPECT_GT(difference(alone_one, alone_two), other_logits) << "the texts are too alike for this test";

  std::vector<Slot> both = slots_of(2, two);
  const auto first = slots_of(1, one);
  both.insert(both.end(), first.begin(), first.end());
  Logits logits;
  ASSERT_TRUE(backend.forward(both, logits));
  ASSERT_EQ(logits.rows(), 2U);
  EXPECT_LT(difference({logits.row(0).begin(), logits.row(0).end()}, alone_two), same_logits);
  EXPECT_LT(difference({logits.row(1).begin(), logits.row(1).end()}, alone_one), same_logits);
}

TEST_F(LlamaSequences, a_forgotten_tail_is_computed_anew) {
  Backend& backend = *backend_;
  const auto text = tokens_of(60, vocab_, 1);
  auto other = text;
  for (std::size_t i = 30; i < other.size(); ++i) other[i] = (other[i] + 5) % static_cast<Token>(vocab_);
  const auto expected = last_logits(backend, 0, text);
  EXPECT_EQ(backend.forget(0, 10, 20).error().code, Errc::unsupported);
  EXPECT_TRUE(backend.forget(0, 60, end)) << "nothing is there";
  ASSERT_TRUE(backend.forget(0, 30, end));
  EXPECT_GT(difference(last_logits(backend, 0, other, 30), expected), other_logits);
  ASSERT_TRUE(backend.forget(0, 30, end));
  EXPECT_LT(difference(last_logits(backend, 0, text, 30), expected), same_logits);
}

TEST_F(LlamaSequences, a_shared_prefix_gives_the_logits_of_a_computed_one) {
  Backend& backend = *backend_;
  const auto text = tokens_of(60, vocab_, 1);
  auto other = text;
  for (std::size_t i = 40; i < other.size(); ++i) other[i] = (other[i] + 5) % static_cast<Token>(vocab_);
  const auto expected_other = last_logits(backend, 2, other);
  ASSERT_TRUE(backend.forget(2, 0, end));
  const auto expected = last_logits(backend, 0, text);

  ASSERT_TRUE(backend.share(0, 1, 40));
  EXPECT_LT(difference(last_logits(backend, 1, other, 40), expected_other), same_logits);
  // The source goes on as if nothing had been shared, and the copy outlives it.
  ASSERT_TRUE(backend.forget(0, 40, end));
  EXPECT_LT(difference(last_logits(backend, 0, text, 40), expected), same_logits);
  ASSERT_TRUE(backend.forget(0, 0, end));
  ASSERT_TRUE(backend.forget(1, 40, end));
  EXPECT_LT(difference(last_logits(backend, 1, other, 40), expected_other), same_logits);
  EXPECT_EQ(backend.share(1, 1, 3).error().code, Errc::bad_value);
  EXPECT_EQ(backend.share(1, 0, 61).error().code, Errc::bad_value);
}

TEST_F(LlamaSequences, more_rows_than_one_call_gives_come_in_order) {
  Backend& backend = *backend_;
  const auto text = tokens_of(128, vocab_, 4);
  std::vector<Slot> all = slots_of(0, text);
  for (Slot& slot : all) slot.want = Want::logits;
  Logits logits;
  ASSERT_TRUE(backend.forward(all, logits));
  ASSERT_EQ(logits.rows(), 128U);
  for (const std::uint32_t count : {1U, 64U, 65U, 100U}) {
    ASSERT_TRUE(backend.forget(0, 0, end));
    const auto alone = last_logits(backend, 0, std::span(text).first(count));
    EXPECT_LT(difference({logits.row(count - 1).begin(), logits.row(count - 1).end()}, alone), same_logits) << count;
  }
}

TEST_F(LlamaSequences, slots_that_break_the_contract_are_refused_and_change_nothing) {
  Backend& backend = *backend_;
  const auto text = tokens_of(20, vocab_);
  const auto expected = last_logits(backend, 0, text);
  Logits logits;
  const auto refused = [&](Slot slot, const char* words) {
    const auto result = backend.forward(std::span(&slot, 1), logits);
    ASSERT_FALSE(result) << words;
    EXPECT_EQ(result.error().code, Errc::bad_value);
    EXPECT_THAT(result.error().detail, HasSubstr(words));
  };
  refused({0, 20, 320, Want::logits}, "token 320");
  refused({0, 20, -1, Want::logits}, "token -1");
  refused({0, 21, 1, Want::logits}, "position 21, expected 20");
  refused({3, 0, 1, Want::logits}, "sequence 3");
  EXPECT_FALSE(backend.forward(Batch{}, logits));
  ASSERT_TRUE(backend.forget(0, 19, end));
  EXPECT_LT(difference(last_logits(backend, 0, text, 19), expected), same_logits);
}

TEST(LlamaWorker, the_context_that_was_asked_for_is_kept_although_llama_cpp_rounds_it_up) {
  NEED_LLAMA_CPP();
  adapter::LoadSettings settings = settings_for(shipped());
  settings.context = 100;
  const auto started = start(settings);
  ASSERT_TRUE(started) << to_string(started.error());
  Backend& backend = **started;
  EXPECT_EQ(backend.facts().context, 100U);
  last_logits(backend, 0, tokens_of(100, 4096));
  Logits logits;
  const Slot over{0, 100, 1, Want::logits};
  const auto result = backend.forward(std::span(&over, 1), logits);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().detail, HasSubstr("position 100"));
}

TEST(LlamaWorker, a_killed_worker_is_an_engine_lost_by_name) {
  NEED_LLAMA_CPP();
  Logits logits;
  {
    const auto between = start(settings_for(shipped()));
    ASSERT_TRUE(between) << to_string(between.error());
    last_logits(**between, 0, tokens_of(4, 4096));
    ASSERT_GT((*between)->process_id(), 1);
    ASSERT_EQ(::kill(static_cast<pid_t>((*between)->process_id()), SIGKILL), 0);
    const Slot next{0, 4, 1, Want::logits};
    for (int again = 0; again < 2; ++again) {
      const auto result = (*between)->forward(std::span(&next, 1), logits);
      ASSERT_FALSE(result);
      EXPECT_EQ(result.error().code, Errc::engine_lost);
      EXPECT_THAT(result.error().detail, HasSubstr("assay-worker-llama"));
    }
  }
  adapter::LoadSettings settings = settings_for(shipped());
  settings.context = 2048;
  settings.batch = 2048;
  const auto busy = start(settings);
  ASSERT_TRUE(busy) << to_string(busy.error());
  const auto pid = static_cast<pid_t>((*busy)->process_id());
  ASSERT_GT(pid, 1);
  std::jthread killer([pid] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    ::kill(pid, SIGKILL);
  });
  const auto result = (*busy)->forward(slots_of(0, tokens_of(2048, 4096)), logits);  // takes a second or more
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::engine_lost);
  EXPECT_THAT(result.error().detail, HasSubstr("in forward"));
  EXPECT_THAT(result.error().detail, HasSubstr("signal 9"));
}

// What cannot be loaded is refused with llama.cpp's own words, and the worker is gone.
struct Unloadable {
  adapter::LoadSettings settings;
  Errc code;
  std::string words;
};

void expect_refused(const Unloadable& bad) {
  const auto backend = start(bad.settings);
  ASSERT_FALSE(backend) << bad.words;
  EXPECT_EQ(backend.error().code, bad.code) << to_string(backend.error());
  EXPECT_THAT(backend.error().detail, HasSubstr(bad.words));
}

TEST(LlamaWorker, files_that_are_no_model_are_refused_in_llama_cpps_words) {
  NEED_LLAMA_CPP();
  const TemporaryFile png("picture.gguf");
  std::ofstream(png.path(), std::ios::binary) << "\x89PNG\r\n\x1a\n" << std::string(4000, 'x');
  expect_refused({settings_for(png.path()), Errc::bad_value, "PNG"});

  const TemporaryFile cut("cut.gguf");
  fs::copy_file(shipped(), cut.path());
  fs::resize_file(cut.path(), fs::file_size(cut.path()) / 2);
  expect_refused({settings_for(cut.path()), Errc::bad_value, "error loading model"});
  fs::resize_file(cut.path(), 1000);
  expect_refused({settings_for(cut.path()), Errc::bad_value, "llama.cpp:"});

  const TemporaryFile other("other.gguf");
  std::ifstream in(shipped(), std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  const std::size_t at = bytes.find("general.architecture");
  const std::size_t name =
      bytes.find("qwen3", at) < bytes.find("llama", at) ? bytes.find("qwen3", at) : bytes.find("llama", at);
  ASSERT_NE(name, std::string::npos);
  bytes.replace(name, 5, "zebra");
  std::ofstream(other.path(), std::ios::binary) << bytes;
  expect_refused({settings_for(other.path()), Errc::unsupported, "unknown model architecture: 'zebra'"});

  expect_refused({settings_for(::testing::TempDir()), Errc::unsupported, "is no file"});
  expect_refused({settings_for(::testing::TempDir() + "/nothing.gguf"), Errc::not_found, "nothing.gguf"});
}

TEST(LlamaWorker, settings_that_llama_cpp_cannot_do_are_refused) {
  NEED_LLAMA_CPP();
  adapter::LoadSettings settings = settings_for(shipped());
  settings.kv = "q8_0";
  settings.flash_attention = false;
  expect_refused({settings, Errc::unsupported, "without flash attention"});
  settings = settings_for(shipped());
  settings.device = "metal";
#ifndef __APPLE__
  expect_refused({settings, Errc::unsupported, "device metal: this llama.cpp has"});
#endif
  settings = settings_for(shipped());
  settings.sequences = 1000;
  expect_refused({settings, Errc::bad_value, "sequences is 1000"});
}

}  // namespace
}  // namespace assay
