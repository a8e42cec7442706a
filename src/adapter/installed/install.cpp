#include "adapter/installed/install.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>

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

// Worker and library are in tree and proven: hashes, and the manifest last.
Result<Manifest> finish(Job& job, Manifest manifest) {
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

// A worker for the library in tree, started once and held against models. Verdict::failure says what it does wrong.
Result<Verdict> prove_worker(Job& job, Manifest& manifest, const Compiler& compiler) {
  const auto project = worker_project(manifest.name);
  if (!project) return std::unexpected(project.error());
  ASSAY_TRY(build_worker(job, compiler));
  manifest.worker = "bin/" + project->target;
  const std::string program = (job.tree / manifest.worker).string();
  if (const auto started = start_once(job, program); !started) {
    if (started.error().code != Errc::engine_lost) return std::unexpected(started.error());
    return Verdict{.failure = started.error().detail, .proof = ""};
  }
  job.begin("prove " + manifest.name);
  auto verdict = job.options.prove(manifest, program, (job.work / "proof").string(), job.watch);
  if (verdict) manifest.proof = verdict->proof;
  return verdict;
}

// tree without what the way before left there, but for the log.
Result<void> clear_tree(const Job& job) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(job.tree, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path() != fs::path(job.log())) found.push_back(entry->path());
  }
  for (const fs::path& path : found) {
    if (!error) fs::remove_all(path, error);
  }
  if (error) return fail(Errc::io, job.tree.string() + ": " + error.message());
  return {};
}

void describe(Manifest& manifest, const Library& library) {
  manifest.source = library.source;
  manifest.source_sha256 = library.source_sha256;
  manifest.commit = library.commit;
  manifest.flags = library.flags;
  manifest.devices = library.devices;
}

std::unexpected<Error> nothing_proved_itself(const Manifest& manifest) {
  std::string detail = "it does not compute right on this machine, so it is not installed";
  for (const RefusedWay& one : manifest.refused) detail += "\n  built by " + one.way + ": " + one.why;
  return fail(Errc::engine_lost, detail);
}

Result<Manifest> adopt_engine(Job& job, Manifest manifest, const Homebrew& homebrew) {
  const auto library = adopt_homebrew(job, homebrew);
  if (!library) return std::unexpected(library.error());
  describe(manifest, *library);
  manifest.way = "Homebrew";
  const auto verdict = prove_worker(job, manifest, {});
  if (!verdict) return std::unexpected(verdict.error());
  if (verdict->failure.empty()) return finish(job, std::move(manifest));
  manifest.refused.push_back({manifest.way, verdict->failure});
  Error error = nothing_proved_itself(manifest).error();
  error.detail += "\n'assay engines install " + manifest.name + " --no-homebrew' builds it here";
  return std::unexpected(std::move(error));
}

// One way after the other, until one proves itself.
Result<Manifest> make_engine(Job& job, Manifest manifest) {
  const bool llama = job.entry.recipe == Recipe::llama_source;
  const auto source = llama ? prepare_llama(job) : prepare_mlx(job);
  if (!source) return std::unexpected(source.error());
  const Ways ways = ways_of(job.entry.recipe, this_machine());
  for (const RefusedWay& doubted : ways.doubted) {
    job.watch.note(doubted.way + " is not tried first: it " + doubted.why);
    manifest.refused.push_back(doubted);
  }
  for (std::size_t i = 0; i < ways.list.size(); ++i) {
    const Way& way = ways.list[i];
    if (i > 0) ASSAY_TRY(clear_tree(job));
    const auto library = llama ? build_llama(job, *source, way) : unpack_mlx(job, *source);
    std::string failure;
    if (library) {
      describe(manifest, *library);
      // llama.cpp's C interface is the same for every compiler; the worker wants a newer one than the library.
      const auto verdict = prove_worker(job, manifest, llama ? Compiler{} : way.compiler);
      if (verdict && verdict->failure.empty()) {
        manifest.way = way.words;
        return finish(job, std::move(manifest));
      }
      // A worker that does not compile would not by another way of building the library; MLX's is the way.
      if (!verdict && (llama || i == 0 || verdict.error().code != Errc::bad_value))
        return std::unexpected(verdict.error());
      failure = verdict ? verdict->failure : verdict.error().detail;
    } else {
      // What does not compile by default is the user's to mend; a later way is only tried.
      if (i == 0 || library.error().code != Errc::bad_value) return std::unexpected(library.error());
      failure = library.error().detail;
    }
    std::erase_if(manifest.refused,
                  [&](const RefusedWay& one) { return one.way == way.words; });  // known, and now seen
    manifest.refused.push_back({way.words, failure});
    job.watch.note("built by " + way.words + ": " + failure +
                   (i + 1 < ways.list.size() ? "; next: " + ways.list[i + 1].words : ""));
  }
  return nothing_proved_itself(manifest);
}

