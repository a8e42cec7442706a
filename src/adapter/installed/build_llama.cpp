#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "adapter/installed/job.h"

namespace assay::adapter {
namespace {

namespace fs = std::filesystem;

// The commit of llama.cpp's tree: the sdist's changelog says for each version "update llama.cpp to ggml-org/...@COMMIT",
// newest first; the first at or below the version's heading is in it.
std::string commit_in(const fs::path& changelog, const std::string& version) {
  std::ifstream file(changelog);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  std::size_t at = text.find("## [" + version + "]");
  if (at == std::string::npos) return "";
  constexpr std::string_view before = "llama.cpp@";
  at = text.find(before, at);
  if (at == std::string::npos) return "";
  const std::string rest = text.substr(at + before.size(), 40);
  return rest.substr(0, std::min(rest.find_first_not_of("0123456789abcdef"), rest.size()));
}

Result<void> keep(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::create_directories(to.parent_path(), error);
  if (!error) fs::copy(from, to, fs::copy_options::copy_symlinks | fs::copy_options::overwrite_existing, error);
  if (error) {
    return fail(error == std::errc::no_space_on_device ? Errc::full : Errc::io, to.string() + ": " + error.message());
  }
  return {};
}

bool is_library(const std::string& name) {
  return name.starts_with("lib") && (name.find(".so") != std::string::npos || name.ends_with(".dylib"));
}

// Libraries, headers, tools and the licence; nothing else of the build is kept.
Result<void> gather(const fs::path& source, const fs::path& build, const fs::path& tree,
                    const std::vector<std::string>& tools) {
  std::size_t libraries = 0;
  std::error_code unread;
  for (fs::directory_iterator entry(build / "bin", unread), end; !unread && entry != end; entry.increment(unread)) {
    const std::string name = entry->path().filename().string();
    if (!is_library(name)) continue;
    ASSAY_TRY(keep(entry->path(), tree / "lib" / name));
    ++libraries;
  }
  if (libraries == 0) return fail(Errc::bad_value, "install: the build made no library in " + (build / "bin").string());
  for (const std::string& tool : tools) ASSAY_TRY(keep(build / "bin" / tool, tree / "bin" / tool));
  for (const fs::path& folder : {source / "include", source / "ggml" / "include"}) {
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
      if (entry->path().extension() == ".h")
        ASSAY_TRY(keep(entry->path(), tree / "include" / entry->path().filename()));
    }
    if (error) return fail(Errc::io, folder.string() + ": " + error.message());
  }
  if (is_there(source / "LICENSE")) ASSAY_TRY(keep(source / "LICENSE", tree / "LICENSE"));
  return {};
}

// Where CUDA's own libraries are, beside the compiler that builds: not every system's loader looks there. "": not found.
std::string cuda_libraries() {
  const char* named = std::getenv("CUDACXX");
  const std::string nvcc = named != nullptr && *named != '\0' ? named : find_program("nvcc");
  std::error_code error;
  const fs::path root = fs::canonical(nvcc, error).parent_path().parent_path();
  for (const char* folder : {"lib64", "targets/x86_64-linux/lib", "targets/sbsa-linux/lib"}) {
    if (!error && is_there(root / folder / "libcudart.so")) return (root / folder).string();
  }
  return "";
}

}  // namespace

