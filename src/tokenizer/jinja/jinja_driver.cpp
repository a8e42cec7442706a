// Renders templates from standard input, for the differential tools: one JSON object a line with "template", "context" and
// perhaps "now" (seconds); answers one line each, {"text": ...} or {"error": ...}.
#include <iostream>
#include <string>

#include "tokenizer/jinja/template.h"

int main() {
  using assay::Json;
  for (std::string line; std::getline(std::cin, line);) {
    Json answer;
    const auto request = assay::parse_json(line, "request");
    if (!request || !request->is_object()) {
      answer["error"] = request ? "not an object" : assay::to_string(request.error());
    } else {
      assay::jinja::RenderOptions options;
      if (request->contains("now")) options.now_seconds = request->value("now", std::int64_t{0});
      const auto parsed = assay::jinja::Template::parse(request->value("template", std::string()), options.limits);
      const auto text = parsed ? parsed->render(request->value("context", Json::object()), options)
                               : assay::Result<std::string>(std::unexpected(parsed.error()));
      if (text) {
        answer["text"] = *text;
      } else {
        answer["error"] = text.error().detail;
      }
    }
    std::cout << answer.dump(-1, ' ', false, Json::error_handler_t::replace) << std::endl;
  }
  return 0;
}
