// assay chat: a conversation in the terminal.
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "base/output_file.h"
#include "cli/chat_input.h"
#include "cli/generate.h"
#include "cli/model_options.h"
#include "cli/sampling_options.h"
#include "cli/terminal/line_editor.h"
#include "schedule/sampler.h"
#include "schedule/scheduler.h"
#include "tokenizer/chat_encode.h"

namespace assay::cli {
namespace {

constexpr const char* help =
    "/help            this\n"
    "/system TEXT     set the system message and start again\n"
    "/reset           forget the conversation\n"
    "/undo            take back the last question and answer\n"
    "/again           answer the last question again\n"
    "/temp X          temperature; 0: always the most likely token\n"
    "/seed N          seed of the next answers\n"
    "/max N           most tokens of an answer\n"
    "/stats           switch counts and speeds after each answer on or off\n"
    "/save FILE       write the conversation as JSON\n"
    "/exit            leave; so does ctrl-D\n"
    "ctrl-C stops an answer. A line that ends in \\ goes on in the next.\n";

struct ChatOptions {
  ModelOptions model;
  GenerationOptions generation;
  std::string system;
  bool stats = false;
};

// A loaded model and what was said so far.
class Chat {
 public:
  Chat(Session& session, ChatOptions& options, const LoadedModel& model, ChatTemplate chat_template)
      : session_(session),
        options_(options),
        model_(model),
        template_(std::move(chat_template)),
        engine_(*model.backend, session.clock, model.detokenize.get(), {}),
        messages_(conversation(options.system, "")) {}

  // Reads lines until the end. An error within (a prompt over the context, a bad setting) is said and the talk goes on.
  Result<void> talk(LineEditor& editor) {
    editor_ = &editor;
    while (true) {
      const LineEditor::Line line = editor.read();
      if (const auto lost = editor.history_error()) std::fprintf(stderr, "assay: %s\n", to_string(*lost).c_str());
      if (line.kind == LineEditor::Line::Kind::end) break;
      if (line.kind == LineEditor::Line::Kind::interrupted) {
        if (line.was_empty) std::fputs("ctrl-D or /exit leaves\n", stderr);
        continue;
      }
      const bool is_command = !command_word(line.text).empty();
      const std::string message = is_command ? line.text : message_of(line.text);
      if (message.find_first_not_of(" \t\n") == std::string::npos) continue;
      const auto done = is_command ? command(message) : ask(message);
      if (leave_ || std::ferror(stdout) != 0) break;
      if (done) continue;
      if (done.error().code == Errc::engine_lost) return done;
      if (!editor.interactive()) failed_ = true;
      std::fprintf(stderr, "assay: %s\n", to_string(done.error()).c_str());
    }
    return {};
  }

  bool failed() const { return failed_; }

 private:
  Result<void> ask(const std::string& text) {
    messages_.push_back({{"role", "user"}, {"content", text}});
    auto done = answer();
    if (!done) messages_.erase(messages_.size() - 1);
    return done;
  }

  Result<void> answer() {
    ChatInput input;
    input.messages = messages_;
    const auto prompt = encode_chat(template_, *model_.tokenizer, input, wall_seconds());
    if (!prompt) return std::unexpected(prompt.error());
    Request request;
    request.id = ++last_id_;
    request.prompt = *prompt;
    request.sampling = options_.generation.sampling;
    request.output_tokens_max = options_.generation.max_tokens;
    request.output_tokens_min = options_.generation.min_tokens;
    request.stop_texts = options_.generation.stop;
    const auto ends = model_.tokenizer->end_tokens();
    request.stop_tokens.assign(ends.begin(), ends.end());
    clear_interrupt();
    const auto result = generate(
        engine_, session_.clock, request, [](std::string_view piece) { show_text(piece); },
        [this] {
          editor_->gather();
          return interrupted() || std::ferror(stdout) != 0;
        });
    clear_interrupt();
    std::fputs("\n", stdout);
    std::fflush(stdout);
    if (!result) return std::unexpected(result.error());
    if (result->finish == Finish::cancelled) std::fputs("[stopped]\n", stderr);
    if (result->finish == Finish::length) std::fputs("[cut at --max-tokens; /max N allows more]\n", stderr);
    if (result->finish == Finish::context) std::fputs("[the context is full; /reset begins anew]\n", stderr);
    if (options_.stats) std::fprintf(stderr, "[%s]\n", summary(*result).c_str());
    messages_.push_back({{"role", "assistant"}, {"content", result->text}});
    return {};
  }

  // Drops messages from the end down to and with the last one of `role`; false where there is none.
  bool drop_back_to(std::string_view role) {
    std::size_t keep = messages_.size();
    while (keep > 0 && messages_[keep - 1]["role"] != role) --keep;
    if (keep == 0) return false;
    while (messages_.size() >= keep) messages_.erase(messages_.size() - 1);
    return true;
  }

