// assay models synth: random weights of a real shape.
#include <cstdio>
#include <filesystem>
#include <memory>

#include "artifact/shapes.h"
#include "cli/models.h"

namespace assay::cli {
namespace {

struct SynthArguments {
  std::string name;
  std::string config;
  std::string quant = "q4_0";
  std::string out;
  std::uint64_t seed = 1;
  std::uint32_t context = 0;
  std::uint32_t threads = 0;
  bool pure = false;
};

// "qwen3-0.6b", or the name of the folder that the config.json lies in.
std::string title(const SynthArguments& arguments) {
  if (!arguments.name.empty()) return arguments.name;
  const auto folder = std::filesystem::absolute(arguments.config).parent_path().filename().string();
  return folder.empty() ? "model" : folder;
}

Result<void> synth(Session& session, const SynthArguments& arguments) {
  if (arguments.name.empty() == arguments.config.empty())
    return fail(Errc::bad_value, "synth: expected a shape (" + artifact::shape_names() + ") or --config config.json");
  auto config = arguments.config.empty() ? artifact::shape_by_name(arguments.name)
                                         : artifact::shape_from_config(arguments.config);
  if (!config) return std::unexpected(std::move(config.error()));
  const auto type = artifact::stored_type_from_name(arguments.quant);
  if (!type) return std::unexpected(with_context("--quant", type.error()));
  if (arguments.context != 0) config->context_train = arguments.context;
  if (config->model_name.empty()) config->model_name = title(arguments);
  const artifact::SynthOptions options{.config = std::move(*config),
                                       .type = *type,
                                       .head = arguments.pure ? artifact::HeadType::same : artifact::HeadType::usual,
                                       .seed = arguments.seed};
  const std::string path = arguments.out.empty() ? title(arguments) + "-" + arguments.quant + ".gguf" : arguments.out;
  const auto made = synthesize_file(session, options, path, arguments.threads);
  if (!made) return std::unexpected(made.error());
  if (session.json) {
    session.print({{"path", path},
                   {"bytes", made->file_bytes},
                   {"tensors", made->tensors},
                   {"quant", arguments.quant},
                   {"seed", arguments.seed},
                   {"notes", made->notes}});
  } else {
    std::printf("%s: %s, %llu tensors, %s, random weights of seed %llu\n", path.c_str(),
                human_bytes(static_cast<double>(made->file_bytes)).c_str(),
                static_cast<unsigned long long>(made->tensors), arguments.quant.c_str(),
                static_cast<unsigned long long>(arguments.seed));
  }
  return {};
}

}  // namespace

Result<artifact::WrittenModel> synthesize_file(const Session& session, const artifact::SynthOptions& options,
                                               const std::string& path, std::uint32_t threads) {
  device::ThreadPool pool(threads != 0 ? threads : device::default_threads());
  Progress progress(session.clock, session.progress(), "synthesizing", artifact::synth_bytes(options), "B");
  auto made = artifact::synthesize(options, path, pool, [&](std::uint64_t bytes) {
    progress.update(bytes);
    return true;
  });
  progress.finish();
  if (made && !session.json) {
    for (const std::string& note : made->notes) std::fprintf(stderr, "%s\n", note.c_str());
  }
  return made;
}

void add_models_synth(CLI::App& models, Session& session) {
  auto arguments = std::make_shared<SynthArguments>();
  CLI::App* command = models.add_subcommand("synth", "a GGUF of random weights in a real model's shape");
  command->footer(
      "Speed does not depend on the weights' values: measure a model before it is downloaded.\n"
      "Examples:\n  assay models synth qwen3-4b --quant q4_0\n"
      "  assay models synth --config config.json --quant q4_k --out big.gguf");
  command->add_option("name", arguments->name, "shape: " + artifact::shape_names());
  command->add_option("--config", arguments->config, "config.json of any other model, as Hugging Face folders have it");
  command->add_option("-q,--quant", arguments->quant, "type of the matrices")->capture_default_str();
  command->add_option("-o,--out", arguments->out, "the file to write (default: NAME-QUANT.gguf)");
  command->add_option("--seed", arguments->seed, "of the weights")->capture_default_str();
  command->add_option("--context", arguments->context,
                      "positions the file says it was trained on (default: the shape's)");
  command->add_option("-t,--threads", arguments->threads, "threads (default: one per core)");
  command->add_flag("--pure", arguments->pure, "the head gets the same type, not q6_k");
  command->callback([arguments, &session] {
    if (const auto done = synth(session, *arguments); !done) session.fail(done.error());
  });
}

}  // namespace assay::cli
