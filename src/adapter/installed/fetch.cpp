#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "adapter/installed/job.h"
#include "artifact/hash.h"
#include "base/sha256.h"

namespace assay::adapter {
namespace {

namespace fs = std::filesystem;

// Before pip saves an sdist it asks the build system inside for its name and version, for which it would install that
// build system and run it. Nothing of it is wanted here: this one in its place reads them from PKG-INFO.
constexpr const char* metadata_only = R"(import os, shutil

def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    with open("PKG-INFO", encoding="utf-8") as file:
        head = file.read().split("\n\n")[0].split("\n")
    facts = dict(line.split(": ", 1) for line in head if line.startswith(("Name: ", "Version: ")))
    folder = f"{facts['Name'].replace('-', '_')}-{facts['Version']}.dist-info"
    os.makedirs(os.path.join(metadata_directory, folder))
    shutil.copy("PKG-INFO", os.path.join(metadata_directory, folder, "METADATA"))
    return folder
)";
constexpr const char* replaced_build_system = "scikit_build_core";

// As file names have it: "llama-cpp-python" is "llama_cpp_python".
std::string file_stem(const Fetch& fetch) {
  std::string out = fetch.project;
  std::ranges::replace(out, '-', '_');
  return out + "-" + fetch.version;
}

bool is_of(const Fetch& fetch, const fs::path& path) {
  const std::string name = path.filename().string();
  if (fetch.is_source) return name == file_stem(fetch) + ".tar.gz";
  return name.starts_with(file_stem(fetch) + "-") && name.ends_with(".whl");
}

Result<std::string> sha256_of(const fs::path& path) {
  const std::string text = path.string();
  return artifact::hash_files(std::span(&text, 1));
}

Result<void> write_text(const fs::path& path, const std::string& text) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) return fail(Errc::io, path.string() + ": cannot be written");
  return {};
}

std::uint64_t bytes_below(const fs::path& folder, std::string_view in) {
  std::uint64_t out = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code gone;  // pip moves files while this looks
    if (entry->path().string().find(in) == std::string::npos || !entry->is_regular_file(gone)) continue;
    const std::uintmax_t bytes = entry->file_size(gone);
    if (!gone) out += bytes;
  }
  return out;
}

// The words that run pip: the system's, or that of an environment of this installation.
Result<std::vector<std::string>> find_pip(Job& job) {
  if (find_program("python3").empty()) {
    return fail(Errc::unsupported,
                "download: python3 is not on PATH; pip fetches the engine: install python3-venv, or give the files by "
                "--from FOLDER");
  }
  const auto has_pip =
      run_command({.words = {"python3", "-m", "pip", "--version"}, .environment = {}, .log = job.log()},
                  {.line = {}, .go_on = [&] { return job.watch.go_on(); }});
  if (!has_pip) return std::unexpected(has_pip.error());
  if (*has_pip == 0) return std::vector<std::string>{"python3", "-m", "pip"};
  job.watch.note("python3 has no pip: an environment is made for this installation");
  const std::string environment = (job.work / "pip").string();
  const auto made = job.run({"python3", "-m", "venv", environment});
  if (!made) {
    Error error = made.error();
    error.detail += "\nneither pip nor venv works: install python3-venv (Debian), or give the files by --from FOLDER";
    return std::unexpected(std::move(error));
  }
  return std::vector<std::string>{environment + "/bin/python3", "-m", "pip"};
}

