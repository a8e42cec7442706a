// For tests: tests/upstream_server.py as a child process, and an engine pulled to the end of one request.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapter/upstream/upstream_choice.h"
#include "adapter/upstream/upstream_engine.h"
#include "base/clock.h"
#include "process/process.h"

namespace assay::adapter::upstream {

inline constexpr std::int64_t ms = 1'000'000;

class TestServer {
 public:
  // `arguments`: CERTIFICATE KEY, or none.
  static std::unique_ptr<TestServer> start(std::vector<std::string> arguments = {}) {
    process::ProcessOrder order;
    const auto python = process::find_program(ASSAY_PYTHON);
    if (!python) return nullptr;
    order.program = *python;
    order.arguments = {"-u", ASSAY_SOURCE_DIR "/tests/upstream_server.py"};
    const bool tls = !arguments.empty();
    for (std::string& argument : arguments) order.arguments.push_back(std::move(argument));
    auto child = process::ChildProcess::start(order);
    if (!child) return nullptr;
    auto server = std::make_unique<TestServer>(std::move(*child));
    const SteadyClock clock;
    const std::int64_t deadline = clock.now_ns() + 20'000 * ms;
    while (clock.now_ns() < deadline) {
      if (server->child_.wait(10 * ms)) break;
      const std::string said = server->child_.output_end();
      server->port_ = number_after(said, "PORT ");
      server->tls_port_ = number_after(said, "TLS ");
      if (server->port_ != 0 && (!tls || server->tls_port_ != 0)) return server;
    }
    ADD_FAILURE() << "the test server did not start: " << server->child_.output_end();
    return nullptr;
  }

  explicit TestServer(process::ChildProcess child) : child_(std::move(child)) {}

  std::string url(const std::string& order) const { return "http://127.0.0.1:" + std::to_string(port_) + "/" + order; }
  std::uint16_t tls_port() const { return tls_port_; }
  std::string said() const { return child_.output_end(); }

 private:
  static std::uint16_t number_after(const std::string& text, const std::string& word) {
    const std::size_t at = text.find(word);
    if (at == std::string::npos || text.find('\n', at) == std::string::npos) return 0;
    return static_cast<std::uint16_t>(std::atoi(text.c_str() + at + word.size()));
  }

  process::ChildProcess child_;
  std::uint16_t port_ = 0;
  std::uint16_t tls_port_ = 0;
};

// Token 7 is " 7".
class NumberText final : public schedule::Detokenize {
 public:
  std::unique_ptr<schedule::TextStream> start() const override {
    struct Stream final : schedule::TextStream {
      void push(Token token, std::string& text) override { text += " " + std::to_string(token); }
      void finish(std::string&) override {}
    };
    return std::make_unique<Stream>();
  }
};

inline Result<std::size_t> count_words(std::string_view text) {
  std::size_t words = 0;
  for (std::size_t i = 0; i < text.size(); ++i) words += text[i] != ' ' && (i == 0 || text[i - 1] == ' ') ? 1 : 0;
  return words;
}

// All that came of one request.
struct Answer {
  std::string text;
  std::vector<Token> tokens;  // of token events
  std::vector<std::int64_t> at_ns;
  std::vector<float> logprobs;
  std::vector<std::vector<TokenLogprob>> alternatives;
  Event last;
  std::string reason;
  Usage usage;
};

inline Answer pull(Engine& engine, RequestId id, std::int64_t timeout_ns = 20'000 * ms) {
  const SteadyClock clock;
  const std::int64_t deadline = clock.now_ns() + timeout_ns;
  Answer out;
  std::array<Event, 8> events;
  while (clock.now_ns() < deadline) {
    const auto count = engine.poll(events, deadline);
    if (!count) {
      ADD_FAILURE() << count.error().detail;
      return out;
    }
    for (std::size_t i = 0; i < *count; ++i) {
      if (events[i].request != id) continue;
      const EventDetail detail = engine.detail(events[i]);
      out.text += detail.text;
      out.last = events[i];
      out.reason = detail.reason;
      out.usage = detail.usage;
      if (events[i].kind != Event::Kind::token) return out;
      out.tokens.push_back(events[i].token);
      out.at_ns.push_back(events[i].at_ns);
      out.logprobs.push_back(events[i].logprob);
      out.alternatives.emplace_back(detail.alternatives.begin(), detail.alternatives.end());
    }
  }
  ADD_FAILURE() << "no last event";
  return out;
}

}  // namespace assay::adapter::upstream
