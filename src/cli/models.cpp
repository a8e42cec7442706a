// assay models: weights kept, checked, changed and made.
#include "cli/models.h"

namespace assay::cli {

void add_models(CLI::App& app, Session& session) {
  CLI::App* command = app.add_subcommand("models", "models kept by name; convert and synthesize weights");
  command->require_subcommand(1);
  command->footer(
      "Examples:\n  assay models import ~/Downloads/qwen3-4b-q4_0.gguf\n  assay models list\n"
      "  assay models synth qwen3-0.6b --quant q4_0 --out qwen3-0.6b-q4_0.gguf");
  add_models_store(*command, session);
  add_models_verify(*command, session);
  add_models_info(*command, session);
  add_models_convert(*command, session);
  add_models_synth(*command, session);
}

}  // namespace assay::cli
