// One installation under way, as its steps see it.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "adapter/installed/command.h"
#include "adapter/installed/install.h"
#include "adapter/installed/ways.h"

namespace assay::adapter {

class Job final {
 public:
  // Borrows all for its lifetime.
  Job(const InstallOptions& what, CatalogueEntry which, std::filesystem::path scratch, std::filesystem::path made,
      InstallWatch& listener, const Clock& clock)
      : options(what),
        entry(std::move(which)),
        work(std::move(scratch)),
        tree(std::move(made)),
        watch(listener),
        clock_(clock) {}

  const InstallOptions& options;
  const CatalogueEntry entry;
  const std::filesystem::path work;  // scratch
  const std::filesystem::path tree;  // what will be the engine's folder
  InstallWatch& watch;

  std::string log() const { return (tree / "install.log").string(); }

  // Ends the step before and begins one. total 0: not known.
  void begin(const std::string& title, std::uint64_t total = 0, const std::string& unit = "");
  void end();
  std::vector<StepTime> steps;

  // Runs a command of this step with the log and the wish to stop; the error begins with the step's title.
  Result<void> run(std::vector<std::string> words, std::vector<std::string> environment = {},
                   const std::function<void(std::string_view)>& line = {}, const std::function<void()>& tick = {});

  // cmake -S -B with what every build of ours has and the way's compiler, then the target with its progress.
  Result<void> configure(const std::filesystem::path& source, const std::filesystem::path& build,
                         const std::vector<std::string>& definitions, const Compiler& compiler);
  Result<void> build(const std::filesystem::path& build, const std::vector<std::string>& targets);

 private:
  std::vector<std::string> build_environment() const;

  const Clock& clock_;
  std::string title_;
  std::int64_t began_ns_ = 0;
};

// Without a throw: what cannot be looked at is not there.
inline bool is_there(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(path, error);
}

// What a recipe leaves in job.tree, beside the worker.
struct Library {
  std::vector<std::string> flags;
  std::vector<std::string> devices;
  std::string commit;
  std::string source;         // "pypi llama-cpp-python==0.3.36"
  std::string source_sha256;  // of what was fetched
};

// fetch.cpp: the entry's files, in its order, hashes checked. From options.from or by pip.
struct Fetched {
  std::vector<std::filesystem::path> files;
  std::string sha256;  // of the file; of several: of their hashes
};
Result<Fetched> fetch(Job& job);

// What a recipe fetched and unpacked in job.work, once for all ways.
struct Source {
  Fetched fetched;
  std::filesystem::path folder;  // llama.cpp's tree; MLX: unused
  std::string commit;
};

// build_llama.cpp: fetched and unpacked; then built in a folder of its own, and gathered in job.tree.
Result<Source> prepare_llama(Job& job);
Result<Library> build_llama(Job& job, const Source& source, const Way& way);
// unpack_mlx.cpp
Result<Source> prepare_mlx(Job& job);
Result<Library> unpack_mlx(Job& job, const Source& source);

// homebrew.cpp: an engine that Homebrew has installed; nullopt: it has none, or there is no Homebrew.
struct Homebrew {
  std::string formula;
  std::string version;
  std::filesystem::path folder;  // in the Cellar, of this very version
};
std::optional<Homebrew> find_homebrew(const std::string& engine);
// Links to its libraries and headers in tree: what runs is Homebrew's, what is hashed too.
Result<Library> adopt_homebrew(Job& job, const Homebrew& found);

// worker.cpp. root: the folder that has the engine's include and lib.
struct WorkerProject {
  std::string folder;               // of the source: "src/adapter/llama_cpp/worker"
  std::string target;               // "assay-worker-llama"
  std::string root_option;          // "LLAMA_ROOT"
  std::string root;                 // in the engine's folder: "", "mlx"
  std::vector<std::string> source;  // folders that are compiled into it, beside the parent of `folder`
};
Result<WorkerProject> worker_project(const std::string& engine);
// Builds it into tree/bin, against the library in tree.
Result<void> build_worker(Job& job, const Compiler& compiler);
// Started by hand a worker says what it is. Errc::engine_lost where this one does not: a library that is not found.
Result<void> start_once(Job& job, const std::string& program);

}  // namespace assay::adapter
