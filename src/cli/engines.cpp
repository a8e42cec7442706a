// assay engines list, install, verify, remove.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "adapter/installed/install.h"
#include "adapter/installed/manifest.h"
#include "adapter/installed/staging.h"
#include "cli/command.h"
#include "cli/engine_proof.h"
#include "cli/interrupt.h"
#include "host/host.h"

namespace assay::cli {
namespace {

std::string engines_folder(const Session& session) { return (session.home() / "engines").string(); }

std::string source_folder() {
  const char* named = std::getenv("ASSAY_SOURCE");
  if (named != nullptr && *named != '\0') return named;
  // Beside an installed program, and where it was built.
  const auto installed =
      std::filesystem::path(host::program_path()).parent_path() / ".." / "share" / "assay" / "source";
  std::error_code error;
  return std::filesystem::is_directory(installed, error) ? std::filesystem::weakly_canonical(installed, error).string()
                                                         : ASSAY_SOURCE_DIR;
}

std::string list_of(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ",") + word;
  return out;
}

// "" where the engine is proven and the worker is this program's own, or that cannot be told.
std::string worker_complaint(const adapter::Manifest& manifest) {
  if (manifest.proof.empty()) {
    return manifest.name + " " + manifest.version +
           ": was installed before engines had to prove themselves; 'assay engines install " + manifest.name +
           "' does that";
  }
  const std::string ours = adapter::worker_build_of(source_folder(), ASSAY_VERSION, manifest.name);
  if (ours.empty() || ours == manifest.worker_build) return "";
  return manifest.name + " " + manifest.version + ": its worker was built from " + manifest.worker_build +
         ", this program is " + ours + "; 'assay engines install " + manifest.name + "' builds it anew";
}

Json described(const adapter::Manifest& manifest) {
  Json json = adapter::to_json(manifest);
  json.erase("format");
  json["folder"] = manifest.folder;
  return json;
}

// "llama.cpp@0.3.36"
struct Chosen {
  std::string name;
  std::string version;  // "": any
};
Chosen split(const std::string& text) {
  const std::size_t at = text.find('@');
  return at == std::string::npos ? Chosen{text, ""} : Chosen{text.substr(0, at), text.substr(at + 1)};
}

Result<std::vector<adapter::Manifest>> choose(const Session& session, const std::string& text) {
  const Chosen chosen = split(text);
  std::vector<adapter::Manifest> out;
  for (adapter::Manifest& manifest : adapter::installed_engines(engines_folder(session)).engines) {
    if (manifest.name == chosen.name && (chosen.version.empty() || manifest.version == chosen.version))
      out.push_back(std::move(manifest));
  }
  if (out.empty()) {
    return fail(Errc::not_found, text + ": no such engine is installed in " + engines_folder(session) +
                                     "; 'assay engines' lists what is");
  }
  return out;
}

Result<void> list_command(Session& session) {
  adapter::Installed found = adapter::installed_engines(engines_folder(session));
  for (const adapter::Manifest& manifest : found.engines) {
    const std::string complaint = worker_complaint(manifest);
    if (!complaint.empty()) found.complaints.push_back(complaint);
  }
  if (session.json) {
    Json engines = Json::array();
    for (const adapter::Manifest& manifest : found.engines) engines.push_back(described(manifest));
    session.print({{"folder", engines_folder(session)},
                   {"engines", std::move(engines)},
                   {"complaints", found.complaints},
                   {"can_install", adapter::engine_names()}});
    return {};
  }
  if (found.engines.empty()) {
    std::printf("no engines in %s, so 'direct', which is part of assay, is the only one\n",
                engines_folder(session).c_str());
  } else {
    std::printf("%-10s  %-12s  %-9s  %-9s  %-12s  %-14s  %s\n", "name", "version", "devices", "loads", "sha256",
                "built by", "source");
    for (const adapter::Manifest& manifest : found.engines) {
      std::printf("%-10s  %-12s  %-9s  %-9s  %-12.12s  %-14s  %s\n", manifest.name.c_str(), manifest.version.c_str(),
                  list_of(manifest.devices).c_str(), list_of(manifest.loads).c_str(),
                  manifest.source_sha256.empty() ? "-" : manifest.source_sha256.c_str(),
                  manifest.way.empty() ? "-" : manifest.way.c_str(), manifest.source.c_str());
    }
    for (const adapter::Manifest& manifest : found.engines) {
      if (!manifest.refused.empty())
        std::printf("%s %s: built by %s\n", manifest.name.c_str(), manifest.version.c_str(),
                    adapter::how_built(manifest).c_str());
    }
  }
  for (const std::string& name : adapter::engine_names()) {
    if (std::ranges::none_of(found.engines, [&](const adapter::Manifest& manifest) { return manifest.name == name; }))
      std::printf("%s is not installed: 'assay engines install %s'\n", name.c_str(), name.c_str());
  }
  for (const std::string& complaint : found.complaints) std::printf("%s\n", complaint.c_str());
  return {};
}

// Steps as they come: a bar where there is something to count, else a line.
class Shown final : public adapter::InstallWatch {
 public:
  explicit Shown(const Session& session) : session_(session) {}

