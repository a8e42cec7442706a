// An engine and a machine for tests, both on a fake clock: what is measured is known.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/clock.h"
#include "measure/matrix.h"

namespace assay::measure {

// Obeys orders on a fake clock: prefill and decode at given speeds, streams sharing each step, or failing at a given
// token. Keeps the latest prompt as a prefix cache where told to.
class ScriptedEngine final : public Engine {
 public:
  ScriptedEngine(FakeClock& clock, double prefill_tok_s, double decode_tok_s)
      : clock_(clock), prefill_ns_(1e9 / prefill_tok_s), decode_ns_(1e9 / decode_tok_s) {}
  std::uint32_t fail_at = ~0U;      // token of a request
  std::uint32_t fail_prompt = ~0U;  // prompts of this length or more fail
  bool hangs = false;               // gives nothing and takes the whole deadline
  bool keeps_prompt = false;
  double slower_per_request = 0;  // share that each request adds to a decode step
  std::vector<std::size_t>* order = nullptr;
  std::size_t id = 0;
  std::uint32_t cancelled = 0;

  const Facts& facts() const override { return facts_; }
  Result<void> submit(const Request& request) override {
    if (order != nullptr) order->push_back(id);
    Live live{.id = request.id,
              .prompt = static_cast<std::uint32_t>(request.prompt.size()),
              .left = request.output_tokens_max};
    if (keeps_prompt) {
      const auto common = std::ranges::mismatch(kept_, request.prompt).in1 - kept_.begin();
      live.cached = std::min(static_cast<std::uint32_t>(common), live.prompt - 1);
      kept_.assign(request.prompt.begin(), request.prompt.end());
    }
    decode_ns_ *= 1 + slower_per_request;
    live_.push_back(live);
    return {};
  }
  void cancel(RequestId request) override {
    for (Live& live : live_) {
      if (live.id == request) live.left = 0, ++cancelled;
    }
  }
  // One step, as a scheduler makes it: a request whose prompt is not computed gets it computed and its first token from
  // that same pass, the others get one token. Decoding costs one step, however many share it.
  Result<std::size_t> poll(std::span<Event> events, std::int64_t deadline_ns) override {
    if (live_.empty()) return 0;
    if (hangs && std::ranges::any_of(live_, [](const Live& l) { return l.left > 0; })) {
      clock_.advance(deadline_ns - clock_.now_ns());
      return 0;
    }
    double ns = std::ranges::any_of(live_, [](const Live& l) { return l.made > 0; }) ? decode_ns_ : 0;
    for (const Live& live : live_) ns += live.made == 0 ? prefill_ns_ * (live.prompt - live.cached) : 0;
    clock_.advance(static_cast<std::int64_t>(ns));
    std::size_t count = 0;
    last_ = live_;
    for (std::size_t i = 0; i < live_.size(); ++i) {
      Live& live = live_[i];
      Event event{.request = live.id, .detail = static_cast<std::uint32_t>(i), .at_ns = clock_.now_ns()};
      if (live.made == fail_at || live.prompt >= fail_prompt) {
        event.kind = Event::Kind::failed;
        event.error = live.prompt >= fail_prompt ? Errc::bad_value : Errc::engine_lost;
        live.ended = true;
      } else if (live.left == 0) {
        event.kind = Event::Kind::finished;
        event.finish = Finish::length;
        live.ended = true;
      } else {
        event.kind = Event::Kind::token;
        --live.left;
        ++live.made;
      }
      events[count++] = event;
    }
    last_ = live_;
    std::erase_if(live_, [](const Live& live) { return live.ended; });
    return count;
  }
  EventDetail detail(const Event& event) const override {
    EventDetail out;
    const Live& live = last_[event.detail];
    out.reason = "it was told to";
    out.usage = {.prompt_tokens = live.prompt, .cached_tokens = live.cached, .output_tokens = live.made};
    return out;
  }

 private:
  struct Live {
    RequestId id = 0;
    std::uint32_t prompt = 0, left = 0, cached = 0, made = 0;
    bool ended = false;
  };
  FakeClock& clock_;
  double prefill_ns_, decode_ns_;
  Facts facts_;
  std::vector<Token> kept_;
  std::vector<Live> live_;
  std::vector<Live> last_;
};

// Says what it is told; the time is the fake clock's.
class ScriptedWatch : public Watch {
 public:
  explicit ScriptedWatch(FakeClock& clock) : clock_(clock) {}
  Observed each{};  // of every span, but for its length
  double watts = not_told;
  double prompt_watts = 1;  // times watts while the prompt is computed
  std::vector<std::int64_t> asked;

  void begin(std::span<const std::int64_t> engine, std::span<const std::int64_t>) override {
    asked.assign(engine.begin(), engine.end());
    start_ = clock_.now_ns();
  }
  void first_token() override { first_ = clock_.now_ns(); }
  Observed end() override {
    Observed out = each;
    out.seconds = static_cast<double>(clock_.now_ns() - start_) * 1e-9;
    out.joules = watts * out.seconds;
    out.prompt_seconds = static_cast<double>(first_ - start_) * 1e-9;
    out.prompt_joules = watts * prompt_watts * out.prompt_seconds;
    out.joules += out.prompt_joules - watts * out.prompt_seconds;
    out.others_cpu_s = each.others_cpu_s * out.seconds;
    return out;
  }
  std::string memory_source(std::span<const std::int64_t> engine) const override {
    return engine.empty() ? "own" : "process " + std::to_string(engine[0]);
  }
  std::string energy_source() const override { return watts > 0 ? "a meter" : ""; }
  std::string energy_reason() const override { return watts > 0 ? "" : "no meter"; }
  std::vector<std::string> accelerators() const override { return {}; }
  void rest(std::int64_t ns) override { clock_.advance(ns); }

 private:
  FakeClock& clock_;
  std::int64_t start_ = 0;
  std::int64_t first_ = 0;
};

inline MakePrompt prompts() {
  return [](Random& random, std::uint32_t n) {
    std::vector<Token> out(n);
    for (Token& token : out) token = static_cast<Token>(random.below(90));
    return out;
  };
}

inline Contestant contestant(const char* name, Engine* engine) {
  Contestant c;
  c.subject.engine = name;
  c.subject.device = "cpu";
  c.running = engine;
  return c;
}

class Matrices : public testing::Test {
 protected:
  FakeClock clock;
  ScriptedWatch watch{clock};

  TakeCeilings probe;
  Matrix matrix;  // of the latest measure()

  Result<std::vector<Row>> measure(const std::vector<Contestant>& contestants, const MatrixSettings& settings) {
    const auto measured = measure_rows(
        contestants, settings, {.clock = clock, .watch = watch, .make_prompt = prompts(), .probe = probe}, matrix);
    if (!measured) return std::unexpected(measured.error());
    return matrix.rows;
  }
};

}  // namespace assay::measure
