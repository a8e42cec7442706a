// A worker program for tests: a hash instead of a model, and orders to fail in every way that a foreign engine may.
//
// Orders that come before the model is known are in $ASSAY_FAKE_WORKER, the others in the model's path: "fake:" and
// NAME or NAME=NUMBER, joined by commas, as "fake:vocab=1000,crash-at-forward=2". Where the model is a real file, as in a
// matrix, its orders are in $ASSAY_FAKE_MODEL, in the same words. $ASSAY_FAKE_NAME is its name, and what it is about to
// do goes, a line each, to the end of the file $ASSAY_FAKE_DIARY: "load", "forward N" (N slots).
//
//   slow-start=MS  hang-at-start  exit-at-start=CODE  garbage-at-start  wrong-version  oversized-at-start
//   loaded-at-start                                                       (environment)
//   vocab=N  slow-load=MS (with progress)  silent-load=MS (without)  stuck-load (the same progress for ever)
//   X-at-load, X-at-forward=N (the N-th, from 0): crash hang exit throw bad-alloc out-of-memory garbage close half flood
//   refuse-load  absurd-facts=N  wrong-device
//   X-at-forward=N also: nan full lost rows call twice; packet (two answers in one, before its own)
//   die-after-rows-at-forward=N (the logits are in the shared memory, the answer is not sent)
//   last-words-at-forward=N (1 MiB on stderr between two requests, then exit 7)
//   slow-forward=MS  idle (no logits are computed)  deaf (ignores SIGTERM, and never ends by itself)
//   extras (rows of hidden states, 3 wide, embeddings, 2 wide, turns, and decode)  steps-at-decode (says too many)
//   rewind=1 or 2 (Rewind: forget refuses a tail)
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "adapter/worker/loaded_facts.h"
#include "adapter/worker/serve.h"
#include "adapter/worker/wire.h"
#include "base/random.h"
#include "engine/pass.h"
#include "engine/slot_runs.h"

namespace assay::adapter {
namespace {

class Orders final {
 public:
  explicit Orders(std::string_view text) {
    while (!text.empty()) {
      const std::string_view order = text.substr(0, text.find(','));
      text.remove_prefix(std::min(text.size(), order.size() + 1));
      const auto equals = order.find('=');
      const std::string number(equals == std::string_view::npos ? "0" : order.substr(equals + 1));
      orders_[std::string(order.substr(0, equals))] = std::strtoll(number.c_str(), nullptr, 10);
    }
  }
  bool has(const std::string& name) const { return orders_.contains(name); }
  std::int64_t number(const std::string& name, std::int64_t otherwise) const {
    const auto found = orders_.find(name);
    return found == orders_.end() ? otherwise : found->second;
  }

