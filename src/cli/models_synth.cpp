// assay models synth: random weights of a real shape.
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>

#include "artifact/shapes.h"
#include "base/mapped_file.h"
#include "base/sha256.h"
#include "cli/interrupt.h"
#include "cli/model_options.h"
#include "cli/models.h"
#include "cli/number_option.h"
#include "cli/outputs.h"

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

struct SynthArguments {
  ShapeChoice choice;
  std::string out;
  std::uint32_t threads = 0;
  bool force = false;
};

Result<void> synth(Session& session, const SynthArguments& arguments) {
  const ShapeChoice& choice = arguments.choice;
  const auto options = synth_options(choice);
  if (!options) return std::unexpected(options.error());
  const std::string path = arguments.out.empty() ? choice.title() + "-" + choice.quant + ".gguf" : arguments.out;
  ASSAY_TRY(check_output("--out", path, arguments.force));
  const Interrupt interrupt(session.stop);
  const auto made = synthesize_file(session, *options, path, arguments.threads);
  if (!made) return std::unexpected(made.error());
  if (session.json) {
    session.print({{"path", path},
                   {"bytes", made->file_bytes},
                   {"tensors", made->tensors},
                   {"quant", choice.quant},
                   {"seed", choice.seed},
                   {"notes", made->notes}});
  } else {
    std::printf("%s: %s, %llu tensors, %s, random weights of seed %llu\n", path.c_str(),
                human_bytes(static_cast<double>(made->file_bytes)).c_str(),
                static_cast<unsigned long long>(made->tensors), choice.quant.c_str(),
                static_cast<unsigned long long>(choice.seed));
  }
  return {};
}

}  // namespace

std::string ShapeChoice::title() const {
  if (!shape.empty()) return shape;
  std::error_code ignored;
  const auto folder = fs::absolute(config, ignored).lexically_normal().parent_path().filename().string();
  return folder.empty() ? "model" : folder;
}

Result<artifact::SynthOptions> synth_options(const ShapeChoice& choice) {
  if (choice.shape.empty() == choice.config.empty())
    return fail(Errc::bad_value, "expected a shape (" + artifact::shape_names() + ") or --config config.json");
  auto config =
      choice.config.empty() ? artifact::shape_by_name(choice.shape) : artifact::shape_from_config(choice.config);
  if (!config) return std::unexpected(std::move(config.error()));
  const auto type = artifact::stored_type_from_name(choice.quant);
  if (!type) return std::unexpected(with_context("--quant", type.error()));
  if (choice.context != 0) config->context_train = choice.context;
  if (config->model_name.empty()) config->model_name = choice.title();
  return artifact::SynthOptions{.config = std::move(*config),
                                .type = *type,
                                .head = choice.pure ? artifact::HeadType::same : artifact::HeadType::usual,
                                .seed = choice.seed};
}

Result<std::string> cached_synth(const Session& session, const ShapeChoice& choice, std::uint32_t threads) {
  const auto options = synth_options(choice);
  if (!options) return std::unexpected(options.error());
  std::string key = choice.quant + " " + std::to_string(choice.seed) + " " + std::to_string(choice.context) +
                    (choice.pure ? " pure " : " ") + choice.shape;
  if (!choice.config.empty()) {
    const auto text = read_text_file(choice.config, 1U << 20U);
    if (!text) return std::unexpected(text.error());
    key += *text;
  }
  const fs::path folder = session.home() / "cache";
  const std::string hash = sha256_hex(std::as_bytes(std::span(key))).substr(0, 8);
  const std::string path = (folder / (choice.title() + "-" + choice.quant + "-" + hash + ".gguf")).string();
  std::error_code error;
  // A file appears whole or not at all; one that another version wrote is opened before it is believed.
  if (fs::exists(path, error) && Checkpoint::open(path)) return path;
  fs::create_directories(folder, error);
  if (error) return fail(Errc::io, folder.string() + ": " + error.message());
  const auto made = synthesize_file(session, *options, path, threads);
  if (!made) return std::unexpected(made.error());
  return path;
}

Result<artifact::WrittenModel> synthesize_file(const Session& session, const artifact::SynthOptions& options,
                                               const std::string& path, std::uint32_t threads) {
  const auto workers = chosen_threads(threads);
  if (!workers) return std::unexpected(workers.error());
  device::ThreadPool pool(*workers);
  Progress progress(session.clock, session.progress(), "synthesizing", artifact::synth_bytes(options), "B");
  auto made = artifact::synthesize(options, path, pool, [&](std::uint64_t bytes) {
    progress.update(bytes);
    return !session.stop.asked();
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
  command->add_option("name", arguments->choice.shape, "shape: " + artifact::shape_names());
  command->add_option("--config", arguments->choice.config,
                      "config.json of any other model, as Hugging Face folders have it");
  command->add_option("-q,--quant", arguments->choice.quant, "type of the matrices")->capture_default_str();
  command->add_option("-o,--out", arguments->out, "the file to write (default: NAME-QUANT.gguf)");
  command->add_option("--seed", arguments->choice.seed, "of the weights")->capture_default_str();
  command->add_option("--context", arguments->choice.context,
                      "positions the file says it was trained on (default: the shape's)");
  add_number(*command, "-t,--threads", arguments->threads, {.most = 1024}, "threads; 0: one per core");
  command->add_flag("--force", arguments->force, "write over a file that is there");
  command->add_flag("--pure", arguments->choice.pure, "the head gets the same type, not q6_k");
  command->callback([arguments, &session] {
    if (const auto done = synth(session, *arguments); !done) session.fail(done.error());
  });
}

}  // namespace assay::cli