  Result<void> command(const std::string& line) {
    const auto space = line.find(' ');
    const std::string name = line.substr(0, space);
    const std::string rest = space == std::string::npos ? "" : line.substr(line.find_first_not_of(' ', space));
    if (name == "/exit" || name == "/quit") {
      leave_ = true;
    } else if (name == "/help") {
      std::fputs(help, stdout);
    } else if (name == "/reset") {
      messages_ = conversation(options_.system, "");
    } else if (name == "/system") {
      options_.system = rest;
      messages_ = conversation(rest, "");
    } else if (name == "/undo") {
      if (!drop_back_to("user")) return fail(Errc::bad_value, "/undo: nothing was asked yet");
    } else if (name == "/again") {
      const bool answered = !messages_.empty() && messages_.back()["role"] == "assistant";
      if (!answered || !drop_back_to("assistant")) return fail(Errc::bad_value, "/again: nothing was answered yet");
      return answer();
    } else if (name == "/stats") {
      options_.stats = !options_.stats;
    } else if (name == "/temp") {
      Sampling changed = options_.generation.sampling;
      ASSAY_TRY(number(name, rest, changed.temperature));
      ASSAY_TRY(schedule::check_sampling(changed, model_.backend->facts().vocab));
      options_.generation.sampling = changed;
    } else if (name == "/seed") {
      return number(name, rest, options_.generation.sampling.seed);
    } else if (name == "/max") {
      std::uint32_t most = 0;
      ASSAY_TRY(number(name, rest, most));
      if (most == 0) return fail(Errc::bad_value, "/max: \"0\", expected at least 1");
      options_.generation.max_tokens = most;
    } else if (name == "/save") {
      return save(rest);
    } else {
      return fail(Errc::bad_value, name + ": no such command; /help lists them");
    }
    return {};
  }

  template <class T>
  Result<void> number(const std::string& name, const std::string& text, T& value) {
    T met{};
    bool good = false;
    if constexpr (std::is_floating_point_v<T>) {
      char* end = nullptr;  // strtof rather than from_chars: libc++ has none for float
      met = std::strtof(text.c_str(), &end);
      good = !text.empty() && end == text.c_str() + text.size() && std::isfinite(met) && met >= 0;
    } else {
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), met);
      good = error == std::errc() && end == text.data() + text.size();
    }
    if (good) {
      value = met;
      return {};
    }
    return fail(Errc::bad_value,
                name + ": \"" + text + "\", expected a number that is not negative" +
                    (std::is_floating_point_v<T> ? "" : ", whole, and below 2^" + std::to_string(8 * sizeof(T))));
  }

  Result<void> save(const std::string& path) {
    if (path.empty()) return fail(Errc::bad_value, "/save: expected a file name");
    const std::string text =
        Json{{"model", model_.path}, {"messages", messages_}}.dump(2, ' ', false, Json::error_handler_t::replace) +
        "\n";
    auto file = OutputFile::create(path, text.size());
    if (!file) return std::unexpected(std::move(file.error()));
    ASSAY_TRY(file->write(text));
    return file->commit();
  }

  Session& session_;
  ChatOptions& options_;
  const LoadedModel& model_;
  ChatTemplate template_;
  schedule::Scheduler engine_;
  Json messages_;
  LineEditor* editor_ = nullptr;
  RequestId last_id_ = 0;
  bool leave_ = false;
  bool failed_ = false;
};

Result<void> chat(Session& session, ChatOptions& options) {
  if (session.json) return fail(Errc::unsupported, "chat --json: a conversation is for people; use 'assay run --json'");
  auto model = load_model(session, options.model);
  if (!model) return std::unexpected(std::move(model.error()));
  auto chat_template = load_chat_template(**model);
  if (!chat_template) return std::unexpected(std::move(chat_template.error()));
  Chat conversation(session, options, **model, std::move(*chat_template));
  EditorOptions edit;
  edit.history_file = (session.home() / "chat_history").string();
  edit.unfinished = unfinished;
  edit.stands_alone = [](std::string_view line) { return !command_word(line).empty(); };
  LineEditor editor(std::move(edit));
  catch_interrupts();
  if (editor.interactive()) std::printf("%s. /help lists commands, ctrl-D leaves.\n", (*model)->path.c_str());
  const auto done = conversation.talk(editor);
  if (conversation.failed()) session.finish(Exit::no);
  return done;
}

}  // namespace

void add_chat(CLI::App& app, Session& session) {
  auto options = std::make_shared<ChatOptions>();
  CLI::App* command = app.add_subcommand("chat", "a conversation in the terminal");
  command->footer(std::string("Within it:\n") + help + "Example:\n  assay chat --temp 0.7 --system 'Answer briefly.'");
  command->add_option("--system", options->system, "system message");
  command->add_flag("--stats", options->stats, "counts and speeds after each answer");
  add_model_options(*command, options->model);
  add_engine_option(*command, options->model);
  add_generation_options(*command, options->generation);
  command->callback([options, &session] {
    if (const auto done = chat(session, *options); !done) session.fail(done.error());
  });
}

}  // namespace assay::cli
