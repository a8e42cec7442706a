// assay run: one answer in the terminal.
#include <cstdio>
#include <memory>

#include "cli/answer_text.h"
#include "cli/generate.h"
#include "cli/interrupt.h"
#include "cli/model_options.h"
#include "cli/prompt_input.h"
#include "cli/sampling_options.h"
#include "schedule/scheduler.h"

namespace assay::cli {
namespace {

struct RunOptions {
  ModelOptions model;
  GenerationOptions generation;
  PromptInput input;
  std::string system;
  bool raw = false;
  bool parse_special = false;
  bool stats = false;
};

Result<std::vector<Token>> tokens_of(const LoadedModel& model, const RunOptions& options, const std::string& text,
                                     std::uint32_t context) {
  const EncodeOptions plain{.parse = options.parse_special ? ParseSpecial::as_tokens : ParseSpecial::as_text};
  auto prompt =
      options.raw ? model.tokenizer->encode(text, plain) : chat_prompt(model, conversation(options.system, text));
  if (!prompt) return prompt;
  if (prompt->size() < context) return prompt;
  return fail(Errc::bad_value, "prompt has " + std::to_string(prompt->size()) + " tokens, context holds " +
                                   std::to_string(context) +
                                   (prompt->size() == context ? ": no room for an answer" : ""));
}

Result<void> run(Session& session, const RunOptions& options) {
  const Interrupt interrupt(session.stop);
  const auto text = gather_prompt(options.input, session.stop);
  if (!text) return std::unexpected(text.error());
  std::vector<Token> prompt;
  auto model = load_model(session, options.model, Parts::closed,
                          [&](const LoadedModel& described, std::uint32_t context) -> Result<void> {
                            auto tokens = tokens_of(described, options, *text, context);
                            if (!tokens) return std::unexpected(std::move(tokens.error()));
                            prompt = std::move(*tokens);
                            return {};
                          });
  if (!model) return std::unexpected(std::move(model.error()));
  const LoadedModel& loaded = **model;

  schedule::Scheduler engine(*loaded.backend, session.clock, loaded.detokenize.get(), {});
  Request request;
  request.id = 1;
  request.prompt = prompt;
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
      [&](std::string_view piece) {
        if (!session.json) shown.push(piece);
      },
      [&] { return session.stop.asked() || std::ferror(stdout) != 0; });
  if (!answer) return std::unexpected(with_option_names(answer.error()));
  if (session.json) {
    Json out = to_json(*answer);
    out["model"] = loaded.path;
    out["engine"] = loaded.backend->facts().name;
    session.print(out);
  } else {
    shown.finish();
  }
  if (options.stats) std::fprintf(stderr, "%s\n", summary(*answer).c_str());
  if (session.stop.asked()) {
    std::fprintf(stderr, "assay: cancelled: stopped after %zu tokens\n", answer->tokens.size());
    session.finish(Exit::no);
  }
  return {};
}

}  // namespace

void add_run(CLI::App& app, Session& session) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "one answer to one prompt");
  command->footer(
      "Example:\n  assay run 'What colour is the sky?' --max-tokens 40 --stats\n  cat notes.txt | assay run "
      "'Summarise:'");
  CLI::Option* prompt = command->add_option("prompt", options->input.prompt,
                                            "the question or text; \"-\": stdin. What is piped in is put behind it");
  command
      ->add_option("-f,--file", options->input.files,
                   "a file whose text is put behind the prompt; may be given several times")
      ->allow_extra_args(false);
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
  command->callback([options, prompt, command, &session] {
    refuse_idle_settings(*command, options->generation);
    options->input.given = prompt->count() > 0;
    options->input.may_be_empty = options->raw;
    if (const auto good = check_generation(options->generation); !good) return session.refuse(good.error().detail);
    if (const auto done = run(session, *options); !done) session.fail(done.error());
  });
}

}  // namespace assay::cli
