// assay completions and assay man: for shells and installers, so in no list of commands.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "artifact/store.h"
#include "base/output_file.h"
#include "cli/generated.h"

namespace assay::cli {
namespace {

void put(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

// Nothing where there are none, or they cannot be read: a completion has no place for errors.
void print_names(const Session& session, const std::string& kind) {
  if (kind == "models") {
    if (const auto kept = artifact::Store(session.home() / "models").list()) {
      for (const auto& one : *kept) put(one.name + "\n");
    }
    return;
  }
  put("direct\n");
  std::error_code error;
  for (std::filesystem::directory_iterator at(session.home() / "engines", error), end; !error && at != end;
       at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (!name.starts_with('.')) put(name + "\n");
  }
}

struct Pages {
  std::vector<std::string> words;
  std::string folder;
};

Result<void> write_pages(const CommandInfo& command, const CommandInfo& root, const std::filesystem::path& folder) {
  const std::string text = man_page(command, root, ASSAY_VERSION);
  auto file = OutputFile::create((folder / (page_name(command) + ".1")).string(), text.size());
  if (!file) return std::unexpected(std::move(file.error()));
  ASSAY_TRY(file->write(text));
  ASSAY_TRY(file->commit());
  for (const CommandInfo& below : command.commands) ASSAY_TRY(write_pages(below, root, folder));
  return {};
}

Result<void> man(const CommandInfo& root, const Pages& pages) {
  if (!pages.folder.empty()) return write_pages(root, root, pages.folder);
  const CommandInfo* command = &root;
  for (const std::string& word : pages.words) {
    const auto below = std::ranges::find(command->commands, word, &CommandInfo::name);
    if (below == command->commands.end())
      return fail(Errc::not_found, command->path + " has no command '" + word + "'");
    command = &*below;
  }
  put(man_page(*command, root, ASSAY_VERSION));
  return {};
}

}  // namespace

void add_generated(CLI::App& app, Session& session) {
  CLI::App* completions = app.add_subcommand("completions", "a script that completes assay's words in a shell");
  completions->group("");
  completions->require_subcommand(1);
  completions->footer("Example:\n  source <(assay completions bash)");
  for (const char* shell : {"bash", "zsh", "fish"}) {
    CLI::App* command = completions->add_subcommand(shell, std::string("the script of ") + shell);
    command->callback([&app, shell] { put(completion_script(command_tree(app), shell)); });
  }
  auto kind = std::make_shared<std::string>();
  CLI::App* names = completions->add_subcommand("names", "names that a script asks for");
  names->add_option("kind", *kind, "models or engines")
      ->required()
      ->check(CLI::IsMember(std::vector<std::string>{"models", "engines"}));
  names->callback([kind, &session] { print_names(session, *kind); });

  auto pages = std::make_shared<Pages>();
  CLI::App* command = app.add_subcommand("man", "the manual page of a command, for man -l -");
  command->group("");
  command->footer("Example:\n  assay man run | man -l -");
  command->add_option("command", pages->words, "whose page, such as: models import");
  command->add_option("--out", pages->folder, "write every page into this folder")->type_name("FOLDER");
  command->callback([pages, &app, &session] {
    if (const auto done = man(command_tree(app), *pages); !done) session.fail(done.error());
  });
}

}  // namespace assay::cli