// The engine that is there, in tree once more by hard links, with a worker from today's source. nullopt: it does not
// prove itself any more (or never did: format 1), and is to be made anew.
Result<std::optional<Manifest>> renew_worker(Job& job, const Manifest& old) {
  job.begin("take over the installed library");
  std::error_code error;
  fs::copy(old.folder, job.tree,
           fs::copy_options::recursive | fs::copy_options::copy_symlinks | fs::copy_options::create_hard_links |
               fs::copy_options::skip_existing,
           error);
  // These are written anew; a link would write into the old ones.
  for (const fs::path& path : {job.tree / old.worker, job.tree / manifest_name, fs::path(job.log())}) {
    if (!error) fs::remove(path, error);
  }
  std::error_code ignored;
  fs::copy_file(fs::path(old.folder) / "install.log", job.log(), ignored);
  if (error) return fail(Errc::io, job.tree.string() + ": " + error.message());
  Compiler compiler;
  if (job.entry.recipe != Recipe::llama_source) {
    for (const Way& way : ways_of(job.entry.recipe, this_machine()).list) {
      if (way.words == old.way) compiler = way.compiler;
    }
  }
  Manifest manifest = old;
  const auto verdict = prove_worker(job, manifest, compiler);
  if (!verdict) return std::unexpected(verdict.error());
  if (verdict->failure.empty()) {
    if (manifest.way.empty()) manifest.way = "an older assay";
    auto done = finish(job, std::move(manifest));
    if (!done) return std::unexpected(std::move(done.error()));
    return std::move(*done);
  }
  job.watch.note("the installed library: " + verdict->failure + "; it is built anew");
  ASSAY_TRY(clear_tree(job));
  return std::nullopt;
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
    if (why.empty() && !old->proof.empty() && (build.empty() || build == old->worker_build)) {
      out.manifest = *old;
      out.did = InstallDid::nothing;
      return out;
    }
    worker_only = why.empty();
    if (!worker_only) {
      watch.note("made anew: " + why);
    } else if (!build.empty() && build != old->worker_build) {
      watch.note("its worker was built from other source: " + old->worker_build + ", this is " + build);
    } else {
      watch.note("it was installed before engines had to prove themselves");
    }
  }
  if (!worker_only && !homebrew && !is_pinned(*entry))
    watch.note(entry->name + " " + entry->version + " is not in the catalogue and no --sha256 is given: not pinned");

  auto staging = begin_engine(options.engines_folder, entry->name, version,
                              worker_only || homebrew ? worker_disk_bytes : entry->disk_bytes);
  if (!staging) return std::unexpected(std::move(staging.error()));
  Job job(options, *entry, staging->work(), staging->tree(), watch, clock);
  Manifest begun;
  begun.name = entry->name;
  begun.version = version;
  begun.loads = entry->loads;
  Result<std::optional<Manifest>> renewed = std::nullopt;
  if (worker_only) renewed = renew_worker(job, *old);
  Result<Manifest> made = fail(Errc::bug, "");
  if (!renewed) {
    made = std::unexpected(renewed.error());
  } else if (*renewed) {
    made = std::move(**renewed);
  } else {
    worker_only = false;
    made = homebrew ? adopt_engine(job, begun, *homebrew) : make_engine(job, begun);
  }
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