  void step(const std::string& title, std::uint64_t total, const std::string& unit) override {
    bar_.reset();
    if (total != 0) {
      bar_ = std::make_unique<Progress>(session_.clock, session_.progress(), title, total, unit);
    } else {
      say(title);
    }
  }
  void progress(std::uint64_t done) override {
    if (bar_) bar_->update(done);
  }
  void note(const std::string& line) override { say(line); }
  bool go_on() override { return !interrupt_.asked(); }
  void done() { bar_.reset(); }

 private:
  void say(const std::string& line) const {
    if (session_.progress() != ProgressStyle::silent) std::fprintf(stderr, "%s\n", line.c_str());
  }
  const Session& session_;
  const Interrupt interrupt_{session_.stop};
  std::unique_ptr<Progress> bar_;
};

struct InstallArguments {
  adapter::InstallOptions options;
  bool no_homebrew = false;
  double proof_timeout_s = 0;  // 0: by device
};

// What is installed must have computed the right logits first.
adapter::Prove make_prove(const Session& session, double timeout_s) {
  return [&session, timeout_s](const adapter::Manifest& manifest, const std::string& worker, const std::string& scratch,
                               adapter::InstallWatch& watch) {
    bool counted = false;
    const bool gpu = std::ranges::any_of(manifest.devices, [](const std::string& device) { return device != "cpu"; });
    const double step_s = timeout_s > 0 ? timeout_s : gpu ? 300 : 60;
    return prove_engine({.worker = worker,
                         .devices = manifest.devices,
                         .loads = manifest.loads,
                         .chooses_flash_attention = manifest.name != "mlx",
                         .folder = scratch,
                         .step_timeout_ns = static_cast<std::int64_t>(step_s * 1e9)},
                        session.clock, [&](std::uint64_t done, std::uint64_t total) {
                          if (!std::exchange(counted, true)) watch.step("prove " + manifest.name, total, "models");
                          watch.progress(done);
                          return watch.go_on();
                        });
  };
}

Result<void> install_command(Session& session, const InstallArguments& arguments) {
  adapter::InstallOptions options = arguments.options;
  options.homebrew = !arguments.no_homebrew;
  options.engines_folder = engines_folder(session);
  options.source_folder = source_folder();
  options.assay_version = ASSAY_VERSION;
  options.now_unix_s = wall_seconds();
  options.prove = make_prove(session, arguments.proof_timeout_s);
  if (options.jobs == 0) options.jobs = std::max(1U, std::thread::hardware_concurrency());
  if (!options.from.empty()) {
    std::error_code error;
    options.from = std::filesystem::absolute(options.from, error).string();
  }
  Shown shown(session);
  const auto made = adapter::install_engine(options, shown, session.clock);
  shown.done();
  if (!made) return std::unexpected(made.error());
  const adapter::Manifest& manifest = made->manifest;
  if (session.json) {
    Json steps = Json::array();
    for (const adapter::StepTime& step : made->steps)
      steps.push_back({{"step", step.title}, {"seconds", step.seconds}});
    constexpr const char* names[] = {"installed", "renewed_worker", "nothing"};
    session.print({{"did", names[static_cast<std::size_t>(made->did)]},
                   {"engine", described(manifest)},
                   {"steps", std::move(steps)}});
    return {};
  }
  if (made->did == adapter::InstallDid::nothing) {
    std::printf("%s %s is there already: %s\n", manifest.name.c_str(), manifest.version.c_str(),
                manifest.folder.c_str());
    return {};
  }
  double seconds = 0;
  for (const adapter::StepTime& step : made->steps) seconds += step.seconds;
  std::printf("%s %s: %s in %s, for %s, in %s\n", manifest.name.c_str(), manifest.version.c_str(),
              made->did == adapter::InstallDid::installed ? "installed" : "worker built anew",
              human_seconds(seconds).c_str(), list_of(manifest.devices).c_str(), manifest.folder.c_str());
  std::printf("built by %s\nproof: %s\n", adapter::how_built(manifest).c_str(), manifest.proof.c_str());
  return {};
}

struct VerifyArguments {
  std::string name;
  bool run = false;
};

Result<void> verify_command(Session& session, const VerifyArguments& arguments) {
  const std::string& name = arguments.name;
  adapter::Installed found = adapter::installed_engines(engines_folder(session));
  if (!name.empty()) {
    auto chosen = choose(session, name);
    // One that does not read is found by its complaint.
    const Chosen wanted = split(name);
    std::erase_if(found.complaints, [&](const std::string& complaint) {
      return complaint.find("/" + wanted.name + "/" + wanted.version) == std::string::npos;
    });
    if (!chosen && found.complaints.empty()) return std::unexpected(std::move(chosen.error()));
    found.engines = chosen ? std::move(*chosen) : std::vector<adapter::Manifest>{};
  }
  for (const adapter::Manifest& manifest : found.engines) {
    const auto whole = adapter::verify(manifest);
    if (!whole) found.complaints.push_back(to_string(whole.error()));
    if (!whole || !arguments.run) continue;
    const Interrupt interrupt(session.stop);
    const auto failure = try_engine(manifest, session.clock, [&] { return !interrupt.asked(); });
    if (!failure) return std::unexpected(failure.error());
    if (!failure->empty()) {
      found.complaints.push_back(manifest.name + " " + manifest.version + ": " + *failure +
                                 "; 'assay engines install " + manifest.name + " --force' makes it anew");
    }
  }
  if (session.json) {
    Json engines = Json::array();
    for (const adapter::Manifest& manifest : found.engines)
      engines.push_back({{"name", manifest.name},
                         {"version", manifest.version},
                         {"files", manifest.files.size()},
                         {"run", arguments.run}});
    session.print(
        {{"ok", found.complaints.empty()}, {"engines", std::move(engines)}, {"complaints", found.complaints}});
  } else {
    for (const std::string& complaint : found.complaints) std::printf("%s\n", complaint.c_str());
    if (found.complaints.empty() && found.engines.empty()) std::printf("no engine is installed\n");
    if (found.complaints.empty()) {
      for (const adapter::Manifest& manifest : found.engines)
        std::printf("%s %s: %zu files, as installed%s\n", manifest.name.c_str(), manifest.version.c_str(),
                    manifest.files.size(),
                    arguments.run ? "; a prompt and some tokens computed right on a small model" : "");
    }
  }
  if (!found.complaints.empty()) session.finish(Exit::no);
  return {};
}

Result<void> remove_command(Session& session, const std::string& text) {
  Chosen chosen = split(text);
  const auto is_folder_name = [](const std::string& word) {
    return !word.empty() && word.front() != '.' && word.find('/') == std::string::npos;
  };
  if (!is_folder_name(chosen.name) || (text.find('@') != std::string::npos && !is_folder_name(chosen.version)))
    return fail(Errc::bad_value, text + ": expected NAME or NAME@VERSION");
  if (chosen.version.empty()) {
    const auto found = choose(session, text);
    if (!found) return std::unexpected(found.error());
    if (found->size() > 1) {
      std::vector<std::string> versions;
      for (const adapter::Manifest& manifest : *found) versions.push_back(manifest.name + "@" + manifest.version);
      return fail(Errc::bad_value, text + ": expected one of " + list_of(versions));
    }
    chosen.version = found->front().version;
  }
  ASSAY_TRY(adapter::remove_engine(engines_folder(session), chosen.name, chosen.version));
  if (session.json) {
    session.print({{"removed", {{"name", chosen.name}, {"version", chosen.version}}}});
  } else {
    std::printf("%s %s: removed\n", chosen.name.c_str(), chosen.version.c_str());
  }
  return {};
}

void add_install(CLI::App& engines, Session& session, const std::function<void(const Result<void>&)>& run) {
  auto install = std::make_shared<InstallArguments>();
  adapter::InstallOptions& options = install->options;
  options.jobs = 0;
  CLI::App* command = engines.add_subcommand("install", "fetch, build and prove one engine; what is there stays");
  command->footer("Example:\n  assay engines install llama.cpp\n  assay engines install mlx --device cpu");
  command->add_option("name", options.wanted.name, "llama.cpp or mlx")->required();
  command->add_option("--version", options.wanted.version, "default: the one that is pinned");
  command->add_option("--sha256", options.wanted.sha256, "of the file that another version comes in");
  command->add_option("--device", options.wanted.device, "cpu, cuda or metal; default: the best that this machine has")
      ->check(CLI::IsMember({"cpu", "cuda", "metal"}));
  command->add_option("--from", options.from, "a folder with the files, instead of downloading them");
  command->add_option(
      "--nvidia-libraries", options.nvidia_libraries,
      "mlx for cuda: NVIDIA's libraries are in this folder, a site-packages/nvidia, instead of downloads");
  command->add_option("--jobs", options.jobs, "compilers at a time; default: one per core")->check(CLI::Range(1, 1024));
  command
      ->add_option("--proof-timeout", install->proof_timeout_s,
                   "seconds that a step of the proof may take before the engine counts as hung; default: 60, "
                   "on a GPU 300")
      ->check(CLI::Range(0.1, 3600.0));
  command->add_flag("--with-tools", options.with_tools, "llama.cpp: build llama-bench and llama-server too");
  command->add_flag("--no-homebrew", install->no_homebrew, "macOS: build it, even where Homebrew has it");
  command->add_flag("--force", options.force, "make it anew, even where it is there");
  command->callback([install, &session, run] { run(install_command(session, *install)); });
}

}  // namespace

