// assay matrix: one workload on every engine of this machine; table, JSON, CSV and a record.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>

#include "cli/contestants.h"
#include "cli/interrupt.h"
#include "cli/matrix_command.h"
#include "cli/outputs.h"
#include "record/compare.h"
#include "record/record_json.h"
#include "report/matrix_output.h"
#include "report/report.h"

namespace assay::cli {
namespace {

namespace fs = std::filesystem;

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

// All paths, before anything is measured. The record that is measured again is not one of them, whatever is asked.
Result<void> check_outputs(const MatrixCommand& command) {
  const std::array<std::pair<const char*, const std::string*>, 4> outputs{{{"--csv", &command.csv},
                                                                           {"--html", &command.html},
                                                                           {"--markdown", &command.markdown},
                                                                           {"--record", &command.record}}};
  for (const auto& [option, path] : outputs) {
    for (const std::string* input : {&command.repeat, &command.from, &command.resume}) {
      const bool goes_on = input == &command.resume && path == &command.record;
      if (same_file(*path, *input) && !goes_on) {
        return fail(Errc::bad_value, std::string(option) + " " + *path + ": is the record that is read");
      }
    }
    const bool goes_on = path == &command.record && same_file(*path, command.resume);
    ASSAY_TRY(check_output(option, *path, command.force || goes_on));
    for (const auto& [other, second] : outputs) {
      if (path == second) break;
      if (!path->empty() && *path == *second && !path->starts_with("/dev/")) {
        return fail(Errc::bad_value, std::string(option) + " and " + other + " are both " + *path);
      }
    }
  }
  return {};
}

// What a repetition differs in from its record, on stderr.
void say_differences(const std::string& path, const measure::Matrix& before, const measure::Matrix& matrix) {
  const auto list = measure::differences(before, matrix);
  if (list.empty()) std::fprintf(stderr, "repeated %s: same machine, artifact, settings and versions\n", path.c_str());
  for (const std::string& difference : list)
    std::fprintf(stderr, "differs from %s: %s\n", path.c_str(), difference.c_str());
}

Result<void> write_record(const Session& session, const MatrixCommand& command, const measure::Matrix& matrix) {
  std::string path = command.record.empty() ? command.resume : command.record;
  if (path.empty()) {
    auto chosen = default_record(session, matrix);
    if (!chosen) return std::unexpected(std::move(chosen.error()));
    path = std::move(*chosen);
  }
  ASSAY_TRY(write_output(path, measure::to_json(matrix).dump(1, ' ', false, Json::error_handler_t::replace) + "\n"));
  if (session.json) return {};
  std::fprintf(stderr, "record: %s\n", path.c_str());
  if (!matrix.unfinished.empty()) std::fprintf(stderr, "go on: assay matrix --resume %s\n", path.c_str());
  return {};
}

// The record first: what was measured must not be lost because a page cannot be written.
Result<void> put_out(Session& session, const MatrixCommand& command, const measure::Matrix& matrix) {
  Result<void> recorded;
  if (!command.no_record && command.from.empty()) recorded = write_record(session, command, matrix);
  if (session.json) {
    session.print(measure::to_json(matrix));
  } else {
    std::fputs(measure::to_table(matrix, session.style(STDOUT_FILENO)).c_str(), stdout);
  }
  std::fflush(stdout);
  ASSAY_TRY(std::move(recorded));
  if (!command.csv.empty()) ASSAY_TRY(write_output(command.csv, measure::to_csv(matrix)));
  if (!command.html.empty()) ASSAY_TRY(write_output(command.html, measure::to_html(matrix)));
  if (!command.markdown.empty()) ASSAY_TRY(write_output(command.markdown, measure::to_markdown(matrix)));
  return {};
}

std::string named(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

// The exit code, and on stderr which engines gave nothing: "measured on 2 engines; failed: mlx".
void conclude(Session& session, const MatrixCommand& command, const measure::Matrix& matrix) {
  using Status = measure::Row::Status;
  std::vector<std::string> failed;
  std::vector<std::string> refused;
  std::size_t measured = 0;
  bool parity_lost = false;
  for (const measure::Row& row : matrix.rows) {
    parity_lost = parity_lost || (row.subject.parity && !row.subject.parity->holds());
    const std::string name = row.subject.engine + (row.prompts == measure::Prompts::cached ? " (cached)" : "");
    if (row.status == Status::ok) {
      measured += row.prompts == measure::Prompts::fresh ? 1 : 0;
    } else {
      (row.status == Status::failed ? failed : refused).push_back(name);
    }
  }
  if (!session.json && !(failed.empty() && refused.empty())) {
    std::fprintf(stderr, "measured on %zu engine%s%s%s%s%s\n", measured, measured == 1 ? "" : "s",
                 failed.empty() ? "" : "; failed: ", named(failed).c_str(),
                 refused.empty() ? "" : "; refused: ", named(refused).c_str());
  }
  if (measured == 0 || (command.require_all && !(failed.empty() && refused.empty()))) {
    session.finish(Exit::engine);
  } else if (parity_lost) {
    session.finish(Exit::no);
  }
}

Result<void> measure_command(Session& session, MatrixCommand& command, MatrixMode mode) {
  std::optional<measure::Matrix> before;
  if (mode != MatrixMode::measure) {
    auto record = measure::read_record(mode == MatrixMode::repeat ? command.repeat : command.resume);
    if (!record) return std::unexpected(std::move(record.error()));
    before = std::move(*record);
    MatrixOptions run = options_of(*before);
    run.upstream_key = command.run.upstream_key;
    run.upstream_wait_s = command.run.upstream_wait_s;
    if (!command.run.engines.empty() || !command.upstreams.empty()) run.engines = command.run.engines;
    command.run = std::move(run);
  }
  if (!command.upstreams.empty() && command.run.engines.empty()) command.run.engines = roster::default_engines();
  for (const std::string& upstream : command.upstreams) {
    command.run.engines.push_back(std::string(roster::upstream_prefix) + upstream);
  }
  ASSAY_TRY(check_entrants(session, command.run.engines));
  ASSAY_TRY(check_outputs(command));
  if (mode == MatrixMode::resume) {
    if (before->unfinished.empty()) {
      return fail(Errc::bad_value, command.resume + ": is finished, nothing is left to do");
    }
    command.run.resume = before;
  }
  const Interrupt interrupt(session.stop);
  const auto matrix = run_matrix(session, command.run);
  if (!matrix) return std::unexpected(matrix.error());
  ASSAY_TRY(put_out(session, command, *matrix));
  if (mode == MatrixMode::repeat) say_differences(command.repeat, *before, *matrix);
  if (matrix->unfinished.empty()) {
    conclude(session, command, *matrix);
    return {};
  }
  if (!session.json) std::fprintf(stderr, "assay: cancelled: %s\n", matrix->unfinished.c_str());
  session.finish(Exit::no);
  return {};
}

// A saved record shown again: nothing is measured.
Result<void> show_record(Session& session, const MatrixCommand& command) {
  ASSAY_TRY(check_outputs(command));
  const auto matrix = measure::read_record(command.from);
  if (!matrix) return std::unexpected(matrix.error());
  ASSAY_TRY(put_out(session, command, *matrix));
  if (command.require_all) conclude(session, command, *matrix);
  return {};
}

}  // namespace

void add_matrix(CLI::App& app, Session& session) {
  auto options = std::make_shared<MatrixCommand>();
  CLI::App* command = app.add_subcommand("matrix", "measure a model on every engine of this machine");
  command->footer(
      "Exit code 1 where parity does not hold, a --fail-on figure is worse or unknown, or the run was stopped; 4 "
      "where\n"
      "every engine failed, with --require-all any.\n"
      "Examples:\n  assay matrix\n  assay matrix --model qwen3-4b-q4_0.gguf --prompt 1024 --csv matrix.csv\n"
      "  assay matrix --shape qwen3-4b --quant q4_0 --sweep-context 512,2048,8192 --soak 10m\n"
      "  assay matrix --from record.json --html report.html\n"
      "  assay matrix --compare monday.json friday.json --fail-on decode_tok_s,ttft_ms");
  add_matrix_options(*command, *options);
  command->callback([options, command, &session] {
    const MatrixMode mode = mode_of(*options);
    check_matrix_options(*command, *options, mode);
    const auto done = mode == MatrixMode::compare ? compare_command(session, *options)
                      : mode == MatrixMode::from  ? show_record(session, *options)
                                                  : measure_command(session, *options, mode);
    if (!done) session.fail(done.error());
  });
}

}  // namespace assay::cli
