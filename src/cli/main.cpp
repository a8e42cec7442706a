// assay: local LLM inference under contract. Wires the parts together; decides nothing.
#include <cstdio>
#include <exception>

#include "cli/command.h"

int main(int argc, char** argv) {
  using assay::cli::Exit;
  try {
    CLI::App app{"assay: local LLM inference under contract"};
    assay::cli::Session session;
    session.command_line = "assay";
    for (int i = 1; i < argc; ++i) session.command_line += std::string(" ") + argv[i];
    app.add_flag("--json", session.json, "print one JSON document on stdout");
    app.set_version_flag("--version", ASSAY_VERSION);
    app.require_subcommand(1);
    app.fallthrough();
    app.failure_message([](const CLI::App*, const CLI::Error& error) {
      return "assay: " + std::string(error.what()) + "\nTry 'assay --help' or 'assay COMMAND --help'.\n";
    });
    assay::cli::add_matrix(app, session);
    assay::cli::add_models(app, session);
    assay::cli::add_run(app, session);
    assay::cli::add_chat(app, session);
    assay::cli::add_render(app, session);
    assay::cli::add_parity(app, session);
    assay::cli::add_doctor(app, session);
    assay::cli::add_tokenize(app, session);

    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app.exit(error) == 0 ? 0 : static_cast<int>(Exit::usage);
    }
    return session.exit_code;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "assay: bug in assay: %s\n", error.what());
    return static_cast<int>(Exit::engine);
  }
}
