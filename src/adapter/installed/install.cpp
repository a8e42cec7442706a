#include "adapter/installed/install.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "adapter/installed/job.h"
#include "adapter/installed/staging.h"
#include "artifact/hash.h"
#include "base/output_file.h"

namespace assay::adapter {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t worker_disk_bytes = std::uint64_t{100} << 20;

bool is_code(const fs::path& path, const fs::path& tree) {
  const std::string name = path.filename().string();
  return path.parent_path() == tree / "bin" || name.find(".so") != std::string::npos || name.ends_with(".dylib") ||
         name.ends_with(".metallib");
}

// Everything that runs, with its hash; links as the files that they lead to.
Result<std::vector<InstalledFile>> hash_tree(Job& job) {
  job.begin("hash");
  std::vector<std::string> paths;
  std::error_code error;
  constexpr auto through_links = fs::directory_options::follow_directory_symlink;
  for (fs::recursive_directory_iterator entry(job.tree, through_links, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_regular_file(ignored) && is_code(entry->path(), job.tree)) paths.push_back(entry->path().string());
  }
  if (error) return fail(Errc::io, job.tree.string() + ": " + error.message());
  std::ranges::sort(paths);
  auto hashes = artifact::hash_each(paths, [&](std::uint64_t) { return job.watch.go_on(); });
  if (!hashes) return std::unexpected(std::move(hashes.error()));
  std::vector<InstalledFile> out;
  out.reserve(paths.size());
  for (std::size_t i = 0; i < paths.size(); ++i)
    out.push_back({fs::path(paths[i]).lexically_relative(job.tree).string(), hashes->each[i]});
  return out;
}

// The library's facts are there; what is left is the same for every engine and for a new worker of an old one.
Result<Manifest> finish(Job& job, Manifest manifest) {
  const auto project = worker_project(manifest.name);
  if (!project) return std::unexpected(project.error());
  ASSAY_TRY(build_worker(job));
  manifest.worker = "bin/" + project->target;
  ASSAY_TRY(start_once(job, (job.tree / manifest.worker).string()));
  manifest.worker_build = worker_build_of(job.options.source_folder, job.options.assay_version, manifest.name);
  manifest.installed_unix_s = job.options.now_unix_s;
  auto files = hash_tree(job);
  if (!files) return std::unexpected(std::move(files.error()));
  manifest.files = std::move(*files);
  // What is written must read again, or the engine would be there and not be found.
  const Json json = to_json(manifest);
  if (const auto again = manifest_from_json(json); !again)
    return fail(Errc::bug, "the manifest that was made does not read: " + to_string(again.error()));
  auto file = OutputFile::create((job.tree / manifest_name).string(), 0);
  if (!file) return std::unexpected(std::move(file.error()));
  ASSAY_TRY(file->write(json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"));
  ASSAY_TRY(file->commit());
  job.end();
  return manifest;
}

Result<Manifest> make_engine(Job& job, const std::string& version, const std::optional<Homebrew>& homebrew) {
  auto library = homebrew                                   ? adopt_homebrew(job, *homebrew)
                 : job.entry.recipe == Recipe::llama_source ? build_llama(job)
                                                            : unpack_mlx(job);
  if (!library) return std::unexpected(std::move(library.error()));
  Manifest manifest;
  manifest.name = job.entry.name;
  manifest.version = version;
  manifest.source = library->source;
  manifest.source_sha256 = library->source_sha256;
  manifest.commit = library->commit;
  manifest.flags = library->flags;
  manifest.devices = library->devices;
  manifest.loads = job.entry.loads;
  return finish(job, std::move(manifest));
}

// The engine that is there, in tree once more by hard links, with a worker from today's source.
Result<Manifest> renew_worker(Job& job, const Manifest& old) {
  job.begin("take over the installed library");
  std::error_code error;
  fs::copy(old.folder, job.tree,
           fs::copy_options::recursive | fs::copy_options::copy_symlinks | fs::copy_options::create_hard_links |
               fs::copy_options::skip_existing,
           error);
  // These two are written anew; a link would write into the old ones.
  for (const fs::path& path : {job.tree / old.worker, job.tree / manifest_name}) {
    if (!error) fs::remove(path, error);
  }
  if (error) return fail(Errc::io, job.tree.string() + ": " + error.message());
  Manifest manifest = old;
  return finish(job, std::move(manifest));
}

// The log of a failed try outlives its folder.
std::string keep_log(const Job& job, const fs::path& target) {
  const fs::path kept = target.string() + ".failed.log";
  std::error_code error;
  fs::copy_file(job.log(), kept, fs::copy_options::overwrite_existing, error);
  return error ? "" : "\nthe whole log is in " + kept.string();
}

std::optional<Manifest> installed_at(const std::string& engines, const std::string& name, const std::string& version) {
  for (Manifest& manifest : installed_engines(engines).engines) {
    if (manifest.name == name && manifest.version == version) return std::move(manifest);
  }
  return std::nullopt;
}

// Why what is there is not what is wanted; "": it is.
std::string why_anew(const Manifest& old, const InstallOptions& options) {
  if (options.force) return "it was asked for by --force";
  if (options.with_tools && !is_there(fs::path(old.folder) / "bin" / "llama-bench")) return "it has no tools yet";
  if (const auto whole = verify(old); !whole) return to_string(whole.error());
  return "";
}

}  // namespace

std::string device_of_this_machine(const std::string& engine) {
  const Platform here = this_platform();
  if (here.system == "macos") return "metal";
  std::error_code error;
  if (!fs::exists("/dev/nvidiactl", error)) return "cpu";
  if (engine == "llama.cpp" && std::getenv("CUDACXX") == nullptr && find_program("nvcc").empty()) return "cpu";
  const bool known = std::ranges::any_of(catalogue(), [&](const CatalogueEntry& entry) {
    return entry.name == engine && entry.system == here.system && entry.arch == here.arch && entry.device == "cuda";
  });
  return known ? "cuda" : "cpu";
}

Result<InstallResult> install_engine(const InstallOptions& options, InstallWatch& watch, const Clock& clock) {
  Wanted wanted = options.wanted;
  if (wanted.device.empty()) wanted.device = device_of_this_machine(wanted.name);
  auto entry = find_entry(wanted, this_platform());
  if (!entry) return std::unexpected(std::move(entry.error()));
  if (!options.nvidia_libraries.empty()) {
    entry = without_nvidia(std::move(*entry));
    if (!entry) return std::unexpected(std::move(entry.error()));
  }
  if (options.with_tools && entry->recipe != Recipe::llama_source)
    return fail(Errc::unsupported, entry->name + " has no tools that are built with it");
  std::optional<Homebrew> homebrew;
  if (entry->system == "macos" && options.homebrew && options.from.empty() && wanted.version.empty() &&
      !options.with_tools && entry->device == "metal") {
    homebrew = find_homebrew(entry->name);
    if (homebrew) entry->version = homebrew->version;
  }
  const std::string version = folder_version(*entry);

  InstallResult out;
  const std::optional<Manifest> old = installed_at(options.engines_folder, entry->name, version);
  bool worker_only = false;
  if (old) {
    const std::string why = why_anew(*old, options);
    const std::string build = worker_build_of(options.source_folder, options.assay_version, entry->name);
    if (why.empty() && (build.empty() || build == old->worker_build)) {
      out.manifest = *old;
      out.did = InstallDid::nothing;
      return out;
    }
    worker_only = why.empty();
    watch.note(worker_only ? "its worker was built from other source: " + old->worker_build + ", this is " + build
                           : "made anew: " + why);
  }
  if (!worker_only && !homebrew && !is_pinned(*entry))
    watch.note(entry->name + " " + entry->version + " is not in the catalogue and no --sha256 is given: not pinned");

  auto staging = begin_engine(options.engines_folder, entry->name, version,
                                worker_only || homebrew ? worker_disk_bytes : entry->disk_bytes);
  if (!staging) return std::unexpected(std::move(staging.error()));
  Job job(options, *entry, staging->work(), staging->tree(), watch, clock);
  auto made = worker_only ? renew_worker(job, *old) : make_engine(job, version, homebrew);
  if (made && !watch.go_on()) made = fail(Errc::cancelled, "stopped");
  if (!made) {
    Error error = with_context(entry->name + " " + version, std::move(made.error()));
    if (error.code != Errc::cancelled) error.detail += keep_log(job, staging->target());
    return std::unexpected(std::move(error));
  }
  ASSAY_TRY(staging->commit());
  std::error_code ignored;
  fs::remove(staging->target().string() + ".failed.log", ignored);
  made->folder = staging->target().string();
  out.manifest = std::move(*made);
  out.did = worker_only ? InstallDid::renewed_worker : InstallDid::installed;
  out.steps = std::move(job.steps);
  return out;
}

}  // namespace assay::adapter
