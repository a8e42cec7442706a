// assay matrix: one workload on every engine of this machine; table, JSON, CSV and a record; records compared.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>

#include "artifact/shapes.h"
#include "base/output_file.h"
#include "cli/contestants.h"
#include "cli/matrix_run.h"
#include "cli/number_option.h"
#include "measure/compare.h"
#include "measure/matrix_output.h"
#include "measure/record_json.h"
#include "measure/report/report.h"

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

constexpr double upstream_wait_max_s = 3600;

struct MatrixCommand {
  MatrixOptions run;
  std::vector<std::string> upstreams;  // KIND[=URL][#MODEL]
  std::string upstream_wait = "30s";
  std::string budget = "30s";
  std::string soak = "0";
  std::string arrivals;
  std::string arrivals_for = "30s";
  std::string parity_budget = "20s";
  std::string csv;
  std::string html;
  std::string markdown;
  std::string from;
  std::string record;
  bool no_record = false;
  std::string repeat;
  std::vector<std::string> compare;
  std::vector<std::string> fail_on;
  double tolerance = 0;
};

Result<void> write_file(const std::string& path, const std::string& text) {
  auto file = OutputFile::create(path, text.size());
  if (!file) return std::unexpected(std::move(file.error()));
  ASSAY_TRY(file->write(text));
  return file->commit();
}

// A path that cannot be written is met before the measurement, not after it.
Result<void> check_writable(const std::string& path) {
  if (path.empty()) return {};
  auto probe = OutputFile::create(path, 0);
  if (!probe) return std::unexpected(std::move(probe.error()));
  return {};
}

// "2" or "poisson:2" requests per second.
Result<double> parse_rate(const std::string& text) {
  std::string number = text;
  if (number.starts_with("poisson:")) number.erase(0, 8);
  auto rate = number.find_first_not_of("0123456789.") == std::string::npos ? parse_seconds("", number)
                                                                           : Result<double>(fail(Errc::bad_value, ""));
  if (rate && *rate > 0) return rate;
  return fail(Errc::bad_value, "--arrivals is \"" + text + "\", expected requests per second such as poisson:2");
}

Result<void> take_times(MatrixCommand& command) {
  measure::MatrixSettings& s = command.run.settings;
  const auto take = [](const char* option, const std::string& text, double& to) -> Result<void> {
    const auto seconds = parse_seconds(option, text);
    if (!seconds) return std::unexpected(seconds.error());
    to = *seconds;
    return {};
  };
  ASSAY_TRY(take("--budget", command.budget, s.budget_s));
  ASSAY_TRY(take("--soak", command.soak, s.soak_s));
  ASSAY_TRY(take("--arrivals-for", command.arrivals_for, s.arrivals_s));
  ASSAY_TRY(take("--parity-budget", command.parity_budget, s.parity_budget_s));
  if (command.arrivals.empty()) return {};
  const auto rate = parse_rate(command.arrivals);
  if (!rate) return std::unexpected(rate.error());
  s.arrivals_per_s = *rate;
  return {};
}

// $ASSAY_HOME/records/20261123-141500-assay-small-q4_0.json
Result<std::string> default_record(const Session& session, const measure::Matrix& matrix) {
  const fs::path folder = session.home() / "records";
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return fail(Errc::io, folder.string() + ": " + error.message());
  const std::time_t when = matrix.started_unix_s;
  std::tm parts{};
  gmtime_r(&when, &parts);
  std::array<char, 32> stamp{};
  std::strftime(stamp.data(), stamp.size(), "%Y%m%d-%H%M%S", &parts);
  fs::path path = folder / (std::string(stamp.data()) + "-" + fs::path(matrix.artifact.path).stem().string() + ".json");
  for (int n = 2; fs::exists(path, error); ++n) {
    path = folder / (std::string(stamp.data()) + "-" + std::to_string(n) + "-" +
                     fs::path(matrix.artifact.path).stem().string() + ".json");
  }
  return path.string();
}

Result<void> compare(Session& session, const MatrixCommand& command) {
  ASSAY_TRY(measure::check_metrics(command.fail_on));
  const auto before = measure::read_record(command.compare[0]);
  if (!before) return std::unexpected(before.error());
  const auto after = measure::read_record(command.compare[1]);
  if (!after) return std::unexpected(after.error());
  Random random(before->settings.seed);
  const auto comparison = measure::compare_records(*before, *after, command.tolerance, random);
  if (session.json) {
    session.print(measure::to_json(comparison));
  } else {
    std::fputs(measure::to_table(comparison).c_str(), stdout);
  }
  if (measure::any_worse(comparison, command.fail_on)) session.finish(Exit::no);
  return {};
}

