#include "cli/chat_session.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <utility>

#include "artifact/store.h"
#include "cli/answer_text.h"
#include "cli/chat_input.h"
#include "tokenizer/chat_encode.h"

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

// "qwen3-0.6b-q4_0" of a file, the folder's name of a folder.
std::string short_name(const std::string& path) {
  fs::path name = fs::path(path).lexically_normal();
  if (!name.has_filename()) name = name.parent_path();
  return name.extension() == ".gguf" ? name.stem().string() : name.filename().string();
}

std::string shown(float value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%g", static_cast<double>(value));
  return text.data();
}

// What a path that was begun may become.
void add_paths(const std::string& begun, std::vector<std::string>& out) {
  constexpr std::size_t most = 500;
  const auto slash = begun.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : begun.substr(0, slash + 1);
  const std::string begin = begun.substr(folder.size());
  std::string place = folder.empty() ? "." : folder;
  const char* home = std::getenv("HOME");
  if (place.starts_with("~/") && home != nullptr) place.replace(0, 1, home);
  std::error_code error;
  for (fs::directory_iterator at(place, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with(begin) || (begin.empty() && name.starts_with('.'))) continue;
    std::error_code no_folder;
    out.push_back(folder + name + (at->is_directory(no_folder) ? "/" : ""));
    if (out.size() == most) break;
  }
}

}  // namespace

Result<std::unique_ptr<ChatSession>> ChatSession::open(Session& session, ChatOptions& options) {
  std::unique_ptr<ChatSession> out(new ChatSession(session, options));
  auto model = load_model(session, options.model, Parts::closed);
  if (!model) return std::unexpected(std::move(model.error()));
  ASSAY_TRY(out->use(std::move(*model)));
  return out;
}

Result<void> ChatSession::use(std::unique_ptr<LoadedModel> model) {
  auto parsed = load_chat_template(*model);
  if (!parsed) return std::unexpected(std::move(parsed.error()));
  engine_.reset();  // it borrows the model before
  model_ = std::move(model);
  template_ = std::make_unique<ChatTemplate>(std::move(*parsed));
  engine_ = std::make_unique<schedule::Scheduler>(*model_->backend, session_.clock, model_->detokenize.get(),
                                                  schedule::SchedulerOptions{});
  return {};
}

std::string ChatSession::headline() const {
  const BackendFacts& facts = model_->backend->facts();
  return short_name(model_->path) + ", " + facts.name + (facts.version.empty() ? "" : " " + facts.version) +
         ", context " + std::to_string(facts.context) + ", temperature " +
         shown(options_.generation.sampling.temperature) + ", seed " + std::to_string(next_seed_);
}

Result<void> ChatSession::talk(LineEditor& editor) {
  editor_ = &editor;
  while (true) {
    const LineEditor::Line line = editor.read();
    if (const auto lost = editor.history_error()) {
      std::fputs(session_.error_line(to_string(*lost)).c_str(), stderr);
    }
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
    std::fflush(stdout);
    std::fputs(session_.error_line(to_string(done.error())).c_str(), stderr);
  }
  return {};
}

Result<std::vector<Token>> ChatSession::prompt_of(const Json& messages) const {
  if (messages.empty()) return std::vector<Token>();
  ChatInput input;
  input.messages = messages;
  return encode_chat(*template_, *model_->tokenizer, input, wall_seconds());
}

Result<void> ChatSession::ask(const std::string& text) {
  messages_.push_back({{"role", "user"}, {"content", text}});
  auto done = answer();
  if (!done) messages_.erase(messages_.size() - 1);
  return done;
}

std::string ChatSession::too_long(std::size_t tokens) const {
  const std::string numbers =
      std::to_string(tokens) + " tokens, the context holds " + std::to_string(model_->backend->facts().context);
  if (questions() <= 1) return "this question alone is too long: " + numbers + "; assay chat --context N holds more";
  return "the conversation no longer fits: with this question it has " + numbers +
         ". /roll forgets the oldest turns, /undo the last one, /reset all; then ask again. assay chat --context N "
         "holds more";
}

Result<void> ChatSession::answer() {
  const auto prompt = prompt_of(messages_);
  if (!prompt) return std::unexpected(prompt.error());
  if (prompt->size() >= model_->backend->facts().context) return fail(Errc::full, too_long(prompt->size()));
  Request request;
  request.id = ++last_id_;
  request.prompt = *prompt;
  request.sampling = options_.generation.sampling;
  request.sampling.seed = next_seed_++;
  request.output_tokens_max = options_.generation.max_tokens;
  request.output_tokens_min = std::min(options_.generation.min_tokens, request.output_tokens_max);
  request.stop_texts = options_.generation.stop;
  const auto ends = model_->tokenizer->end_tokens();
  request.stop_tokens.assign(ends.begin(), ends.end());
  // The prompt may be one long pass, which direct ends in its midst. A foreign engine could only be ended with it.
  const bool ours = model_->backend->facts().name == "direct";
  std::optional<StopsOnInterrupt> within(std::in_place, ours ? &session_.stop : nullptr);
  AnswerText text;
  const auto result = generate(
      *engine_, session_.clock, request, [&](std::string_view piece) { text.push(piece); },
      [this] {
        editor_->gather();
        return interrupted() || std::ferror(stdout) != 0;
      });
  within.reset();
  clear_interrupt();
  text.finish();
  if (!result) return std::unexpected(with_option_names(result.error()));
  const Style style = session_.style(STDERR_FILENO);
  const auto note = [&](const std::string& words) {
    std::fputs((style.dim("[" + words + "]") + "\n").c_str(), stderr);
  };
  if (result->finish == Finish::cancelled) note("stopped");
  if (result->finish == Finish::length) note("cut at --max-tokens; /max N allows more");
  if (result->finish == Finish::context)
    note("the context is full: /roll forgets the oldest turns, /undo the last one, /reset all");
  if (options_.stats) note(summary(*result));
  messages_.push_back({{"role", "assistant"}, {"content", result->text}});
  return {};
}

Completion ChatSession::complete(std::string_view text, std::size_t cursor) const {
  Completion out;
  const std::string_view before = text.substr(0, cursor);
  if (!before.starts_with('/') || before.find('\n') != std::string_view::npos) return out;
  const auto space = before.find(' ');
  if (space == std::string_view::npos) {
    for (const ChatCommand& one : chat_commands()) {
      if (one.name.starts_with(before)) out.words.emplace_back(one.name);
    }
    return out;
  }
  const std::string_view name = before.substr(0, space);
  out.begin = before.find_last_of(' ') + 1;
  const std::string begun(before.substr(out.begin));
  const bool first = out.begin == before.find_first_not_of(' ', space) || begun.empty();
  if (name == "/model") {
    if (const auto kept = artifact::Store(session_.home() / "models").list()) {
      for (const auto& one : *kept) {
        if (one.name.starts_with(begun)) out.words.push_back(one.name);
      }
    }
  }
  if (name == "/model" || name == "/load" || name == "/save" || name == "/save!") add_paths(begun, out.words);
  if (name == "/set" && first) {
    CLI::App settings;
    GenerationOptions unused;
    add_generation_options(settings, unused);
    for (const CLI::Option* option : settings.get_options({})) {
      for (const std::string& one : option->get_lnames()) {
        if (one != "help" && one.starts_with(begun)) out.words.push_back(one);
      }
    }
  }
  std::ranges::sort(out.words);
  return out;
}

}  // namespace assay::cli
