// A conversation in the terminal: the model, what was said, and the commands that begin with a slash.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cli/generate.h"
#include "cli/model_options.h"
#include "cli/sampling_options.h"
#include "cli/terminal/line_editor.h"
#include "schedule/scheduler.h"

namespace assay::cli {

struct ChatOptions {
  ModelOptions model;
  GenerationOptions generation;
  std::string system;
  bool stats = false;
};

struct ChatCommand {
  std::string_view name;      // "/temp"
  std::string_view argument;  // "X", "" where it takes none
  std::string_view help;
};

// In the order of /help. Other names of the same: /quit and /bye for /exit, /clear for /reset.
std::vector<ChatCommand> chat_commands();
// The lines of /help.
std::string chat_help();

class ChatSession final {
 public:
  // Errc as load_model(), and where the model has no chat template.
  static Result<std::unique_ptr<ChatSession>> open(Session& session, ChatOptions& options);

  // Reads texts until the end. An error within (a prompt over the context, a bad setting) is said and the talk goes on.
  Result<void> talk(LineEditor& editor);
  // Was a text refused that came from no person?
  bool failed() const { return failed_; }
  // "qwen3-0.6b-q4_0, direct 0.1.0, context 8192, temperature 0.7, seed 1234"
  std::string headline() const;
  Completion complete(std::string_view text, std::size_t cursor) const;

 private:
  ChatSession(Session& session, ChatOptions& options)
      : session_(session),
        options_(options),
        next_seed_(chosen_seed(options.generation)),
        messages_(conversation(options.system, "")) {}

  Result<void> use(std::unique_ptr<LoadedModel> model);
  Result<std::vector<Token>> prompt_of(const Json& messages) const;
  Result<void> ask(const std::string& text);
  Result<void> answer();
  std::string too_long(std::size_t tokens) const;

  Result<void> command(const std::string& line);
  Result<void> set(const std::string& asked_as, const std::string& name, const std::string& value);
  Result<void> set_any(const std::string& rest);
  Result<void> show();
  Result<void> undo();
  Result<void> again();
  Result<void> roll();
  Result<void> save(std::string rest, bool replace);
  Result<void> load(const std::string& path);
  Result<void> change_model(const std::string& name);
  void say(const std::string& line) const;
  void begin_anew(const std::string& because);
  std::size_t questions() const;

  Session& session_;
  ChatOptions& options_;
  std::unique_ptr<LoadedModel> model_;
  std::unique_ptr<ChatTemplate> template_;
  std::unique_ptr<schedule::Scheduler> engine_;
  std::uint64_t next_seed_;  // of the next answer: one more for each
  Json messages_;
  LineEditor* editor_ = nullptr;
  RequestId last_id_ = 0;
  bool leave_ = false;
  bool failed_ = false;
};

}  // namespace assay::cli