Result<Source> prepare_llama(Job& job) {
  auto fetched = fetch(job);
  if (!fetched) return std::unexpected(std::move(fetched.error()));

  job.begin("unpack");
  const fs::path archive = fetched->files.front();
  const std::string file_name = archive.filename().string();
  const std::string root = file_name.substr(0, file_name.size() - std::string_view(".tar.gz").size());
  const fs::path unpacked = job.work / "source";
  std::error_code error;
  fs::create_directories(unpacked, error);
  if (error) return fail(Errc::io, unpacked.string() + ": " + error.message());
  // -m: files get the time of now. Some sources carry times in the future, by which Ninja would configure for ever.
  ASSAY_TRY(job.run(
      {"tar", "-xzmf", archive.string(), "-C", unpacked.string(), root + "/vendor/llama.cpp", root + "/CHANGELOG.md"}));
  const fs::path source = unpacked / root / "vendor" / "llama.cpp";
  if (!is_there(source / "CMakeLists.txt"))
    return fail(Errc::bad_value, "unpack: " + archive.string() + ": no vendor/llama.cpp/CMakeLists.txt in it");

  return Source{.fetched = std::move(*fetched),
                .folder = source,
                .commit = commit_in(unpacked / root / "CHANGELOG.md", job.entry.version)};
}

Result<Library> build_llama(Job& job, const Source& source, const Way& way) {
  Library out;
  out.commit = source.commit;
  out.source = "pypi llama-cpp-python==" + job.entry.version;
  out.source_sha256 = source.fetched.sha256;
  const std::string tools = job.options.with_tools ? "ON" : "OFF";
  out.flags = {"-DCMAKE_BUILD_TYPE=Release", "-DBUILD_SHARED_LIBS=ON", "-DGGML_NATIVE=ON",
               "-DGGML_CUDA=" + std::string(job.entry.device == "cuda" ? "ON" : "OFF"),
               "-DGGML_METAL=" + std::string(job.entry.device == "metal" ? "ON" : "OFF"),
               "-DLLAMA_BUILD_COMMON=" + tools, "-DLLAMA_BUILD_TOOLS=" + tools, "-DLLAMA_BUILD_SERVER=" + tools,
               "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF", "-DLLAMA_BUILD_APP=OFF", "-DLLAMA_BUILD_UI=OFF",
               "-DLLAMA_USE_PREBUILT_UI=OFF", "-DLLAMA_CURL=OFF", "-DLLAMA_OPENSSL=OFF",
               // Otherwise both ask git, which would name the commit of whatever repository lies around.
               "-DLLAMA_BUILD_NUMBER=0", "-DLLAMA_BUILD_COMMIT=" + (out.commit.empty() ? "unknown" : out.commit),
               "-DGIT_EXE:BOOL=OFF", "-DGGML_BUILD_COMMIT=" + (out.commit.empty() ? "unknown" : out.commit)};
  out.flags.insert(out.flags.end(), way.definitions.begin(), way.definitions.end());  // the last one counts
  if (job.entry.device == "cuda") out.flags.emplace_back("-DCMAKE_CUDA_ARCHITECTURES=native");
  out.devices =
      job.entry.device == "cpu" ? std::vector<std::string>{"cpu"} : std::vector<std::string>{job.entry.device, "cpu"};

  job.begin("configure llama.cpp by " + way.words);
  const fs::path build = job.work / "build";
  std::error_code ignored;
  fs::remove_all(build, ignored);  // of the way before
  std::vector<std::string> definitions = out.flags;
  const std::string origin = job.entry.system == "macos" ? "@loader_path" : "$ORIGIN";
  definitions.emplace_back("-DCMAKE_BUILD_WITH_INSTALL_RPATH=ON");
  const std::string cuda = job.entry.device == "cuda" ? cuda_libraries() : "";
  definitions.push_back("-DCMAKE_INSTALL_RPATH=" + origin + ";" + origin + "/../lib" + (cuda.empty() ? "" : ";") +
                        cuda);
  ASSAY_TRY(job.configure(source.folder, build, definitions, way.compiler));

  job.begin("build llama.cpp by " + way.words);
  std::vector<std::string> targets{"llama"};
  const std::vector<std::string> programs =
      job.options.with_tools ? std::vector<std::string>{"llama-bench", "llama-server"} : std::vector<std::string>{};
  targets.insert(targets.end(), programs.begin(), programs.end());
  ASSAY_TRY(job.build(build, targets));
  ASSAY_TRY(gather(source.folder, build, job.tree, programs));
  return out;
}

}  // namespace assay::adapter