// What a repetition differs in from its record, on stderr.
Result<void> say_differences(const std::string& path, const measure::Matrix& matrix) {
  const auto before = measure::read_record(path);
  if (!before) return std::unexpected(before.error());
  const auto list = measure::differences(*before, matrix);
  if (list.empty()) std::fprintf(stderr, "repeated %s: same machine, artifact, settings and versions\n", path.c_str());
  for (const std::string& difference : list)
    std::fprintf(stderr, "differs from %s: %s\n", path.c_str(), difference.c_str());
  return {};
}

Result<void> put_out(Session& session, const MatrixCommand& command, const measure::Matrix& matrix) {
  const Json json = measure::to_json(matrix);
  if (session.json) {
    session.print(json);
  } else {
    const char* no_colour = std::getenv("NO_COLOR");
    const bool marks = isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0');
    std::fputs(measure::to_table(matrix, {.marks = marks}).c_str(), stdout);
  }
  std::fflush(stdout);
  if (!command.csv.empty()) ASSAY_TRY(write_file(command.csv, measure::to_csv(matrix)));
  if (!command.html.empty()) ASSAY_TRY(write_file(command.html, measure::to_html(matrix)));
  if (!command.markdown.empty()) ASSAY_TRY(write_file(command.markdown, measure::to_markdown(matrix)));
  if (command.no_record || !command.from.empty()) return {};
  std::string path = command.record;
  if (path.empty()) {
    auto chosen = default_record(session, matrix);
    if (!chosen) return std::unexpected(std::move(chosen.error()));
    path = std::move(*chosen);
  }
  ASSAY_TRY(write_file(path, json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n"));
  if (!session.json) std::fprintf(stderr, "record: %s\n", path.c_str());
  return {};
}

Result<void> measure_command(Session& session, MatrixCommand& command) {
  if (command.repeat.empty()) {
    ASSAY_TRY(take_times(command));
    if (!command.upstreams.empty() && command.run.engines.empty()) command.run.engines = default_entrants();
    for (const std::string& upstream : command.upstreams) {
      command.run.engines.push_back(std::string(upstream_prefix) + upstream);
    }
  } else {
    const auto record = measure::read_record(command.repeat);
    if (!record) return std::unexpected(record.error());
    auto key = command.run.upstream_key;
    command.run = options_of(*record);
    command.run.upstream_key = std::move(key);
  }
  const auto wait = parse_seconds("--upstream-wait", command.upstream_wait);
  if (!wait) return std::unexpected(wait.error());
  if (*wait <= 0 || *wait > upstream_wait_max_s) {
    return fail(Errc::bad_value,
                "--upstream-wait is \"" + command.upstream_wait + "\", expected above 0 and at most 1h");
  }
  command.run.upstream_wait_s = *wait;
  for (const std::string* path : {&command.csv, &command.html, &command.markdown, &command.record}) {
    ASSAY_TRY(check_writable(*path));
  }
  const auto matrix = run_matrix(session, command.run);
  if (!matrix) return std::unexpected(matrix.error());
  ASSAY_TRY(put_out(session, command, *matrix));
  if (!command.repeat.empty()) ASSAY_TRY(say_differences(command.repeat, *matrix));
  const bool all_failed = std::ranges::none_of(
      matrix->rows, [](const measure::Row& row) { return row.status == measure::Row::Status::ok; });
  const bool parity_lost = std::ranges::any_of(
      matrix->rows, [](const measure::Row& row) { return row.subject.parity && !row.subject.parity->holds(); });
  if (all_failed) {
    session.finish(Exit::engine);
  } else if (parity_lost) {
    session.finish(Exit::no);
  }
  return {};
}

// A saved record shown again: nothing is measured.
Result<void> show_record(Session& session, const MatrixCommand& command) {
  const auto matrix = measure::read_record(command.from);
  if (!matrix) return std::unexpected(matrix.error());
  return put_out(session, command, *matrix);
}

void add_workload(CLI::App& app, MatrixCommand& command) {
  measure::MatrixSettings& s = command.run.settings;
  add_number(app, "-p,--prompt", s.prompt_tokens, {.least = 1}, "prompt tokens of a request")->capture_default_str();
  add_number(app, "-n,--output", s.output_tokens, {.least = 2}, "output tokens of a request")->capture_default_str();
  add_number(app, "-r,--rounds", s.rounds, {.least = 1}, "rounds after the cold one")->capture_default_str();
  app.add_option("--seed", s.seed, "of the prompts, the order and the intervals")->capture_default_str();
  app.add_option("--budget", command.budget, "time for one request: engines that need more get shorter ones")
      ->capture_default_str();
  app.add_flag("--cached", s.cached_rows, "a second row per engine, with prompts whose beginning is cached");
  app.add_option("--sweep-context", s.sweep_context, "prompt lengths to measure as well, such as 512,2048,8192")
      ->delimiter(',');
  app.add_option("--sweep-streams", s.sweep_streams, "requests at once to measure as well, such as 1,2,4")
      ->delimiter(',');
  add_number(app, "--sweep-rounds", s.sweep_rounds, {.least = 1}, "requests at each point of a sweep")
      ->capture_default_str();
  app.add_option("--soak", command.soak, "how long to run each engine for its drift, such as 10m")
      ->capture_default_str();
  app.add_option("--arrivals", command.arrivals, "an open loop as well: requests per second, such as poisson:2");
  app.add_option("--arrivals-for", command.arrivals_for, "length of the open loop")->capture_default_str();
  app.add_option("--parity-positions", s.parity_positions, "positions of a text to compare; 0: no parity")
      ->capture_default_str();
  app.add_option("--parity-budget", command.parity_budget, "time for the reference")->capture_default_str();
}

}  // namespace

void add_matrix(CLI::App& app, Session& session) {
  auto options = std::make_shared<MatrixCommand>();
  CLI::App* command = app.add_subcommand("matrix", "measure a model on every engine of this machine");
  command->footer(
      "Exit code 1 where parity does not hold or a --fail-on figure is worse, 4 where every engine failed.\n"
      "Examples:\n  assay matrix\n  assay matrix --model qwen3-4b-q4_0.gguf --prompt 1024 --csv matrix.csv\n"
      "  assay matrix --shape qwen3-4b --quant q4_0 --sweep-context 512,2048,8192 --soak 10m\n"
      "  assay matrix --from record.json --html report.html\n"
      "  assay matrix --compare monday.json friday.json --fail-on decode_tok_s,ttft_ms");
  add_model_options(*command, options->run.model);
  ShapeChoice& choice = options->run.shape;
  CLI::Option* shape = command->add_option(
      "--shape", choice.shape, "random weights in this shape instead of a model: " + artifact::shape_names());
  CLI::Option* config = command->add_option("--config", choice.config, "or in the shape of this config.json");
  shape->excludes(config)->excludes("--model");
  config->excludes("--model");
  CLI::Option* quant =
      command->add_option("-q,--quant", choice.quant, "type of the random weights")->capture_default_str();
  command
      ->add_option("-e,--engines", options->run.engines,
                   "engines to measure: direct, NAME, NAME@VERSION, NAME:DEVICE, metalrt (default: all that are here)")
      ->delimiter(',');
  command
      ->add_option("-u,--upstream", options->upstreams,
                   "a server to measure as well: KIND[=URL][#MODEL]; kinds: " + adapter::upstream::upstream_kinds())
      ->allow_extra_args(false);
  CLI::Option* key_file = command->add_option("--upstream-key-file", options->run.upstream_key.file,
                                              "file whose first line is the key that upstreams want");
  command->add_option("--upstream-key-env", options->run.upstream_key.variable, "or the environment variable")
      ->excludes(key_file);
  command
      ->add_option("--upstream-wait", options->upstream_wait,
                   "how long a server may take for one token before the rounds; one that takes longer is left out")
      ->capture_default_str();
  add_workload(*command, *options);
  command->add_option("--csv", options->csv, "write the rows to this file as well");
  command->add_option("--html", options->html, "write a page with table and plots to this file as well");
  command->add_option("--markdown", options->markdown, "write a table for an issue to this file as well");
  CLI::Option* record = command->add_option(
      "--record", options->record, "write the record to this file (default: a new one in $ASSAY_HOME/records)");
  command->add_flag("--no-record", options->no_record, "write no record")->excludes(record);
  CLI::Option* repeat = command->add_option("--repeat", options->repeat, "measure again as this record says");
  command->add_option("--from", options->from, "measure nothing: show this record")->excludes(repeat)->excludes(record);
  command->add_option("--compare", options->compare, "two records: what differs by more than its spread")
      ->expected(2)
      ->excludes(repeat)
      ->excludes("--from");
  command->add_option("--fail-on", options->fail_on, "with --compare: exit 1 where one of these is worse")
      ->delimiter(',')
      ->needs("--compare");
  command->add_option("--tolerance", options->tolerance, "with --compare: percent that do not matter")
      ->check(CLI::Range(0.0, 1000.0))
      ->needs("--compare");
  command->callback([options, quant, &session] {
    if (quant->count() > 0 && !options->run.shape.given()) {
      return session.fail(
          {Errc::bad_value, 0, "--quant is the type of random weights: expected --shape or --config with it"});
    }
    const auto done = !options->from.empty()     ? show_record(session, *options)
                      : options->compare.empty() ? measure_command(session, *options)
                                                 : compare(session, *options);
    if (!done) session.fail(done.error());
  });
}

}  // namespace assay::cli