Result<void> download_one(Job& job, const std::vector<std::string>& pip, const Fetch& fetch) {
  const fs::path requirement = job.work / "requirement.txt";
  const fs::path temporary = job.work / "tmp";
  std::error_code error;
  fs::create_directories(temporary, error);
  ASSAY_TRY(write_text(requirement, fetch.project + "==" + fetch.version +
                                        (fetch.sha256.empty() ? "" : " --hash=sha256:" + fetch.sha256) + "\n"));
  std::vector<std::string> words = pip;
  for (const char* word :
       {"download", "--no-deps", "--no-input", "--disable-pip-version-check", "--progress-bar", "off"})
    words.emplace_back(word);
  if (!fetch.sha256.empty()) words.emplace_back("--require-hashes");
  std::vector<std::string> environment{"TMPDIR=" + temporary.string()};
  if (fetch.is_source) {
    const fs::path stand_in = job.work / "metadata";
    ASSAY_TRY(write_text(stand_in / replaced_build_system / "__init__.py", ""));
    ASSAY_TRY(write_text(stand_in / replaced_build_system / "build.py", metadata_only));
    environment.push_back("PYTHONPATH=" + stand_in.string());
    for (const std::string& word : {std::string("--no-build-isolation"), std::string("--no-binary"), fetch.project})
      words.push_back(word);
  } else {
    words.emplace_back("--only-binary");
    words.push_back(fetch.project);
  }
  for (const std::string& word :
       {std::string("-r"), requirement.string(), std::string("-d"), (job.work / "download").string()})
    words.push_back(word);
  // Its own five retries keep a user without a network waiting for a minute.
  if (std::getenv("PIP_RETRIES") == nullptr) environment.emplace_back("PIP_RETRIES=2");
  auto done = job.run(std::move(words), std::move(environment), {},
                      [&] { job.watch.progress(std::min(bytes_below(temporary, "pip-unpack"), fetch.bytes)); });
  // A wrong hash is told by pip; everything else is the network, mostly.
  if (!done && done.error().code == Errc::bad_value && done.error().detail.find("HASHES") == std::string::npos) {
    Error failed = std::move(done.error());
    failed.code = Errc::io;
    failed.detail += "\nwithout a network, --from FOLDER takes files that were brought here";
    return std::unexpected(std::move(failed));
  }
  return done;
}

// The file of this fetch in the folder; of several that fit, the one with its hash.
Result<fs::path> find_file(const fs::path& folder, const Fetch& fetch, std::string& sha256) {
  std::vector<fs::path> fitting;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (is_of(fetch, entry->path())) fitting.push_back(entry->path());
  }
  if (error) return fail(Errc::not_found, folder.string() + ": " + error.message());
  std::ranges::sort(fitting);
  for (const fs::path& path : fitting) {
    auto met = sha256_of(path);
    if (!met) return std::unexpected(std::move(met.error()));
    sha256 = std::move(*met);
    if (fetch.sha256.empty() || fetch.sha256 == sha256) return path;
  }
  const std::string name = file_stem(fetch) + (fetch.is_source ? ".tar.gz" : "-*.whl");
  if (fitting.empty()) return fail(Errc::not_found, folder.string() + ": no " + name + " in it");
  return fail(Errc::bad_value, fitting.back().string() + ": SHA-256 " + sha256 + ", expected " + fetch.sha256);
}

}  // namespace

Result<Fetched> fetch(Job& job) {
  Fetched out;
  std::vector<std::string> hashes;
  std::vector<std::string> pip;
  for (const Fetch& one : job.entry.fetches) {
    fs::path folder = job.options.from;
    if (job.options.from.empty()) {
      job.begin("download " + one.project + " " + one.version, one.bytes, "B");
      if (pip.empty()) {
        auto found = find_pip(job);
        if (!found) return std::unexpected(std::move(found.error()));
        pip = std::move(*found);
      }
      ASSAY_TRY(download_one(job, pip, one));
      folder = job.work / "download";
    } else {
      job.begin("check " + one.project + " " + one.version, 0, "");
    }
    std::string sha256;
    auto path = find_file(folder, one, sha256);
    if (!path) return std::unexpected(std::move(path.error()));
    out.files.push_back(std::move(*path));
    hashes.push_back(std::move(sha256));
    if (one.sha256.empty())
      job.watch.note(one.project + " " + one.version + " is not pinned: SHA-256 " + hashes.back());
    if (!job.watch.go_on()) return fail(Errc::cancelled, "download: stopped");
  }
  std::string all;
  for (const std::string& hash : hashes) all += hash;
  out.sha256 = hashes.size() == 1 ? hashes.front() : sha256_hex(std::as_bytes(std::span(all)));
  return out;
}

}  // namespace assay::adapter
