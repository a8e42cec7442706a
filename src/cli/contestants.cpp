#include "cli/contestants.h"

#include <algorithm>
#include <utility>

#include "adapter/installed/catalogue.h"
#include "cli/foreign.h"
#include "schedule/scheduler.h"

namespace assay::cli {
namespace {

// What every contestant of one matrix shares.
struct Common {
  const Session& session;
  const LoadedModel& model;
  const ModelOptions& options;
  std::uint32_t threads;
  bool keep_prompts;
};

measure::Subject subject_of(const BackendFacts& facts, std::uint32_t threads) {
  measure::Subject out;
  out.engine = facts.name;
  out.device = facts.device;
  out.version = facts.version;
  out.build = facts.build;
  out.kv = facts.kv_type;
  out.activations = facts.activations;
  out.context = facts.context;
  out.sequences = facts.sequences;
  out.batch = facts.batch;
  out.threads = threads;
  out.notes = facts.notes;
  return out;
}

void add(Contestants& all, const Common& common, Backend& backend, measure::Contestant contestant) {
  all.engines.push_back(
      std::make_unique<schedule::Scheduler>(backend, common.session.clock, common.model.detokenize.get(),
                                            schedule::SchedulerOptions{.keep_finished = common.keep_prompts}));
  contestant.running = all.engines.back().get();
  contestant.backend = &backend;
  all.list.push_back(std::move(contestant));
}

void add_refused(Contestants& all, const EngineSpec& spec, const std::string& version, std::string reason) {
  measure::Contestant out;
  out.subject.engine = spec.name;
  out.subject.version = version;
  out.subject.device = spec.device;
  out.reason = std::move(reason);
  all.list.push_back(std::move(out));
}

std::vector<std::string> settings_of(const adapter::LoadSettings& load) {
  const auto word = [](bool value) { return value ? "true" : "false"; };
  return {"ubatch=" + std::to_string(load.ubatch), std::string("flash_attention=") + word(load.flash_attention),
          std::string("map_file=") + word(load.map_file), std::string("lock_memory=") + word(load.lock_memory),
          "cache_bytes=" + std::to_string(load.cache_bytes)};
}

void add_installed(Contestants& all, const Common& common, EngineSpec spec) {
  const auto manifest = find_engine(common.session, spec);
  if (!manifest) return add_refused(all, spec, spec.version, manifest.error().detail);
  spec.device = engine_device(*manifest, spec);
  const auto load = worker_settings(common.model, common.options, spec.device, common.model.backend->facts().context);
  if (!load) return add_refused(all, spec, manifest->version, to_string(load.error()));
  auto worker = open_worker(common.session, *manifest, *load);
  if (!worker) return add_refused(all, spec, manifest->version, to_string(worker.error()));
  adapter::WorkerBackend* backend = worker->get();
  all.workers.push_back(std::move(*worker));
  measure::Contestant contestant;
  contestant.subject = subject_of(backend->facts(), common.threads);
  contestant.subject.settings = settings_of(*load);
  contestant.processes = [backend] {
    const std::int64_t id = backend->process_id();
    return id < 0 ? std::vector<std::int64_t>{} : std::vector<std::int64_t>{id};
  };
  contestant.border = [backend] {
    const adapter::BorderCost cost = backend->border_cost();
    return measure::BorderTime{.calls = cost.calls, .total_ns = cost.total_ns, .engine_ns = cost.engine_ns};
  };
  add(all, common, *backend, std::move(contestant));
}

}  // namespace

Result<Contestants> gather_contestants(const Session& session, const LoadedModel& model, const ModelOptions& options,
                                       const std::vector<std::string>& engines, bool keep_prompts) {
  const auto threads = chosen_threads(options.threads);
  if (!threads) return std::unexpected(threads.error());
  const Common common{session, model, options, static_cast<std::uint32_t>(*threads), keep_prompts};
  std::vector<std::string> names = engines;
  if (names.empty()) {
    names = adapter::engine_names();
    names.insert(names.begin(), "direct");
  }
  std::vector<EngineSpec> specs;
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto spec = parse_engine_spec(names[i]);
    if (!spec) return std::unexpected(std::move(spec.error()));
    if (std::ranges::count(names, names[i]) > 1) {
      return assay::fail(Errc::bad_value, "engine " + names[i] + " is named twice");
    }
    if (spec->name == "direct" && (!spec->version.empty() || (!spec->device.empty() && spec->device != "cpu"))) {
      return assay::fail(Errc::bad_value, "engine \"" + names[i] + "\": direct is this program, on the CPU");
    }
    specs.push_back(std::move(*spec));
  }
  Contestants all;
  for (EngineSpec& spec : specs) {
    if (spec.name != "direct") {
      add_installed(all, common, std::move(spec));
      continue;
    }
    measure::Contestant direct;
    direct.subject = subject_of(model.backend->facts(), common.threads);
    add(all, common, *model.backend, std::move(direct));
  }
  return all;
}

}  // namespace assay::cli
