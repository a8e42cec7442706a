// One answer from an engine, its text given out as it comes.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "engine/engine.h"

namespace assay::cli {

struct Answer {
  std::string text;
  std::vector<Token> tokens;
  Finish finish = Finish::none;
  Usage usage;
  double ttft_ms = 0;
  double prefill_tok_s = 0;  // uncached prompt tokens / TTFT; NaN where half of the prompt or more came from a cache
  std::uint64_t seed = 0;    // that the request drew with
  double decode_tok_s = 0;   // (n - 1) / (t_last - t_first); NaN below two tokens
};

using OnText = std::function<void(std::string_view)>;

// Runs one request to its end. `stop` is asked between tokens; true cancels. The engine's own error.
Result<Answer> generate(Engine& engine, const Clock& clock, const Request& request, const OnText& on_text,
                        const std::function<bool()>& stop = {});

// "stop_token", "length", ...
std::string_view name(Finish finish);
Json to_json(const Answer& answer);
// "12 prompt + 40 tokens, TTFT 20 ms, prefill 500 tok/s, decode 120 tok/s, seed 7"
std::string summary(const Answer& answer);

}  // namespace assay::cli
