// assay: local LLM inference under contract. Wires the parts together; decides nothing.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/style.h"
#include "cli/command.h"
#include "cli/command_tree.h"
#include "cli/number_option.h"
#include "cli/usage.h"
#include "roster/open.h"

namespace {

using assay::cli::CommandInfo;
using assay::cli::Exit;
using assay::cli::Session;
using assay::cli::UsageError;

// A program started with stdout closed (>&-) would give its number to the next file opened, and print into that file.
// Opened the wrong way round, what is printed fails and is told.
void hold_standard_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
    if (::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0) return;
  }
}

// As a POSIX shell would read it back: a record's command can be pasted.
std::string shell_word(std::string_view text) {
  constexpr std::string_view plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";
  if (!text.empty() && text.find_first_not_of(plain) == std::string_view::npos) return std::string(text);
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

// The exit code, unless what was printed is lost (a full disk): that is never success.
int checked(int code) {
  errno = 0;
  std::cout.flush();
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  std::fprintf(stderr, "assay: system error: stdout cannot be written%s%s\n", errno != 0 ? ": " : "",
               errno != 0 ? std::strerror(errno) : "");
  return code == 0 ? static_cast<int>(Exit::no) : code;
}

// Names that people try, for commands that have another.
void add_aliases(CLI::App& app) {
  for (CLI::App* command : app.get_subcommands({})) {
    if (command->get_name() == "list") command->alias("ls");
    if (command->get_name() == "remove") command->alias("rm");
    add_aliases(*command);
  }
}

// Of --color WHEN or --color=WHEN; what else stands there, the parser refuses.
assay::Colour asked_colour(std::span<const std::string> words) {
  std::string when;
  for (std::size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    if (words[i] == "--color" && i + 1 < words.size()) when = words[i + 1];
    if (words[i].starts_with("--color=")) when = words[i].substr(8);
  }
  if (when == "always") return assay::Colour::always;
  return when == "never" ? assay::Colour::never : assay::Colour::automatic;
}

// The command of this path in the tree.
const CommandInfo& page_of(const CommandInfo& tree, const std::string& path) {
  for (const CommandInfo& below : tree.commands) {
    if (path == below.path || path.starts_with(below.path + " ")) return page_of(below, path);
  }
  return tree;
}

int refuse(const Session& session, const CLI::App& app, const UsageError& error) {
  if (session.json) session.print({{"error", {{"code", "usage"}, {"detail", error.detail}, {"at", 0}}}});
  std::fflush(stdout);
  std::string text = session.error_line(error.detail);
  if (error.missing_command) {
    const CommandInfo tree = assay::cli::command_tree(app);
    text += "\n" + assay::cli::help_text(page_of(tree, error.command), assay::cli::page_columns(STDERR_FILENO),
                                         session.style(STDERR_FILENO));
  } else {
    text += "Try '" + error.command + " --help'.\n";
  }
  std::fwrite(text.data(), 1, text.size(), stderr);
  return checked(static_cast<int>(Exit::usage));
}

// The page of the command that the words name.
int show_help(const Session& session, const CLI::App& app, std::span<const std::string> words) {
  const CommandInfo tree = assay::cli::command_tree(app);
  const CommandInfo& page = page_of(tree, assay::cli::path_of(assay::cli::named_command(app, words)));
  if (session.json) {
    session.print(assay::cli::help_json(page));
  } else {
    const std::string text =
        assay::cli::help_text(page, assay::cli::page_columns(STDOUT_FILENO), session.style(STDOUT_FILENO));
    std::fwrite(text.data(), 1, text.size(), stdout);
  }
  return checked(0);
}

int show_version(const Session& session) {
  if (session.json) {
    session.print({{"program", "assay"}, {"version", ASSAY_VERSION}});
  } else {
    std::puts("assay " ASSAY_VERSION);
  }
  return checked(0);
}

}  // namespace

int main(int argc, char** argv) {
  if (assay::roster::serves_direct(argc, argv)) return assay::roster::serve_direct(argc, argv);
  hold_standard_streams();
  try {
    CLI::App app{"local LLM inference under contract"};
    Session session;
    std::vector<std::string> words;
    session.command_line = "assay";
    for (int i = 1; i < argc; ++i) {
      words.emplace_back(argv[i]);
      session.command_line += " " + shell_word(argv[i]);
    }
    words = assay::cli::with_aliases(std::move(words));
    app.set_help_flag("-h,--help", "this page");
    app.add_flag("--json", session.json, "print one JSON document on stdout");
    app.add_option("--color", "where text has colour")
        ->expected(1)
        ->type_name("TEXT")
        ->check(CLI::IsMember(std::vector<std::string>{"auto", "always", "never"}))
        ->default_str("auto");
    app.set_version_flag("-V,--version", ASSAY_VERSION, "the program's version");
    app.require_subcommand(1);
    app.fallthrough();
    app.footer("Examples:\n  assay run 'What color is grass?'\n  assay chat\n  assay matrix --engines direct");
    assay::cli::add_matrix(app, session);
    assay::cli::add_run(app, session);
    assay::cli::add_chat(app, session);
    assay::cli::add_models(app, session);
    assay::cli::add_engines(app, session);
    assay::cli::add_parity(app, session);
    assay::cli::add_tokenize(app, session);
    assay::cli::add_render(app, session);
    assay::cli::add_doctor(app, session);
    assay::cli::add_generated(app, session);
    add_aliases(app);
    assay::cli::add_number_rules(app);

    // Known before the parser has read it: an error too is one JSON document.
    session.json = std::ranges::find(words, "--json") != words.end();
    session.colour = asked_colour(words);
    if (const auto wrong = assay::cli::check_words(app, words)) return refuse(session, app, *wrong);
    try {
      std::vector<std::string> backwards(words.rbegin(), words.rend());
      app.parse(std::move(backwards));
    } catch (const CLI::CallForHelp&) {
      return show_help(session, app, words);
    } catch (const CLI::CallForVersion&) {
      return show_version(session);
    } catch (const CLI::ParseError& error) {
      const std::string command = assay::cli::path_of(assay::cli::named_command(app, words));
      return refuse(session, app, {assay::cli::in_our_words(error), command});
    }
    return checked(session.exit_code);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "assay: bug in assay: %s\n", error.what());
    return static_cast<int>(Exit::engine);
  }
}
