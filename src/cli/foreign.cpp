#include "cli/foreign.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "adapter/installed/catalogue.h"
#include "cli/contestants.h"
#include "device/cpu/thread_pool.h"

namespace assay::cli {
namespace {

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out.empty() ? "none" : out;
}

}  // namespace

Result<EngineSpec> parse_engine_spec(std::string_view text) {
  EngineSpec spec;
  const auto wrong = [&] {
    return assay::fail(Errc::bad_value,
                       "engine \"" + std::string(text) + "\", expected NAME, NAME@VERSION or NAME:DEVICE");
  };
  std::string_view rest = text;
  if (const auto colon = rest.find(':'); colon != std::string_view::npos) {
    spec.device = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    if (spec.device.empty()) return wrong();
  }
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    spec.version = rest.substr(at + 1);
    rest = rest.substr(0, at);
    if (spec.version.empty()) return wrong();
  }
  spec.name = rest;
  if (spec.name.empty()) return wrong();
  return spec;
}

Result<bool> means_direct(const EngineSpec& spec) {
  if (spec.name != "direct") return false;
  if (spec.version.empty() && (spec.device.empty() || spec.device == "cpu")) return true;
  return assay::fail(Errc::bad_value, "engine \"" + spec.name + (spec.version.empty() ? "" : "@" + spec.version) +
                                          (spec.device.empty() ? "" : ":" + spec.device) +
                                          "\": direct is this program, on the CPU");
}

Result<adapter::Manifest> find_engine(const Session& session, const EngineSpec& spec) {
  const adapter::Installed installed = adapter::installed_engines((session.home() / "engines").string());
  std::vector<std::string> known;
  const adapter::Manifest* other_device = nullptr;
  for (const adapter::Manifest& manifest : installed.engines) {
    known.push_back(manifest.name + "@" + manifest.version);
    if (manifest.name != spec.name || (!spec.version.empty() && manifest.version != spec.version)) continue;
    if (spec.device.empty() || std::ranges::find(manifest.devices, spec.device) != manifest.devices.end()) {
      return manifest;
    }
    other_device = &manifest;
  }
  if (other_device != nullptr) {
    return assay::fail(Errc::unsupported, spec.name + "@" + other_device->version + " was built for " +
                                              listed(other_device->devices) + ", not for " + spec.device);
  }
  std::vector<std::string> names = adapter::engine_names();
  const bool can_install = std::ranges::find(names, spec.name) != names.end();
  names.insert(names.begin(), "direct");
  std::string detail = "engine " + spec.name + (spec.version.empty() ? "" : "@" + spec.version) +
                       (can_install ? " is not installed: 'assay engines install " + spec.name + "' does it"
                                    : ": there is none of that name, expected one of " + listed(names)) +
                       "; installed: " + listed(known);
  for (const std::string& complaint : installed.complaints) detail += "; " + complaint;
  return assay::fail(Errc::not_found, std::move(detail));
}

std::string advice_for(const adapter::Manifest& manifest) {
  return "'assay engines verify --run " + manifest.name + "@" + manifest.version +
         "' tries it, 'assay engines install " + manifest.name + " --force' makes it anew";
}

std::string engine_device(const adapter::Manifest& manifest, const EngineSpec& spec) {
  if (!spec.device.empty()) return spec.device;
  for (const char* device : {"cuda", "metal", "cpu"}) {
    if (std::ranges::find(manifest.devices, device) != manifest.devices.end()) return device;
  }
  return "cpu";
}

Result<adapter::LoadSettings> worker_settings(const LoadedModel& model, const ModelOptions& options,
                                              const std::string& device, std::uint32_t context) {
  const auto threads = chosen_threads(options.threads);
  if (!threads) return std::unexpected(threads.error());
  adapter::LoadSettings out;
  out.model = model.path;
  out.device = device;
  out.context = context;
  out.sequences = options.sequences;
  out.batch = options.batch;
  out.ubatch = std::min<std::uint32_t>(options.batch, 512);
  out.threads = static_cast<std::uint32_t>(*threads);
  out.kv = options.kv;
  return out;
}

Result<std::unique_ptr<adapter::WorkerBackend>> open_worker(const Session& session, const adapter::Manifest& manifest,
                                                            const adapter::LoadSettings& settings) {
  const std::string kind = std::filesystem::is_directory(settings.model) ? "mlx" : "gguf";
  if (std::ranges::find(manifest.loads, kind) == manifest.loads.end()) {
    return assay::fail(Errc::unsupported, manifest.name + " reads " + listed(manifest.loads) + ", and " +
                                              settings.model + " is " +
                                              (kind == "mlx" ? "a safetensors folder" : "a GGUF file"));
  }
  adapter::WorkerOptions worker;
  worker.program = (std::filesystem::path(manifest.folder) / manifest.worker).string();
  worker.load = settings;
  worker.keep_waiting = [&session] { return !session.stop.asked(); };
  worker.version = manifest.version;
  worker.way = manifest.way;
  worker.advice = advice_for(manifest);
  Progress progress(session.clock, session.progress(), "loading " + manifest.name, 100, "%");
  auto backend = adapter::start_worker(worker, session.clock, [&](double share) {
    progress.update(static_cast<std::uint64_t>(share * 100));
    return !session.stop.asked();
  });
  if (!backend) return std::unexpected(with_context(manifest.name, std::move(backend.error())));
  return backend;
}

Result<std::unique_ptr<adapter::WorkerBackend>> open_engine(const Session& session, const EngineSpec& spec,
                                                            const ModelOptions& options, const LoadedModel& model,
                                                            std::uint32_t context) {
  if (spec.name == "metalrt" || spec.name + ":" == upstream_prefix) {
    return assay::fail(Errc::unsupported,
                       "engine " + options.engine + " gives text and no logits: only 'assay matrix' runs it");
  }
  const auto manifest = find_engine(session, spec);
  if (!manifest) return std::unexpected(manifest.error());
  const auto settings = worker_settings(model, options, engine_device(*manifest, spec), context);
  if (!settings) return std::unexpected(settings.error());
  return open_worker(session, *manifest, *settings);
}

}  // namespace assay::cli
