// assay matrix --compare: records against each other, and a gate over what differs.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <set>

#include "cli/matrix_command.h"
#include "record/compare.h"
#include "record/record_json.h"

namespace assay::cli {
namespace {

// The records of one side: "a.json", or "a1.json,a2.json,a3.json". A file whose own name has a comma is itself.
Result<std::vector<std::string>> paths_of(const std::string& side) {
  std::error_code error;
  if (std::filesystem::exists(side, error)) return std::vector<std::string>{side};
  std::vector<std::string> out;
  for (std::size_t begin = 0; begin <= side.size();) {
    const std::size_t end = std::min(side.find(',', begin), side.size());
    if (end == begin) return fail(Errc::bad_value, "--compare \"" + side + "\": expected records such as A1,A2,A3");
    out.push_back(side.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

Result<std::vector<measure::Matrix>> read_side(const std::vector<std::string>& paths) {
  std::vector<measure::Matrix> out;
  for (const std::string& path : paths) {
    auto record = measure::read_record(path);
    if (!record) return std::unexpected(std::move(record.error()));
    out.push_back(std::move(*record));
  }
  return out;
}

// A run that is counted twice would look like two that agree.
Result<void> check_different(const std::vector<std::string>& before, const std::vector<std::string>& after) {
  if (before.size() == 1 && after.size() == 1) return {};
  std::set<std::string> seen;
  for (const auto* side : {&before, &after}) {
    for (const std::string& path : *side) {
      std::error_code error;
      if (!seen.insert(std::filesystem::weakly_canonical(path, error).string()).second) {
        return fail(Errc::bad_value, "--compare: " + path + " is named twice, and one run counts once");
      }
    }
  }
  return {};
}

}  // namespace

Result<void> compare_command(Session& session, const MatrixCommand& command) {
  ASSAY_TRY(measure::check_metrics(command.fail_on));
  std::vector<std::vector<std::string>> sides;
  for (const std::string& side : command.compare) {
    auto paths = paths_of(side);
    if (!paths) return std::unexpected(std::move(paths.error()));
    sides.push_back(std::move(*paths));
  }
  ASSAY_TRY(check_different(sides[0], sides[1]));
  const auto before = read_side(sides[0]);
  if (!before) return std::unexpected(before.error());
  const auto after = read_side(sides[1]);
  if (!after) return std::unexpected(after.error());
  const auto comparison = measure::compare_records(*before, *after, command.tolerance);
  if (!comparison) return std::unexpected(comparison.error());
  const auto failures = measure::gate_failures(*comparison, command.fail_on, command.see);
  if (session.json) {
    Json out = measure::to_json(*comparison);
    if (!command.fail_on.empty()) out["failures"] = failures;
    session.print(out);
  } else {
    std::fputs(measure::to_table(*comparison, command.tolerance).c_str(), stdout);
    std::fflush(stdout);
    for (const std::string& failure : failures) std::fprintf(stderr, "--fail-on: %s\n", failure.c_str());
  }
  if (!failures.empty()) session.finish(Exit::no);
  return {};
}

}  // namespace assay::cli
