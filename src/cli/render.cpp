// assay render: the text that a chat template makes of a context, exactly as Jinja2 would.
#include <charconv>
#include <cstdio>
#include <ctime>
#include <iostream>
#include <iterator>
#include <memory>

#include "base/mapped_file.h"
#include "cli/command.h"
#include "tokenizer/jinja/template.h"

namespace assay::cli {
namespace {

constexpr std::size_t context_bytes_max = 256U
                                          << 20;  // a conversation of any model's context, with tools, is far smaller

struct RenderOptions {
  std::string source;
  std::string context;
  std::string now;
};

// "2026-07-26", "2026-07-26 12:00:00" (or with a T), as seconds since 1970 of that wall time.
Result<std::int64_t> parse_moment(const std::string& text) {
  std::tm parts{};
  const auto number = [&text](std::size_t begin, std::size_t size, int& out) {
    const char* first = text.data() + begin;
    const auto [end, status] = std::from_chars(first, first + size, out);
    return status == std::errc{} && end == first + size;
  };
  bool good = (text.size() == 10 || text.size() == 19) && text[4] == '-' && text[7] == '-' &&
              number(0, 4, parts.tm_year) && number(5, 2, parts.tm_mon) && number(8, 2, parts.tm_mday);
  if (good && text.size() == 19) {
    good = (text[10] == ' ' || text[10] == 'T') && text[13] == ':' && text[16] == ':' && number(11, 2, parts.tm_hour) &&
           number(14, 2, parts.tm_min) && number(17, 2, parts.tm_sec);
  }
  if (!good || parts.tm_year < 1900 || parts.tm_mon < 1 || parts.tm_mon > 12 || parts.tm_mday < 1 ||
      parts.tm_mday > 31 || parts.tm_hour > 23 || parts.tm_min > 59 || parts.tm_sec > 60) {
    return assay::fail(Errc::bad_value, "--now is \"" + text + "\", expected 2026-07-26 or \"2026-07-26 12:00:00\"");
  }
  parts.tm_year -= 1900;
  parts.tm_mon -= 1;
  return static_cast<std::int64_t>(timegm(&parts));
}

// This machine's wall time, zone included, as datetime.now() has it.
std::int64_t local_now() {
  const auto utc = static_cast<std::time_t>(wall_seconds());
  std::tm parts{};
  localtime_r(&utc, &parts);
  return static_cast<std::int64_t>(timegm(&parts));
}

Result<std::string> read(const std::string& path) {
  if (path == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  return read_text_file(path, context_bytes_max);
}

Result<void> render(const Session& session, const RenderOptions& options) {
  const auto source = read_text_file(options.source, jinja::Limits{}.source_bytes_max);
  if (!source) return std::unexpected(source.error());
  const auto text = read(options.context);
  if (!text) return std::unexpected(text.error());
  const auto context = parse_json(*text, options.context);
  if (!context) return std::unexpected(context.error());

  jinja::RenderOptions how;
  how.now_seconds = local_now();
  if (!options.now.empty()) {
    const auto moment = parse_moment(options.now);
    if (!moment) return std::unexpected(moment.error());
    how.now_seconds = *moment;
  }
  const auto parsed = jinja::Template::parse(*source);
  if (!parsed) return std::unexpected(with_context(options.source, parsed.error()));
  const auto out = parsed->render(*context, how);
  if (!out) return std::unexpected(with_context(options.source, out.error()));
  if (session.json) {
    session.print(Json{{"text", *out}, {"bytes", out->size()}, {"template", options.source}});
  } else {
    std::fwrite(out->data(), 1, out->size(), stdout);
  }
  return {};
}

}  // namespace

void add_render(CLI::App& app, Session& session) {
  auto options = std::make_shared<RenderOptions>();
  CLI::App* command = app.add_subcommand("render", "the prompt text that a chat template makes of a context");
  command->footer("Example:\n  assay render chat_template.jinja context.json --now '2026-07-26 12:00:00'");
  command->add_option("template", options->source, "the template, a file of Jinja")->required();
  command->add_option("context", options->context, "its variables, a file with a JSON object; - for stdin")->required();
  command->add_option("--now", options->now, "the time that strftime_now shows; this machine's by default");
  command->callback([options, &session] {
    if (const auto done = render(session, *options); !done) session.fail(done.error());
  });
}

}  // namespace assay::cli