void add_engines(CLI::App& app, Session& session) {
  const auto run = [&session](const Result<void>& done) {
    if (!done) session.fail(done.error());
  };
  CLI::App* engines =
      app.add_subcommand("engines", "the foreign engines on this machine: list, install, verify, remove");
  engines->footer("Example:\n  assay engines\n  assay engines install llama.cpp");
  engines->require_subcommand(0, 1);

  CLI::App* command = engines->add_subcommand("list", "what is installed; the same without a word");
  command->footer("Example:\n  assay engines list --json");
  command->callback([&session, run] { run(list_command(session)); });

  add_install(*engines, session, run);

  auto verified = std::make_shared<VerifyArguments>();
  command =
      engines->add_subcommand("verify", "hash every file again; exit code 1 where one differs or does not compute");
  command->footer("Example:\n  assay engines verify llama.cpp\n  assay engines verify --run");
  command->add_option("name", verified->name, "NAME or NAME@VERSION; default: all");
  command->add_flag("--run", verified->run,
                    "start each engine too: a prompt and some tokens of a small model, held against known logits");
  command->callback([verified, &session, run] { run(verify_command(session, *verified)); });

  auto removed = std::make_shared<std::string>();
  command = engines->add_subcommand("remove", "take an engine away");
  command->footer("Example:\n  assay engines remove llama.cpp@0.3.36");
  command->add_option("name", *removed, "NAME or NAME@VERSION")->required();
  command->callback([removed, &session, run] { run(remove_command(session, *removed)); });

  engines->callback([engines, &session, run] {
    if (engines->get_subcommands().empty()) run(list_command(session));
  });
}

}  // namespace assay::cli
