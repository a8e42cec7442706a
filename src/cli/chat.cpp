// assay chat: a conversation in the terminal.
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "cli/chat_input.h"
#include "cli/chat_session.h"
#include "cli/interrupt.h"

namespace assay::cli {
namespace {

Result<void> chat(Session& session, ChatOptions& options) {
  auto interrupt = std::make_unique<Interrupt>(session.stop);  // while it loads; later ctrl-C stops an answer
  auto conversation = ChatSession::open(session, options);
  interrupt.reset();
  if (!conversation) return std::unexpected(std::move(conversation.error()));
  ChatSession& talk = **conversation;
  EditorOptions edit;
  edit.prompt_shown = session.style(STDOUT_FILENO).bold(">") + " ";
  edit.history_file = (session.home() / "chat_history").string();
  edit.unfinished = unfinished;
  edit.stands_alone = [](std::string_view line) { return !command_word(line).empty(); };
  edit.complete = [&talk](std::string_view text, std::size_t cursor) { return talk.complete(text, cursor); };
  LineEditor editor(std::move(edit));
  catch_interrupts();
  if (editor.interactive()) {
    std::printf("%s\n%s\n", talk.headline().c_str(),
                session.style(STDOUT_FILENO).dim("/help lists commands, ctrl-D leaves.").c_str());
  }
  const auto done = talk.talk(editor);
  if (talk.failed()) session.finish(Exit::no);
  return done;
}

}  // namespace

void add_chat(CLI::App& app, Session& session) {
  auto options = std::make_shared<ChatOptions>();
  CLI::App* command = app.add_subcommand("chat", "a conversation in the terminal");
  command->footer("Within it:\n" + chat_help() + "Example:\n  assay chat --temp 0.7 --system 'Answer briefly.'");
  command->add_option("--system", options->system, "system message");
  command->add_flag("--stats", options->stats, "counts, speeds and seed after each answer");
  add_model_options(*command, options->model);
  add_engine_option(*command, options->model);
  add_generation_options(*command, options->generation);
  command->callback([options, &session] {
    if (session.json) return session.refuse("chat has no --json: a conversation is for people; use 'assay run --json'");
    if (const auto good = check_generation(options->generation); !good) return session.refuse(good.error().detail);
    if (const auto done = chat(session, *options); !done) session.fail(done.error());
  });
}

}  // namespace assay::cli
