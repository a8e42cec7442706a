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
  double prefill_tok_s = 0;  // NaN where too short to tell
  double decode_tok_s = 0;   // (n - 1) / (t_last - t_first); NaN below two tokens
};

using OnText = std::function<void(std::string_view)>;

// Runs one request to its end. `stop` is asked between tokens; true cancels. The engine's own error.
Result<Answer> generate(Engine& engine, const Clock& clock, const Request& request, const OnText& on_text,
                        const std::function<bool()>& stop = {});

// Text as a terminal may be given it: control characters other than newline and tab become U+FFFD, so that no model can
// move the cursor or rename the window. Elsewhere (a pipe, a file) text goes out as it is.
std::string printable(std::string_view text);
// Writes an answer's text on stdout at once, made printable where stdout is a terminal.
void show_text(std::string_view text);

// "stop_token", "length", ...
std::string_view name(Finish finish);
Json to_json(const Answer& answer);
// "12 prompt + 40 tokens, TTFT 20 ms, prefill 500 tok/s, decode 120 tok/s"
std::string summary(const Answer& answer);

}  // namespace assay::cli