 private:
  std::map<std::string, std::int64_t> orders_;
};

void note(const std::string& line) {
  const char* path = std::getenv("ASSAY_FAKE_DIARY");
  FILE* diary = path == nullptr ? nullptr : std::fopen(path, "a");
  if (diary == nullptr) return;
  std::fputs((line + "\n").c_str(), diary);
  std::fclose(diary);
}

void sleep_ms(std::int64_t ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

[[noreturn]] void hang() {
  while (true) ::pause();
}

void say(std::string_view bytes) {
  [[maybe_unused]] const ssize_t sent = ::send(wire::worker_socket, bytes.data(), bytes.size(), 0);
}

std::string frame(std::uint32_t call, const wire::Message& message) {
  std::vector<std::byte> bytes;
  wire::append(bytes, call, message);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// As foreign code that expects no failure: std::bad_alloc ends the process.
void take_all_memory() noexcept {
  const rlimit limit{256 << 20, 256 << 20};
  ::setrlimit(RLIMIT_AS, &limit);
  std::vector<std::unique_ptr<std::vector<char>>> taken;
  while (true) taken.push_back(std::make_unique<std::vector<char>>(64 << 20, 'x'));
}

// The ways to fail that are the same while loading and computing. call: the number of the request being served.
void obey(const std::string& way, std::uint32_t call) {
  if (way == "crash") {
    ::signal(SIGSEGV, SIG_DFL);  // a sanitizer would make an exit code of it
    ::raise(SIGSEGV);
  }
  if (way == "hang") hang();
  if (way == "exit") {
    std::fprintf(stderr, "fake: fatal: nothing works\n");
    std::_Exit(7);
  }
  if (way == "throw") throw std::runtime_error("the tensor\nis on fire");
  if (way == "bad-alloc") throw std::bad_alloc();
  if (way == "out-of-memory") take_all_memory();
  if (way == "garbage") say("I have a bad feeling about this.");
  if (way == "close") {
    ::shutdown(wire::worker_socket, SHUT_RDWR);
    hang();
  }
  if (way == "half") {
    say(frame(call, wire::Done{0, 0, 0}).substr(0, 20));
    hang();
  }
  if (way == "flood") {
    const std::string line = std::string(99, 'f') + "\n";
    for (int i = 0; i < 100'000; ++i) std::fputs(line.c_str(), stderr);
  }
}

// From beside the thread that serves: after the answer to the request under way, before the next one comes.
void print_last_words() {
  std::thread([] {
    sleep_ms(100);
    const std::string line = std::string(99, 'w') + "\n";
    for (int i = 0; i < (1 << 20) / 100; ++i) std::fputs(line.c_str(), stderr);
    std::fputs("fake: I am done for\n", stderr);
    std::_Exit(7);
  }).detach();
}

const std::array<const char*, 10> ways = {"crash",         "hang",    "exit",  "throw", "bad-alloc",
                                          "out-of-memory", "garbage", "close", "half",  "flood"};

class FakeEngine final : public Backend {
 public:
  FakeEngine(const LoadSettings& settings, Orders orders) : orders_(std::move(orders)), sequences_(settings.sequences) {
    const char* name = std::getenv("ASSAY_FAKE_NAME");
    facts_.name = name == nullptr ? "fake" : name;
    facts_.version = "1";
    facts_.build = "of the tests";
    facts_.device = orders_.has("wrong-device") ? "metal" : settings.device;
    facts_.context = settings.context;
    facts_.sequences = settings.sequences;
    facts_.batch = settings.batch;
    facts_.vocab = static_cast<std::uint32_t>(orders_.number("vocab", 40));
    facts_.kernel_path = "a hash";
    facts_.rewind = static_cast<Rewind>(orders_.number("rewind", 0));
    if (orders_.has("extras")) {
      facts_.hidden = 3;
      facts_.embedding = 2;
      facts_.turns = true;
      facts_.decodes = true;
    }
    facts_.kv_type = settings.kv;
    facts_.activations = "f32";
    facts_.notes = {"computes a hash"};
    facts_.deterministic = true;
  }
  ~FakeEngine() override {
    if (orders_.has("deaf")) hang();
  }

  const BackendFacts& facts() const override { return facts_; }

  Result<void> start(const Batch& batch) override {
    ++calls_;
    number_ = forwards_++;
    const std::span<const Slot> slots = batch.slots;
    note("forward " + std::to_string(slots.size()));
    if (const std::int64_t ms = orders_.number("slow-forward", 0); ms > 0) sleep_ms(ms);
    for (const char* way : ways) {
      if (ordered(way, number_)) obey(way, calls_);
    }
    if (ordered("last-words", number_)) print_last_words();
    if (ordered("full", number_)) return fail(Errc::full, "no KV page free (on order)");
    if (ordered("lost", number_)) return fail(Errc::engine_lost, "device fell off the bus");
    if (ordered("rows", number_)) say(frame(calls_, wire::Done{99, 0, 0}));
    if (ordered("call", number_)) say(frame(calls_ + 5, wire::Done{1, 0, 0}));
    if (ordered("twice", number_)) say(frame(calls_, wire::Done{rows_of(slots), 0, 0}));
    if (ordered("packet", number_)) {
      say(frame(calls_, wire::Done{rows_of(slots), 0, 0}) + frame(calls_, wire::Done{rows_of(slots), 0, 0}));
    }
    ASSAY_TRY(pass_.plan(batch, facts_, lengths()));
    // What a position holds: its token, or anything else of what was given for it.
    inputs_.clear();
    for (std::size_t i = 0; i < slots.size(); ++i) {
      std::uint64_t input = static_cast<std::uint32_t>(slots[i].token);
      if (slots[i].source == Source::embedding) {
        for (const float x : batch.embeddings.subspan(static_cast<std::size_t>(slots[i].token) * 2, 2)) {
          input = mixed(input, std::bit_cast<std::uint32_t>(x));
        }
      }
      if (!batch.turns.empty()) {
        for (const Position by : batch.turns[i]) input = mixed(input, by);
      }
      inputs_.push_back(input);
    }
    pass_.begun();
    return {};
  }

  Result<void> finish(const Rows& rows) override {
    ASSAY_TRY(pass_.end());
    ASSAY_TRY(pass_.check(rows, facts_));
    std::size_t logits = 0;
    std::size_t hidden = 0;
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      const Slot& slot = pass_.slots()[i];
      sequences_[slot.seq].push_back(inputs_[i]);
      if (slot.want == Want::hidden) {
        hash(sequences_[slot.seq], rows.hidden.subspan(facts_.hidden * hidden++, facts_.hidden));
      } else if (slot.want == Want::logits) {
        const auto row = rows.logits.subspan(facts_.vocab * logits++, facts_.vocab);
        if (!orders_.has("idle")) hash(sequences_[slot.seq], row);
        if (ordered("nan", number_)) row[1] = std::numeric_limits<float>::quiet_NaN();
      }
    }
    if (ordered("die-after-rows", number_)) std::_Exit(7);
    return {};
  }

  // The token of each step is the most likely one, and at a temperature the one behind it, by `counter`.
  Result<std::size_t> decode(std::span<const Draw> draws, std::uint32_t steps, std::span<Drawn> drawn) override {
    ++calls_;
    if (orders_.has("steps-at-decode")) return steps + 1;
    std::size_t computed = 0;
    for (std::size_t d = 0; d < draws.size(); ++d) {
      Draw draw = draws[d];
      for (std::uint32_t step = 0; step < steps; ++step) {
        Logits logits;
        const std::uint32_t calls = calls_;
        ASSAY_TRY(forward(std::vector<Slot>{{draw.seq, draw.pos + step, draw.token, Want::logits}}, logits));
        calls_ = calls;  // ours is one request
        const auto most = std::ranges::max_element(logits.values) - logits.values.begin();
        draw.token = static_cast<Token>(most);
        if (draw.temperature > 0) {
          draw.token = static_cast<Token>((static_cast<std::uint64_t>(most) + draw.counter + step) % facts_.vocab);
        }
        drawn[d * steps + step].token = draw.token;
        computed = std::max(computed, std::size_t{step} + 1);
        if (std::ranges::find(draw.stop, draw.token) != draw.stop.end()) break;
      }
    }
    return computed;
  }

  Result<void> forget(SeqId seq, Position from, Position to) override {
    ++calls_;
    const std::vector<Position> lengths = this->lengths();
    const auto drop = check_forget(facts_, lengths, seq, from, to);
    if (!drop) return std::unexpected(drop.error());
    if (*drop && from > 0 && facts_.rewind != Rewind::any) return fail(Errc::unsupported, "a tail of this state");
    if (*drop) sequences_[seq].resize(from);
    return {};
  }

  Result<void> share(SeqId from, SeqId to, Position upto) override {
    ++calls_;
    const std::vector<Position> lengths = this->lengths();
    ASSAY_TRY(check_share(facts_, lengths, from, to, upto));
    sequences_[to].assign(sequences_[from].begin(), sequences_[from].begin() + upto);
    return {};
  }

  // The one after loading is part of that request.
  MemoryUse memory() const override {
    ++calls_;
    std::uint64_t tokens = 0;
    for (const auto& sequence : sequences_) tokens += sequence.size();
    return {1000, tokens, 10};
  }

 private:
  std::vector<Position> lengths() const {
    std::vector<Position> out(sequences_.size());
    std::ranges::transform(sequences_, out.begin(), [](const auto& s) { return static_cast<Position>(s.size()); });
    return out;
  }
  static std::uint32_t rows_of(std::span<const Slot> slots) {
    return static_cast<std::uint32_t>(Batch(slots).count(Want::logits));
  }
  bool ordered(const std::string& way, std::int64_t number) const {
    return orders_.number(way + "-at-forward", -1) == number;
  }
  // Any function of the whole sequence.
  static std::uint64_t mixed(std::uint64_t h, std::uint64_t input) {
    return (h ^ input) * 0x9e3779b97f4a7c15ULL + (h >> 29U);
  }
  static void hash(std::span<const std::uint64_t> inputs, std::span<float> row) {
    std::uint64_t h = 1;
    for (const std::uint64_t input : inputs) h = mixed(h, input);
    Random random(h);
    for (float& x : row) x = static_cast<float>(8 * random.uniform() - 4);
  }

  const Orders orders_;
  BackendFacts facts_;
  std::vector<std::vector<std::uint64_t>> sequences_;
  Pass pass_;
  std::vector<std::uint64_t> inputs_;  // of the pass, one for each slot
  std::int64_t forwards_ = 0;
  std::int64_t number_ = 0;          // of the pass
  mutable std::uint32_t calls_ = 0;  // the number of the request being served
};

// Facts that a worker of ours would never say.
std::string absurd_facts(std::int64_t which) {
  const FakeEngine engine({}, Orders(""));
  Json json = to_json(LoadedFacts{engine.facts(), {}});
  Json& facts = json["facts"];
  switch (which) {
    case 0:
      facts["vocab"] = 0;
      break;
    case 1:
      facts["vocab"] = 4'000'000'000U;
      break;
    case 2:
      facts["name"] = "\x1b[31mred";
      break;
    case 3:
      facts["batch"] = -1;
      break;
    case 4:
      facts["notes"] = std::vector<std::string>(5000, "note");
      break;
    case 5:
      facts["device"] = "quantum";
      break;
    case 6:
      facts.erase("context");
      break;
    case 7:
      facts["surprise"] = true;
      break;
    case 8:
      json["memory"]["kv"] = 1e300;
      break;
    case 9:
      return "[[[[[[[[{";
    default:
      return "[]";
  }
  return json.dump();
}

Result<std::unique_ptr<Backend>> load(const LoadSettings& settings, const LoadProgress& progress) {
  constexpr std::string_view prefix = "fake:";
  const char* instead = std::getenv("ASSAY_FAKE_MODEL");
  const std::string_view model = instead == nullptr ? std::string_view(settings.model) : std::string_view(instead);
  if (!model.starts_with(prefix)) {
    return fail(Errc::not_found, "model \"" + std::string(model) + "\": expected fake:ORDERS");
  }
  Orders orders(model.substr(prefix.size()));
  note("load");
  if (orders.has("deaf")) ::signal(SIGTERM, SIG_IGN);
  if (orders.has("refuse-load")) {
    std::fprintf(stderr, "fake: tensor blk.0 has a type that I do not know\n");
    return fail(Errc::unsupported, "the model cannot be loaded");
  }
  for (const char* way : ways) {
    if (orders.has(std::string(way) + "-at-load")) obey(way, 1);
  }
  if (orders.has("absurd-facts")) {
    say(frame(1, wire::Loaded{absurd_facts(orders.number("absurd-facts", 0))}));
    hang();
  }
  sleep_ms(orders.number("silent-load", 0));
  constexpr int steps = 10;
  if (const std::int64_t ms = orders.number("slow-load", 0); ms > 0) {
    for (int i = 1; i <= steps; ++i) {
      sleep_ms(ms / steps);
      if (!progress(static_cast<double>(i) / steps)) return fail(Errc::cancelled, "loading");
    }
  }
  while (orders.has("stuck-load")) {
    sleep_ms(10);
    if (!progress(0.5)) return fail(Errc::cancelled, "loading");
  }
  return std::make_unique<FakeEngine>(settings, std::move(orders));
}

void obey_at_start(const Orders& orders) {
  sleep_ms(orders.number("slow-start", 0));
  if (orders.has("exit-at-start")) {
    std::fprintf(stderr, "fake: libfake.so.1: cannot open shared object file\n");
    std::_Exit(static_cast<int>(orders.number("exit-at-start", 0)));
  }
  if (orders.has("garbage-at-start")) say("GET / HTTP/1.1\r\n\r\n");
  if (orders.has("loaded-at-start")) say(frame(0, wire::Loaded{"{}"}));
  std::string hello = frame(0, wire::Hello{"fake", "1", ""});
  if (orders.has("wrong-version")) {
    hello[4] = 9;
    say(hello);
  }
  if (orders.has("oversized-at-start")) {
    hello[15] = 0x7F;
    say(hello);
  }
  for (const char* order :
       {"hang-at-start", "garbage-at-start", "loaded-at-start", "wrong-version", "oversized-at-start"}) {
    if (orders.has(order)) hang();
  }
}

}  // namespace
}  // namespace assay::adapter

int main(int argc, char** argv) {
  using namespace assay::adapter;
  const char* text = std::getenv("ASSAY_FAKE_WORKER");
  if (argc > 1) obey_at_start(Orders(text == nullptr ? "" : text));
  return serve_worker(argc, argv, {"fake", "1", "of the tests"}, load);
}
