// assay: local LLM inference under contract. Wires the parts together; decides nothing.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>

#include "cli/command.h"

namespace {

using assay::cli::Exit;

// A program started with stdout closed (>&-) would give its number to the next file opened, and print into that file.
// Opened the wrong way round, what is printed fails and is told.
void hold_standard_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
    if (::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0) return;
  }
}

// CLI11 reads "" as the number 0, so that an unset variable of a script (--context "$N") would mean something else
// silently, and -1 as 18446744073709551615 where a number has 64 bits.
void refuse_misread_numbers(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    const std::string type = option->get_type_name();
    if (type != "UINT" && type != "INT" && type != "FLOAT") continue;
    option->check([](const std::string& text) { return text.empty() ? "met nothing, expected a number" : ""; });
    if (type != "UINT") continue;
    option->check([](const std::string& text) {
      return text.starts_with('-') ? "met " + text + ", expected 0 or more" : std::string();
    });
  }
  for (CLI::App* command : app.get_subcommands({})) refuse_misread_numbers(*command);
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

}  // namespace

int main(int argc, char** argv) {
  hold_standard_streams();
  try {
    CLI::App app{"assay: local LLM inference under contract"};
    assay::cli::Session session;
    session.command_line = "assay";
    for (int i = 1; i < argc; ++i) session.command_line += " " + shell_word(argv[i]);
    app.add_flag("--json", session.json, "print one JSON document on stdout");
    app.set_version_flag("--version", ASSAY_VERSION);
    app.require_subcommand(1);
    app.fallthrough();
    app.failure_message([](const CLI::App*, const CLI::Error& error) {
      return "assay: " + std::string(error.what()) + "\nTry 'assay --help' or 'assay COMMAND --help'.\n";
    });
    assay::cli::add_matrix(app, session);
    assay::cli::add_models(app, session);
    assay::cli::add_engines(app, session);
    assay::cli::add_run(app, session);
    assay::cli::add_chat(app, session);
    assay::cli::add_render(app, session);
    assay::cli::add_parity(app, session);
    assay::cli::add_doctor(app, session);
    assay::cli::add_tokenize(app, session);

    refuse_misread_numbers(app);

    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      if (app.exit(error) == 0) return checked(0);
      const bool json =
          std::any_of(argv + 1, argv + argc, [](const char* word) { return word == std::string_view("--json"); });
      if (json) session.print({{"error", {{"code", "usage"}, {"detail", error.what()}, {"at", 0}}}});
      return checked(static_cast<int>(Exit::usage));
    }
    return checked(session.exit_code);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "assay: bug in assay: %s\n", error.what());
    return static_cast<int>(Exit::engine);
  }
}
