#include "cli/generate.h"

#include <array>
#include <cmath>
#include <cstdio>
#include <limits>

namespace assay::cli {
namespace {

constexpr std::int64_t look_again_ns = 50'000'000;  // how soon a stop is seen between tokens

double rate(double count, std::int64_t ns) {
  return ns > 0 && count > 0 ? count / (static_cast<double>(ns) * 1e-9) : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

Result<Answer> generate(Engine& engine, const Clock& clock, const Request& request, const OnText& on_text,
                        const std::function<bool()>& stop) {
  Answer answer;
  answer.seed = request.sampling.seed;
  const std::int64_t sent = clock.now_ns();
  std::int64_t first = 0;
  std::int64_t last = 0;
  ASSAY_TRY(engine.submit(request));
  bool cancelled = false;
  std::array<Event, 16> events;
  for (;;) {
    if (stop && !cancelled && stop()) {
      engine.cancel(request.id);
      cancelled = true;
    }
    const auto count = engine.poll(events, clock.now_ns() + look_again_ns);
    if (!count) {
      if (count.error().code != Errc::cancelled || cancelled) return std::unexpected(count.error());
      engine.cancel(request.id);  // stopped within a forward pass
      cancelled = true;
      continue;
    }
    for (const Event& event : std::span(events).first(*count)) {
      if (event.request != request.id) continue;
      const EventDetail detail = engine.detail(event);
      if (event.kind == Event::Kind::failed) return fail(event.error, std::string(detail.reason));
      if (!detail.text.empty()) {
        answer.text += detail.text;
        if (on_text) on_text(detail.text);
      }
      answer.usage = detail.usage;
      if (event.kind == Event::Kind::token) {
        if (answer.tokens.empty()) first = event.at_ns;
        last = event.at_ns;
        answer.tokens.push_back(event.token);
        continue;
      }
      answer.finish = event.finish;
      const auto steps = static_cast<double>(answer.tokens.size()) - 1;
      answer.ttft_ms = static_cast<double>(first - sent) * 1e-6;
      answer.decode_tok_s = rate(steps, last - first);
      // The prompt's own pass gives the first token: no step is taken off. Of a cached prompt there is no speed to tell.
      const std::uint32_t cached = answer.usage.cached_tokens;
      const bool computed = std::uint64_t{cached} * 2 < answer.usage.prompt_tokens && !answer.tokens.empty();
      answer.prefill_tok_s = rate(computed ? answer.usage.prompt_tokens - cached : 0, first - sent);
      return answer;
    }
  }
}

std::string_view name(Finish finish) {
  switch (finish) {
    case Finish::none:
      return "none";
    case Finish::stop_token:
      return "stop_token";
    case Finish::stop_text:
      return "stop_text";
    case Finish::length:
      return "length";
    case Finish::context:
      return "context";
    case Finish::cancelled:
      return "cancelled";
    case Finish::grammar:
      return "grammar";
    case Finish::embedded:
      return "embedded";
  }
  return "none";
}

Json to_json(const Answer& answer) {
  const auto number = [](double x) { return std::isfinite(x) ? Json(x) : Json(nullptr); };
  return {{"text", answer.text},
          {"finish", name(answer.finish)},
          {"tokens", answer.tokens},
          {"usage",
           {{"prompt_tokens", answer.usage.prompt_tokens},
            {"cached_tokens", answer.usage.cached_tokens},
            {"output_tokens", answer.usage.output_tokens}}},
          {"seed", answer.seed},
          {"timings",
           {{"ttft_ms", number(answer.ttft_ms)},
            {"prefill_tok_s", number(answer.prefill_tok_s)},
            {"decode_tok_s", number(answer.decode_tok_s)}}}};
}

std::string summary(const Answer& answer) {
  std::array<char, 160> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%u prompt (%u cached) + %zu tokens, %s, TTFT %.1f ms",
                answer.usage.prompt_tokens, answer.usage.cached_tokens, answer.tokens.size(),
                std::string(name(answer.finish)).c_str(), answer.ttft_ms);
  std::string out = buffer.data();
  if (std::isfinite(answer.prefill_tok_s)) {
    std::snprintf(buffer.data(), buffer.size(), ", prefill %.0f tok/s", answer.prefill_tok_s);
    out += buffer.data();
  }
  if (std::isfinite(answer.decode_tok_s)) {
    std::snprintf(buffer.data(), buffer.size(), ", decode %.1f tok/s", answer.decode_tok_s);
    out += buffer.data();
  }
  return out + ", seed " + std::to_string(answer.seed);
}

}  // namespace assay::cli
