// assay matrix: one workload on every engine of this machine; table, JSON and CSV.
#include <algorithm>
#include <cstdio>
#include <memory>

#include "artifact/shapes.h"
#include "base/output_file.h"
#include "cli/model_options.h"
#include "cli/models.h"
#include "measure/artifact.h"
#include "measure/ceilings.h"
#include "measure/matrix.h"
#include "measure/matrix_output.h"
#include "measure/parity_run.h"
#include "measure/record_json.h"
#include "schedule/scheduler.h"

namespace assay::cli {
namespace {

struct MatrixOptions {
  ModelOptions model;
  ShapeChoice shape;
  measure::MatrixSettings settings;
  std::uint32_t parity_positions = 32;
  std::string csv;
};

// Above this many multiply-adds the double-precision reference takes minutes: `assay parity` does it when asked.
constexpr std::uint64_t parity_work_max = 10'000'000'000;

std::vector<Token> plain_tokens(const Tokenizer& tokenizer) {
  std::vector<Token> out;
  for (Token token = 0; static_cast<std::size_t>(token) < tokenizer.size(); ++token) {
    if (!tokenizer.is_special(token) && !tokenizer.piece(token).empty()) out.push_back(token);
  }
  return out;
}

// Fills contestant.subject.parity, or the reason why there is none.
Result<void> add_parity(const LoadedModel& model, std::uint32_t count, measure::Contestant& contestant) {
  constexpr std::size_t text_tokens = 96;
  auto tokens = model.tokenizer->encode(measure::standard_text());
  if (!tokens) return std::unexpected(std::move(tokens.error()));
  tokens->resize(std::min({tokens->size(), text_tokens, static_cast<std::size_t>(model.backend->facts().context)}));
  std::uint64_t parameters = model.weights.head.rows() * model.weights.head.columns();
  for (const CheckpointTensor& tensor : model.checkpoint->tensors()) {
    parameters += tensor.view.rows() * tensor.view.columns();
  }
  if (count == 0 || parameters * tokens->size() > parity_work_max) {
    contestant.subject.parity_reason =
        count == 0 ? "not asked for" : "the reference would take minutes on this model; run 'assay parity'";
    return {};
  }
  const auto positions = measure::spread_positions(static_cast<std::uint32_t>(tokens->size()), count);
  auto parity =
      measure::run_parity(*model.backend, model.weights,
                          measure::direct_rounding(model.weights, model.backend->facts().kv_type), *tokens, positions);
  if (!parity) return std::unexpected(std::move(parity.error()));
  contestant.subject.parity = *parity;
  return {};
}

Result<measure::Matrix> run_matrix(const Session& session, MatrixOptions& options) {
  measure::Matrix matrix;
  matrix.command = session.command_line;
  matrix.started_unix_s = wall_seconds();
  matrix.machine = device::host_facts();
  matrix.settings = options.settings;

  if (options.shape.given()) {
    auto path = cached_synth(session, options.shape, options.model.threads);
    if (!path) return std::unexpected(std::move(path.error()));
    options.model.model = std::move(*path);
  }
  auto model = load_model(session, options.model);
  if (!model) return std::unexpected(std::move(model.error()));
  const LoadedModel& loaded = **model;
  const BackendFacts& facts = loaded.backend->facts();
  const std::uint64_t needed = std::uint64_t{options.settings.prompt_tokens} + options.settings.output_tokens;
  if (needed > facts.context) {
    return fail(Errc::bad_value, std::to_string(options.settings.prompt_tokens) + " prompt and " +
                                     std::to_string(options.settings.output_tokens) +
                                     " output tokens do not fit: the context holds " + std::to_string(facts.context) +
                                     "; give fewer, or --context");
  }
  {
    Progress progress(session.clock, session.progress(), "hashing", loaded.checkpoint->file_bytes(), "B");
    auto artifact = measure::describe_artifact(loaded.path, *loaded.checkpoint, loaded.weights, [&](std::uint64_t n) {
      progress.update(n);
      return true;
    });
    if (!artifact) return std::unexpected(std::move(artifact.error()));
    matrix.artifact = std::move(*artifact);
    if (options.shape.given())
      matrix.artifact.synthesized = options.shape.title() + ", seed " + std::to_string(options.shape.seed);
  }
  const auto isa = chosen_isa();
  if (!isa) return std::unexpected(isa.error());
  {
    device::ThreadPool pool(options.model.threads != 0 ? options.model.threads : device::default_threads());
    auto ceilings = measure::measure_ceilings(pool, *isa, session.clock);
    if (!ceilings) return std::unexpected(std::move(ceilings.error()));
    matrix.ceilings = *ceilings;
  }

  schedule::Scheduler engine(*loaded.backend, session.clock, loaded.detokenize.get(), {.keep_finished = false});
  measure::Contestant direct;
  direct.subject.engine = facts.name;
  direct.subject.device = facts.device;
  direct.subject.version = facts.version;
  direct.subject.build = facts.build;
  direct.subject.kv = facts.kv_type;
  direct.subject.context = facts.context;
  direct.subject.batch = facts.batch;
  direct.subject.threads =
      options.model.threads != 0 ? options.model.threads : static_cast<std::uint32_t>(device::default_threads());
  direct.running = &engine;
  ASSAY_TRY(add_parity(loaded, options.parity_positions, direct));

  const std::vector<Token> vocabulary = plain_tokens(*loaded.tokenizer);
  if (vocabulary.empty()) return fail(Errc::bad_value, loaded.path + ": the vocabulary has no token with text");
  Progress progress(session.clock, session.progress(), "measuring", options.settings.rounds + 1, "rounds");
  auto rows = measure::measure_rows(
      {direct}, options.settings, session.clock,
      [&](Random& random) {
        std::vector<Token> prompt(options.settings.prompt_tokens);
        for (Token& token : prompt) token = vocabulary[random.below(vocabulary.size())];
        return prompt;
      },
      [&](std::uint32_t done, std::uint32_t, const std::string&) {
        progress.update(done);
        return true;
      });
  if (!rows) return std::unexpected(std::move(rows.error()));
  matrix.rows = std::move(*rows);
  return matrix;
}

Result<void> matrix_command(Session& session, MatrixOptions& options) {
  if (!options.csv.empty()) {  // a path that cannot be written is met before the measurement, not after it
    if (auto probe = OutputFile::create(options.csv, 0); !probe) return std::unexpected(std::move(probe.error()));
  }
  const auto matrix = run_matrix(session, options);
  if (!matrix) return std::unexpected(matrix.error());
  if (session.json) {
    session.print(measure::to_json(*matrix));
  } else {
    std::fputs(measure::to_table(*matrix).c_str(), stdout);
  }
  std::fflush(stdout);
  if (!options.csv.empty()) {
    const std::string text = measure::to_csv(*matrix);
    auto file = OutputFile::create(options.csv, text.size());
    if (!file) return std::unexpected(std::move(file.error()));
    ASSAY_TRY(file->write(text));
    ASSAY_TRY(file->commit());
  }
  const bool all_failed = std::ranges::none_of(
      matrix->rows, [](const measure::Row& row) { return row.status == measure::Row::Status::ok; });
  if (all_failed) session.finish(Exit::engine);
  return {};
}

}  // namespace

void add_matrix(CLI::App& app, Session& session) {
  auto options = std::make_shared<MatrixOptions>();
  CLI::App* command = app.add_subcommand("matrix", "measure a model on every engine of this machine");
  command->footer(
      "Examples:\n  assay matrix\n  assay matrix --model qwen3-4b-q4_0.gguf --prompt 1024 --csv matrix.csv\n"
      "  assay matrix --shape qwen3-4b --quant q4_0");
  add_model_options(*command, options->model);
  CLI::Option* shape = command->add_option(
      "--shape", options->shape.shape, "random weights in this shape instead of a model: " + artifact::shape_names());
  CLI::Option* config = command->add_option("--config", options->shape.config, "or in the shape of this config.json");
  shape->excludes(config)->excludes("--model");
  config->excludes("--model");
  CLI::Option* quant =
      command->add_option("-q,--quant", options->shape.quant, "type of the random weights")->capture_default_str();
  measure::MatrixSettings& settings = options->settings;
  command->add_option("-p,--prompt", settings.prompt_tokens, "prompt tokens of a request")->capture_default_str();
  command->add_option("-n,--output", settings.output_tokens, "output tokens of a request")->capture_default_str();
  command->add_option("-r,--rounds", settings.rounds, "rounds after the cold one")->capture_default_str();
  command->add_option("--seed", settings.seed, "of the prompts, the order and the intervals")->capture_default_str();
  command->add_option("--parity-positions", options->parity_positions, "positions of a text to compare; 0: no parity")
      ->capture_default_str();
  command->add_option("--csv", options->csv, "write the rows to this file as well");
  command->callback([options, quant, &session] {
    if (quant->count() > 0 && !options->shape.given()) {
      return session.fail(
          {Errc::bad_value, 0, "--quant is the type of random weights: expected --shape or --config with it"});
    }
    if (const auto done = matrix_command(session, *options); !done) session.fail(done.error());
  });
}

}  // namespace assay::cli
