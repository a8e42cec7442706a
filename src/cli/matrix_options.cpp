// The options of assay matrix, and which of them count in which mode.
#include <algorithm>
#include <array>
#include <string_view>

#include "artifact/shapes.h"
#include "cli/contestants.h"
#include "cli/matrix_command.h"
#include "cli/number_option.h"
#include "measure/matrix.h"

namespace assay::cli {
namespace {

constexpr double upstream_wait_max_s = 3600;
constexpr double month_s = 30.0 * 24 * 3600;

void add_workload(CLI::App& app, MatrixCommand& command) {
  measure::MatrixSettings& s = command.run.settings;
  add_number(app, "-p,--prompt", s.prompt_tokens, {.least = 1, .most = measure::request_tokens_max},
             "prompt tokens of a request")
      ->capture_default_str();
  add_number(app, "-n,--output", s.output_tokens, {.least = 2, .most = measure::request_tokens_max},
             "output tokens of a request")
      ->capture_default_str();
  add_number(app, "-r,--rounds", s.rounds, {.least = 1, .most = measure::rounds_max}, "rounds after the cold one")
      ->capture_default_str();
  app.add_option("--seed", s.seed, "of the prompts, the order and the intervals")->capture_default_str();
  app.add_option("--budget", command.budget, "time for one request: engines that need more get shorter ones")
      ->capture_default_str();
  app.add_flag("--cached", s.cached_rows, "a second row per engine, with prompts whose beginning is cached");
  app.add_option("--sweep-context", s.sweep_context, "prompt lengths to measure as well, such as 512,2048,8192")
      ->delimiter(',');
  app.add_option("--sweep-streams", s.sweep_streams, "requests at once to measure as well, such as 1,2,4")
      ->delimiter(',');
  add_number(app, "--sweep-rounds", s.sweep_rounds, {.least = 1, .most = measure::rounds_max},
             "requests at each point of a sweep")
      ->capture_default_str();
  app.add_option("--soak", command.soak, "how long to run each engine for its drift, such as 10m")
      ->capture_default_str();
  app.add_option("--arrivals", command.arrivals, "an open loop as well: requests per second, such as poisson:2");
  app.add_option("--arrivals-for", command.arrivals_for, "length of the open loop")->capture_default_str();
  app.add_option("--parity-positions", s.parity_positions, "positions of a text to compare; 0: no parity")
      ->capture_default_str();
  app.add_option("--parity-budget", command.parity_budget, "time for the reference")->capture_default_str();
}

void add_engines(CLI::App& app, MatrixCommand& command) {
  app.add_option("-e,--engines", command.run.engines,
                 "engines to measure: direct, NAME, NAME@VERSION, NAME:DEVICE, metalrt (default: all that are here)")
      ->delimiter(',');
  app.add_option("-u,--upstream", command.upstreams,
                 "a server to measure as well: KIND[=URL][#MODEL]; kinds: " + adapter::upstream::upstream_kinds())
      ->allow_extra_args(false);
  CLI::Option* key_file = app.add_option("--upstream-key-file", command.run.upstream_key.file,
                                         "file whose first line is the key that upstreams want");
  app.add_option("--upstream-key-env", command.run.upstream_key.variable, "or the environment variable")
      ->excludes(key_file);
  app.add_option("--upstream-wait", command.upstream_wait,
                 "how long a server may take for one token before the rounds; one that takes longer is left out")
      ->capture_default_str();
}

void add_outputs(CLI::App& app, MatrixCommand& command) {
  app.add_option("--csv", command.csv, "write the rows to this file as well");
  app.add_option("--html", command.html, "write a page with table and plots to this file as well");
  app.add_option("--markdown", command.markdown, "write a table for an issue to this file as well");
  CLI::Option* record = app.add_option("--record", command.record,
                                       "write the record to this file (default: a new one in $ASSAY_HOME/records)");
  app.add_flag("--no-record", command.no_record, "write no record")->excludes(record);
  app.add_flag("--force", command.force, "write over files that are there");
  app.add_flag("--require-all", command.require_all, "exit code 4 where any engine gave no row, for CI");
}

void add_modes(CLI::App& app, MatrixCommand& command) {
  CLI::Option* repeat = app.add_option("--repeat", command.repeat, "measure again as this record says");
  CLI::Option* resume =
      app.add_option("--resume", command.resume, "go on with an unfinished record: measure what it lacks")
          ->excludes(repeat);
  CLI::Option* from =
      app.add_option("--from", command.from, "measure nothing: show this record")->excludes(repeat)->excludes(resume);
  CLI::Option* compare =
      app.add_option("--compare", command.compare,
                     "two records, or two lists A1,A2,A3 B1,B2,B3: what differs by more than its spread")
          ->expected(2)
          ->excludes(repeat)
          ->excludes(resume)
          ->excludes(from);
  app.add_option("--fail-on", command.fail_on,
                 "with --compare: exit 1 where one of these is worse, unknown or of a row that is gone")
      ->delimiter(',')
      ->needs(compare);
  app.add_option("--tolerance", command.tolerance, "with --compare: percent that do not matter")
      ->check(CLI::Range(0.0, 1000.0))
      ->needs(compare);
  app.add_option("--see", command.see, "with --fail-on: exit 1 too where a change of so many percent would not be seen")
      ->check(CLI::Range(0.0, 1000.0))
      ->needs("--fail-on");
}

// What each mode looks at, beside --json and --help. An option of none of these lists counts where it is measured.
using Names = std::vector<std::string_view>;
const Names outputs{"--csv", "--html", "--markdown", "--force"};

Names options_of_mode(MatrixMode mode) {
  Names out;
  switch (mode) {
    case MatrixMode::measure:
      return out;  // all but those that only another mode has
    case MatrixMode::repeat:
      out = {"--repeat",        "--engines", "--upstream",  "--upstream-key-file", "--upstream-key-env",
             "--upstream-wait", "--record",  "--no-record", "--require-all"};
      break;
    case MatrixMode::resume:
      out = {"--resume", "--upstream-key-file", "--upstream-key-env", "--upstream-wait", "--record", "--require-all"};
      break;
    case MatrixMode::from:
      out = {"--from", "--require-all"};
      break;
    case MatrixMode::compare:
      return {"--compare", "--fail-on", "--tolerance", "--see"};
  }
  out.insert(out.end(), outputs.begin(), outputs.end());
  return out;
}

const char* word(MatrixMode mode) {
  constexpr std::array words{"", "--repeat", "--resume", "--from", "--compare"};
  return words[static_cast<std::size_t>(mode)];
}

[[noreturn]] void wrong(const std::string& text) { throw CLI::ValidationError(text); }

// Options that say how something is done which was not asked for.
void check_pairs(const CLI::App& app, const MatrixCommand& command) {
  const measure::MatrixSettings& s = command.run.settings;
  const auto needs = [&](const char* option, bool has, const char* other) {
    const CLI::Option* met = app.get_option(option);
    if (met->count() > 0 && !has) {
      wrong(std::string(option) + " " + met->results().front() + " means nothing without " + other);
    }
  };
  needs("--quant", command.run.shape.given(), "--shape or --config: it is the type of random weights");
  needs("--sweep-rounds", !s.sweep_context.empty() || !s.sweep_streams.empty(), "--sweep-context or --sweep-streams");
  needs("--arrivals-for", !command.arrivals.empty(), "--arrivals");
  needs("--parity-budget", s.parity_positions > 0, "parity, and --parity-positions is 0");
  const bool server = !command.upstreams.empty() || std::ranges::any_of(command.run.engines, [](const auto& engine) {
    return engine.starts_with(roster::upstream_prefix);
  });
  for (const char* option : {"--upstream-key-file", "--upstream-key-env", "--upstream-wait"}) {
    needs(option, server, "--upstream");
  }
}

void check_number(const char* option, std::uint64_t met, std::uint64_t low, std::uint64_t high) {
  if (met >= low && met <= high) return;
  wrong(std::string(option) + ": met " + std::to_string(met) + ", expected " + std::to_string(low) + " to " +
        std::to_string(high));
}

void check_numbers(const measure::MatrixSettings& s) {
  check_number("--prompt", s.prompt_tokens, 1, measure::request_tokens_max);
  check_number("--output", s.output_tokens, 2, measure::request_tokens_max);
  check_number("--rounds", s.rounds, 1, measure::rounds_max);
  check_number("--sweep-rounds", s.sweep_rounds, 1, measure::rounds_max);
  for (const auto depth : s.sweep_context) check_number("--sweep-context", depth, 1, measure::request_tokens_max);
  for (const auto streams : s.sweep_streams) check_number("--sweep-streams", streams, 1, measure::streams_max);
}

double time_of(const char* option, const std::string& text, double least, double most, const char* range) {
  const auto seconds = parse_seconds(option, text);
  if (!seconds) wrong(seconds.error().detail);
  if (*seconds < least || *seconds > most) wrong(std::string(option) + ": met \"" + text + "\", expected " + range);
  return *seconds;
}

// "2" or "poisson:2" requests per second.
double rate_of(const std::string& text) {
  constexpr double most = 1e4;
  std::string number = text;
  if (number.starts_with("poisson:")) number.erase(0, 8);
  const bool digits = !number.empty() && number.find_first_not_of("0123456789.") == std::string::npos;
  const auto rate = digits ? parse_seconds("", number) : Result<double>(fail(Errc::bad_value, ""));
  if (!rate || *rate <= 0 || *rate > most) {
    wrong("--arrivals: met \"" + text + "\", expected requests per second, at most 10000, such as poisson:2");
  }
  return *rate;
}

void take_times(MatrixCommand& command) {
  measure::MatrixSettings& s = command.run.settings;
  s.budget_s = time_of("--budget", command.budget, 1e-3, month_s, "above 0 and at most 30 days");
  s.soak_s = time_of("--soak", command.soak, 0, month_s, "at most 30 days");
  s.arrivals_s = time_of("--arrivals-for", command.arrivals_for, 0.1, month_s, "0.1 s to 30 days");
  s.parity_budget_s = time_of("--parity-budget", command.parity_budget, 0, month_s, "at most 30 days");
  if (!command.arrivals.empty()) s.arrivals_per_s = rate_of(command.arrivals);
}

}  // namespace

void add_matrix_options(CLI::App& app, MatrixCommand& command) {
  add_model_options(app, command.run.model);
  ShapeChoice& choice = command.run.shape;
  CLI::Option* shape = app.add_option("--shape", choice.shape,
                                      "random weights in this shape instead of a model: " + artifact::shape_names());
  CLI::Option* config = app.add_option("--config", choice.config, "or in the shape of this config.json");
  shape->excludes(config)->excludes("--model");
  config->excludes("--model");
  app.add_option("-q,--quant", choice.quant, "type of the random weights")->capture_default_str();
  add_engines(app, command);
  add_workload(app, command);
  add_outputs(app, command);
  add_modes(app, command);
}

MatrixMode mode_of(const MatrixCommand& command) {
  if (!command.compare.empty()) return MatrixMode::compare;
  if (!command.from.empty()) return MatrixMode::from;
  if (!command.resume.empty()) return MatrixMode::resume;
  return command.repeat.empty() ? MatrixMode::measure : MatrixMode::repeat;
}

void check_matrix_options(const CLI::App& app, MatrixCommand& command, MatrixMode mode) {
  if (mode != MatrixMode::measure) {
    const Names names = options_of_mode(mode);
    for (const CLI::Option* option : app.get_options()) {
      const std::string name = "--" + (option->get_lnames().empty() ? "" : option->get_lnames().front());
      if (option->count() == 0 || name == "--help" || std::ranges::find(names, name) != names.end()) continue;
      std::string known;
      for (const std::string_view one : names) {
        if (one != word(mode)) known += (known.empty() ? "" : ", ") + std::string(one);
      }
      wrong(name + " is not looked at with " + word(mode) + ": expected some of " + known);
    }
  }
  const bool measures = mode == MatrixMode::measure;
  if (measures) {
    check_pairs(app, command);
    check_numbers(command.run.settings);
    take_times(command);
  }
  if (measures || mode == MatrixMode::repeat || mode == MatrixMode::resume) {
    command.run.upstream_wait_s =
        time_of("--upstream-wait", command.upstream_wait, 1e-3, upstream_wait_max_s, "above 0 and at most 1h");
  }
}

}  // namespace assay::cli
