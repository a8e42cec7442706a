// assay run: one answer in the terminal.
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>

#include "cli/answer_text.h"
#include "cli/generate.h"
#include "cli/model_options.h"
#include "cli/sampling_options.h"
#include "schedule/scheduler.h"

namespace assay::cli {
namespace {

struct RunOptions {
  ModelOptions model;
  GenerationOptions generation;
  std::string prompt;
  bool prompt_given = false;  // as an argument, perhaps empty
  std::string system;
  bool raw = false;
  bool parse_special = false;
  bool stats = false;
};

Result<void> run(Session& session, RunOptions& options) {
  if (!options.prompt_given) {
    if (::isatty(STDIN_FILENO) == 1) {
      return fail(Errc::bad_value, "no prompt: expected one as an argument or on stdin");
    }
    options.prompt.assign(std::istreambuf_iterator<char>(std::cin), {});
  }
  if (options.prompt.empty() && !options.raw) {
    return fail(Errc::bad_value, options.prompt_given ? "the prompt is empty" : "stdin is empty: expected a prompt");
  }
  auto model = load_model(session, options.model, Parts::closed);
  if (!model) return std::unexpected(std::move(model.error()));
  const LoadedModel& loaded = **model;
  const EncodeOptions plain{.parse = options.parse_special ? ParseSpecial::as_tokens : ParseSpecial::as_text};
  auto prompt = options.raw ? loaded.tokenizer->encode(options.prompt, plain)
                            : chat_prompt(loaded, conversation(options.system, options.prompt));
  if (!prompt) return std::unexpected(std::move(prompt.error()));

  schedule::Scheduler engine(*loaded.backend, session.clock, loaded.detokenize.get(), {});
  Request request;
  request.id = 1;
  request.prompt = *prompt;
  request.sampling = options.generation.sampling;
  request.sampling.seed = chosen_seed(options.generation);
  request.output_tokens_max = options.generation.max_tokens;
  request.output_tokens_min = options.generation.min_tokens;
  request.stop_texts = options.generation.stop;
  const auto ends = loaded.tokenizer->end_tokens();
  request.stop_tokens.assign(ends.begin(), ends.end());
  AnswerText shown;
  const auto answer = generate(
      engine, session.clock, request,
      [&](std::string_view text) {
        if (!session.json) shown.push(text);
      },
      [] { return std::ferror(stdout) != 0; });
  if (!answer) return std::unexpected(with_option_names(answer.error()));
  if (session.json) {
    Json out = to_json(*answer);
    out["model"] = loaded.path;
    out["engine"] = loaded.backend->facts().name;
    session.print(out);
    return {};
  }
  shown.finish();
  if (options.stats) std::fprintf(stderr, "%s\n", summary(*answer).c_str());
  return {};
}

}  // namespace

void add_run(CLI::App& app, Session& session) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "one answer to one prompt");
  command->footer("Example:\n  assay run 'What colour is the sky?' --max-tokens 40 --stats");
  CLI::Option* prompt =
      command->add_option("prompt", options->prompt, "the question or text; without it, stdin is read");
  CLI::Option* system = command->add_option("--system", options->system, "system message");
  CLI::Option* raw = command->add_flag("--raw", options->raw, "complete the text as it is, without the chat template");
  command
      ->add_flag("--parse-special", options->parse_special,
                 "with --raw: control tokens in the text, like <|im_end|>, are control tokens")
      ->needs(raw);
  system->excludes(raw);
  command->add_flag("--stats", options->stats, "print counts and speeds on stderr");
  add_model_options(*command, options->model);
  add_engine_option(*command, options->model);
  add_generation_options(*command, options->generation);
  command->callback([options, prompt, &session] {
    options->prompt_given = prompt->count() > 0;
    if (const auto good = check_generation(options->generation); !good) return session.refuse(good.error().detail);
    if (const auto done = run(session, *options); !done) session.fail(done.error());
  });
}

}  // namespace assay::cli
