#include <sstream>

#include "adapter/installed/job.h"

namespace assay::adapter {
namespace {

namespace fs = std::filesystem;

// The first line that a command prints; "" where it fails.
std::string line_of(std::vector<std::string> words) {
  std::string out;
  const auto code = run_command({.words = std::move(words), .environment = {"HOMEBREW_NO_AUTO_UPDATE=1"}, .log = ""},
                                {.line =
                                     [&](std::string_view line) {
                                       if (out.empty()) out = line;
                                     },
                                 .go_on = {}});
  return code && *code == 0 ? out : "";
}

Result<void> link(const fs::path& target, const fs::path& at) {
  std::error_code error;
  fs::create_directories(at.parent_path(), error);
  fs::create_symlink(target, at, error);
  if (error && error != std::errc::file_exists) return fail(Errc::io, at.string() + ": " + error.message());
  return {};
}

// Every entry of a folder as a link of its own, so that several formulae can share one.
Result<void> link_entries(const fs::path& folder, const fs::path& at) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    ASSAY_TRY(link(entry->path(), at / entry->path().filename()));
  return {};
}

// Where a formula lies, in the Cellar; "": it is not installed.
fs::path cellar_of(const std::string& formula) {
  const std::string prefix = line_of({"brew", "--prefix", formula});
  std::error_code error;
  if (prefix.empty() || !fs::exists(prefix, error)) return {};
  fs::path real = fs::canonical(prefix, error);
  return error ? fs::path() : real;
}

}  // namespace

std::optional<Homebrew> find_homebrew(const std::string& engine) {
  if (find_program("brew").empty()) return std::nullopt;
  Homebrew out{.formula = engine, .version = {}, .folder = {}};  // both engines' formulae are named as they are here
  std::istringstream listed(line_of({"brew", "list", "--versions", out.formula}));
  std::string name;
  listed >> name >> out.version;
  out.folder = cellar_of(out.formula);
  if (out.version.empty() || out.folder.empty()) return std::nullopt;
  return out;
}

Result<Library> adopt_homebrew(Job& job, const Homebrew& found) {
  job.begin("adopt Homebrew's " + found.formula + " " + found.version);
  if (job.entry.recipe == Recipe::mlx_wheels) {
    ASSAY_TRY(link(found.folder, job.tree / "mlx"));
  } else {
    for (const char* folder : {"include", "lib"}) ASSAY_TRY(link_entries(found.folder / folder, job.tree / folder));
    // ggml is a formula of its own in newer Homebrews.
    if (const fs::path ggml = cellar_of("ggml"); !ggml.empty()) {
      for (const char* folder : {"include", "lib"}) ASSAY_TRY(link_entries(ggml / folder, job.tree / folder));
    }
  }
  Library out;
  out.source = "homebrew " + found.formula + " " + found.version;
  out.devices = {"metal", "cpu"};
  return out;
}

}  // namespace assay::adapter
