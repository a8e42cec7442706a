#include <algorithm>

#include "adapter/installed/job.h"
#include "artifact/hash.h"
#include "base/sha256.h"

namespace assay::adapter {
namespace {

namespace fs = std::filesystem;

constexpr int says_what_it_is = 2;  // exit code of a worker that is started by hand

bool is_built(const fs::path& path) {
  const std::string stem = path.stem().string();
  const std::string kind = path.extension().string();
  if (stem.ends_with("_test") || stem.ends_with("_fuzz") || stem.ends_with("_bench")) return false;
  return kind == ".h" || kind == ".cpp" || kind == ".inl" || kind == ".cmake" || path.filename() == "CMakeLists.txt";
}

}  // namespace

Result<WorkerProject> worker_project(const std::string& engine) {
  if (engine == "llama.cpp") {
    return WorkerProject{.folder = "src/adapter/llama_cpp/worker",
                         .target = "assay-worker-llama",
                         .root_option = "LLAMA_ROOT",
                         .root = "",
                         .source = {"src/base", "src/engine", "src/process", "src/adapter/worker"}};
  }
  if (engine == "mlx") {
    return WorkerProject{.folder = "src/adapter/mlx/worker",
                         .target = "assay-worker-mlx",
                         .root_option = "MLX_ROOT",
                         .root = "mlx",
                         .source = {"src/base", "src/engine", "src/process", "src/adapter/worker", "src/tensor",
                                    "src/checkpoint", "src/kernel", "src/model", "src/device/cpu"}};
  }
  return fail(Errc::not_found, engine + ": no worker speaks to it");
}

std::string worker_build_of(const std::string& source_folder, const std::string& assay_version,
                            const std::string& engine) {
  const auto project = worker_project(engine);
  if (!project) return "";
  const fs::path top = source_folder;
  std::vector<fs::path> folders{(top / project->folder).parent_path()};
  for (const std::string& folder : project->source) folders.push_back(top / folder);
  std::vector<std::string> files;
  for (const fs::path& folder : folders) {
    std::error_code error;
    for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
      std::error_code ignored;
      if (entry->is_regular_file(ignored) && is_built(entry->path())) files.push_back(entry->path().string());
    }
  }
  if (files.empty()) return "";
  std::ranges::sort(files);
  std::string all;
  for (const std::string& file : files) {
    const auto hash = artifact::hash_files(std::span(&file, 1));
    all += file.substr(top.string().size()) + " " + (hash ? *hash : "") + "\n";  // an empty file has no hash
  }
  return assay_version + " " + sha256_hex(std::as_bytes(std::span(all))).substr(0, 12);
}

Result<void> build_worker(Job& job, const Compiler& compiler) {
  const auto project = worker_project(job.entry.name);
  if (!project) return std::unexpected(project.error());
  const fs::path source = fs::path(job.options.source_folder) / project->folder;
  job.begin("build " + project->target);
  if (!is_there(source / "CMakeLists.txt")) {
    return fail(Errc::not_found, "build " + project->target + ": its source is not at " + source.string() +
                                     "; the variable ASSAY_SOURCE names the folder of assay's source");
  }
  const fs::path build = job.work / "worker";
  std::error_code ignored;
  fs::remove_all(build, ignored);  // of the way before
  const fs::path root = project->root.empty() ? job.tree : job.tree / project->root;
  const std::string origin = job.entry.system == "macos" ? "@loader_path" : "$ORIGIN";
  std::vector<std::string> definitions{
      "-DASSAY_SOURCE=" + job.options.source_folder, "-D" + project->root_option + "=" + root.string(),
      "-DCMAKE_RUNTIME_OUTPUT_DIRECTORY=" + (job.tree / "bin").string(),
      // The folder is renamed after this, and may be moved: libraries are found from the program on.
      "-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON",
      "-DCMAKE_INSTALL_RPATH=" + origin + "/../" + (project->root.empty() ? "" : project->root + "/") + "lib"};
  if (!find_program("ccache").empty()) {
    definitions.emplace_back("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache");
    definitions.emplace_back("-DCMAKE_C_COMPILER_LAUNCHER=ccache");
  }
  ASSAY_TRY(job.configure(source, build, definitions, compiler));
  ASSAY_TRY(job.build(build, {project->target}));
  const fs::path program = job.tree / "bin" / project->target;
  if (!is_there(program))
    return fail(Errc::bad_value, "build " + project->target + ": the build made no " + program.string());
  return {};
}

Result<void> start_once(Job& job, const std::string& program) {
  job.begin("start the worker");
  std::string last;
  const auto code =
      run_command({.words = {program}, .environment = {}, .log = job.log()},
                  {.line = [&](std::string_view line) { last = line; }, .go_on = [&] { return job.watch.go_on(); }});
  if (!code) return std::unexpected(with_context("start the worker", code.error()));
  if (*code == says_what_it_is) return {};
  return fail(Errc::engine_lost, "start the worker: " + program + ": exit code " + std::to_string(*code) +
                                     ", expected " + std::to_string(says_what_it_is) +
                                     (last.empty() ? "" : "; it said: " + last));
}

}  // namespace assay::adapter
