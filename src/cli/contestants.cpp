#include "cli/contestants.h"

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iterator>
#include <optional>
#include <utility>

#include "adapter/installed/catalogue.h"
#include "adapter/metalrt/metalrt_engine.h"
#include "adapter/upstream/upstream_engine.h"
#include "cli/foreign.h"
#include "host/host.h"
#include "host/sockets.h"
#include "measure/memory_plan.h"
#include "schedule/scheduler.h"

namespace assay::cli {
namespace {

// What every contestant of one matrix shares.
struct Common {
  const Session& session;
  const LoadedModel& model;
  const ModelOptions& options;
  std::uint32_t threads;
  const Entrants& entrants;
  std::string upstream_key;
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

// How an engine holds keys and values: direct in pages of 32 positions, MLX in steps of 256, llama.cpp all that the context
// holds from the beginning on.
measure::KvPlan kv_plan(const BackendFacts& facts) {
  const bool whole = facts.name == "llama.cpp";
  return {.type = facts.kv_type,
          .step = facts.name == "mlx" ? 256U : 32U,
          .whole_context = whole,
          .context = facts.context,
          .sequences = facts.sequences};
}

// What is known of its memory before anything is loaded, and what a token reads.
void add_plan(const LoadedModel& model, const Backend& backend, measure::Contestant& contestant) {
  const ModelConfig config = model.checkpoint->config();  // a copy: the file may be closed
  const BackendFacts& facts = backend.facts();
  if (measure::kv_element_bytes(facts.kv_type) == 0) return;
  contestant.kv_read_bytes = [config, &facts](double depth) {
    return measure::kv_read_bytes(config, facts.kv_type, depth);
  };
  std::uint64_t weights = model.checkpoint->weight_bytes();
  if (facts.name == "mlx" && model::present(model.weights.embedding)) {
    weights = measure::mlx_weight_bytes(model.weights, facts.device == "cpu");
  }
  contestant.plan = [config, &facts, weights](std::uint32_t positions, std::uint32_t requests) {
    const std::uint32_t batch = std::min(facts.batch, positions * requests);
    return measure::plan_memory(config, weights, kv_plan(facts), batch, positions, requests);
  };
}

// What happens while `load` runs: how long it takes, and what the machine swaps out.
template <class Load>
auto loading(const Common& common, measure::Contestant& contestant, Load&& load) {
  const auto before = host::swap_use().out_bytes;
  const std::int64_t begin_ns = common.session.clock.now_ns();
  auto out = load();
  contestant.load_s = static_cast<double>(common.session.clock.now_ns() - begin_ns) * 1e-9;
  const auto after = host::swap_use().out_bytes;
  if (before && after && *after > *before) contestant.load_swap_out_bytes = static_cast<std::int64_t>(*after - *before);
  return out;
}

void add(Contestants& all, const Common& common, Backend& backend, measure::Contestant contestant) {
  auto scheduler =
      std::make_unique<schedule::Scheduler>(backend, common.session.clock, common.model.detokenize.get(),
                                            schedule::SchedulerOptions{.keep_finished = common.entrants.keep_prompts});
  contestant.drop_kept = [running = scheduler.get()] { return running->drop_kept(); };
  contestant.running = scheduler.get();
  all.engines.push_back(std::move(scheduler));
  contestant.backend = &backend;
  add_plan(common.model, backend, contestant);
  all.list.push_back(std::move(contestant));
}

void add_refused(Contestants& all, const EngineSpec& spec, const std::string& version, std::string reason,
                 bool broke = false) {
  measure::Contestant out;
  out.broke = broke;
  out.subject.engine = spec.name;
  out.subject.version = version;
  out.subject.device = spec.device;
  out.reason = std::move(reason);
  all.list.push_back(std::move(out));
}

// A program of ours that was started and did not come as far as to be asked anything.
void add_not_started(Contestants& all, const EngineSpec& spec, const std::string& version, const Error& error) {
  add_refused(all, spec, version, to_string(error), error.code == Errc::engine_lost || error.code == Errc::timeout);
}

std::vector<std::string> settings_of(const adapter::LoadSettings& load) {
  const auto word = [](bool value) { return value ? "true" : "false"; };
  return {"ubatch=" + std::to_string(load.ubatch), std::string("flash_attention=") + word(load.flash_attention),
          std::string("map_file=") + word(load.map_file), std::string("lock_memory=") + word(load.lock_memory),
          "cache_bytes=" + std::to_string(load.cache_bytes)};
}

// The ways in which an engine is documented to be run, measured beside each other: which is quicker depends on machine,
// device, model and length, and an engine is shown at its best.
struct WayToRun {
  std::string name;  // "": there is one
  adapter::LoadSettings load;
};
std::vector<WayToRun> ways_to_run(const std::string& engine, const adapter::LoadSettings& load) {
  if (engine != "llama.cpp" || load.kv == "q8_0") return {{"", load}};  // q8_0 values want flash attention
  adapter::LoadSettings plain = load;
  plain.flash_attention = false;
  return {{"flash attention on", load}, {"flash attention off", plain}};
}

// Each way holds the weights once more, so where they are large beside the memory there is one way only.
bool has_room_for_ways(const Common& common, const std::string& device) {
  constexpr std::uint64_t part = 6;
  return device != "cpu" || common.model.checkpoint->file_bytes() <= host::host_facts().memory_bytes / part;
}

void add_way(Contestants& all, const Common& common, const adapter::Manifest& manifest, const WayToRun& way,
             std::unique_ptr<adapter::WorkerBackend> worker, measure::Contestant contestant) {
  adapter::WorkerBackend* backend = worker.get();
  all.workers.push_back(std::move(worker));
  contestant.subject = subject_of(backend->facts(), common.threads);
  contestant.subject.way = way.name;
  contestant.subject.settings = settings_of(way.load);
  if (!manifest.refused.empty()) contestant.subject.notes.push_back("built by " + adapter::how_built(manifest));
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

void add_installed(Contestants& all, const Common& common, EngineSpec spec) {
  const auto manifest = find_engine(common.session, spec);
  if (!manifest) return add_refused(all, spec, spec.version, manifest.error().detail);
  spec.device = engine_device(*manifest, spec);
  const auto load = worker_settings(common.model, common.options, spec.device, common.model.backend->facts().context);
  if (!load) return add_refused(all, spec, manifest->version, to_string(load.error()));
  std::vector<std::string> notes;
  std::optional<Error> first_error;
  const std::size_t before = all.list.size();
  for (const WayToRun& way : ways_to_run(manifest->name, *load)) {
    if (all.list.size() > before && !has_room_for_ways(common, spec.device)) {
      notes.push_back(way.name + " was not measured: the weights are large beside this machine's memory");
      continue;
    }
    measure::Contestant contestant;
    auto worker = loading(common, contestant, [&] { return open_worker(common.session, *manifest, way.load); });
    if (worker) {
      add_way(all, common, *manifest, way, std::move(*worker), std::move(contestant));
    } else {
      if (!way.name.empty()) notes.push_back(way.name + " was not measured: " + to_string(worker.error()));
      if (!first_error) first_error = worker.error();
    }
  }
  if (all.list.size() == before) return add_not_started(all, spec, manifest->version, *first_error);
  for (std::size_t i = before; i < all.list.size(); ++i)
    std::ranges::copy(notes, std::back_inserter(all.list[i].subject.notes));
}

// An engine that only speaks text: no backend of ours below it.
void add_speaker(Contestants& all, std::unique_ptr<Engine> engine, std::vector<std::string> settings,
                 std::function<std::vector<std::int64_t>()> processes) {
  measure::Contestant contestant;
  contestant.subject = subject_of(engine->facts().backend, 0);
  contestant.subject.text_only = engine->facts().text_only;
  contestant.subject.settings = std::move(settings);
  contestant.subject.parity_reason = "it gives text only, no logits";
  contestant.running = engine.get();
  contestant.processes = std::move(processes);
  all.engines.push_back(std::move(engine));
  all.list.push_back(std::move(contestant));
}

// The process that listens there; -1 where it is on another machine or may not be seen.
std::int64_t server_process(const adapter::upstream::Url& url) {
  if (url.host != "localhost" && url.host != "::1" && !url.host.starts_with("127.")) return -1;
  const auto listeners = host::listeners();
  if (!listeners) return -1;
  const auto at =
      std::ranges::find_if(*listeners, [&](const host::Listener& l) { return l.port == url.port && l.pid > 0; });
  return at == listeners->end() ? -1 : at->pid;
}

void add_upstream(Contestants& all, const Common& common, const adapter::upstream::UpstreamChoice& choice) {
  namespace upstream = adapter::upstream;
  const EngineSpec spec{.name = std::string(name(choice.kind)), .version = "", .device = "upstream"};
  auto options = upstream::options_of(choice, common.upstream_key);
  if (!options) return add_refused(all, spec, "", to_string(options.error()));
  options->stop = &common.session.stop;
  options->context = common.model.backend->facts().context;
  options->vocabulary = static_cast<std::uint32_t>(common.model.tokenizer->size());
  const Tokenizer& tokenizer = *common.model.tokenizer;
  auto engine = upstream::open_upstream(*options, common.session.clock, common.model.detokenize.get(),
                                        [&tokenizer](std::string_view text) -> Result<std::size_t> {
                                          const auto tokens = tokenizer.encode(
                                              text, {.add = AddSpecial::no, .parse = ParseSpecial::as_tokens});
                                          if (!tokens) return std::unexpected(tokens.error());
                                          return tokens->size();
                                        });
  if (!engine) return add_refused(all, spec, "", to_string(engine.error()));
  // Facts and /health come from a wedged server as well: a token is what it must give, now and not after minutes of rounds.
  const auto alive = (*engine)->probe(static_cast<std::int64_t>(common.entrants.upstream_wait_s * 1e9));
  if (!alive) return add_refused(all, spec, (*engine)->facts().backend.version, to_string(alive.error()));
  add_speaker(all, std::move(*engine), {"url=" + to_string(choice.url)},
              [process = server_process(choice.url)] { return std::vector<std::int64_t>{process}; });
}

void add_metalrt(Contestants& all, const Common& common) {
  namespace metalrt = adapter::metalrt;
  const EngineSpec spec{.name = "metalrt", .version = "", .device = "metal"};
  const auto library = metalrt::find_library("");
  if (!library) return add_refused(all, spec, "", to_string(library.error()));
  if (!std::filesystem::is_directory(common.model.path)) {
    return add_refused(all, spec, "",
                       "metalrt reads an MLX 4-bit folder, and " + common.model.path + " is a GGUF file");
  }
  metalrt::MetalrtOptions options;
  options.worker = std::filesystem::path(host::program_path()).replace_filename("assay-worker-metalrt").string();
  options.library = *library;
  options.model = common.model.path;
  options.chip = host::host_facts().chip;
  options.stop = &common.session.stop;
  auto engine = metalrt::open_metalrt(options, common.session.clock, *common.model.detokenize);
  if (!engine) return add_not_started(all, spec, "", engine.error());
  const metalrt::MetalrtEngine* running = engine->get();
  add_speaker(all, std::move(*engine), {"library=" + *library}, [running] {
    const std::int64_t id = running->process_id();
    return id < 0 ? std::vector<std::int64_t>{} : std::vector<std::int64_t>{id};
  });
}

// What a name stands for, understood before anything is started.
struct Entrant {
  EngineSpec spec;
  std::optional<adapter::upstream::UpstreamChoice> upstream;
};

Result<Entrant> parse_entrant(const std::string& text) {
  Entrant out;
  if (text.starts_with(upstream_prefix)) {
    auto choice = adapter::upstream::parse_upstream(std::string_view(text).substr(upstream_prefix.size()));
    if (!choice) return std::unexpected(std::move(choice.error()));
    out.upstream = std::move(*choice);
    return out;
  }
  auto spec = parse_engine_spec(text);
  if (!spec) return std::unexpected(std::move(spec.error()));
  out.spec = std::move(*spec);
  if (const auto direct = means_direct(out.spec); !direct) return std::unexpected(direct.error());
  const bool plain = out.spec.version.empty() && out.spec.device.empty();
  if (out.spec.name == "metalrt" && !plain) {
    return assay::fail(Errc::bad_value, "engine \"" + text +
                                            "\": expected \"metalrt\", whose library is found by "
                                            "its path");
  }
  return out;
}

}  // namespace

std::vector<std::string> default_entrants() {
  std::vector<std::string> out = adapter::engine_names();
  out.insert(out.begin(), "direct");
  if (adapter::metalrt::find_library("")) out.emplace_back("metalrt");
  return out;
}

Result<void> check_entrants(const Session& session, const std::vector<std::string>& engines) {
  std::optional<Error> first;
  bool any = engines.empty();
  std::vector<std::string> known = adapter::engine_names();
  known.insert(known.begin(), "direct");
  known.emplace_back("metalrt");
  for (const std::string& text : engines) {
    const auto entrant = parse_entrant(text);
    if (!entrant) return std::unexpected(entrant.error());
    if (std::ranges::count(engines, text) > 1) return assay::fail(Errc::bad_value, text + " is named twice");
    const std::string& name = entrant->spec.name;
    if (entrant->upstream || name == "direct" || name == "metalrt") {
      any = true;
      continue;
    }
    const auto found = find_engine(session, entrant->spec);
    any = any || found.has_value();
    if (found) continue;
    if (std::ranges::find(known, name) == known.end()) return std::unexpected(found.error());
    if (!first) first = found.error();
  }
  if (!any && first) return std::unexpected(*first);
  return {};
}

std::size_t engines_in_memory(const Session& session, const std::vector<std::string>& engines) {
  std::size_t out = 1;
  for (const std::string& text : engines.empty() ? default_entrants() : engines) {
    const auto entrant = parse_entrant(text);
    if (!entrant || entrant->upstream || entrant->spec.name == "direct") continue;
    const auto manifest = find_engine(session, entrant->spec);
    if (manifest && engine_device(*manifest, entrant->spec) == "cpu") ++out;
  }
  return out;
}

Result<Contestants> gather_contestants(const Session& session, const LoadedModel& model, const ModelOptions& options,
                                       const Entrants& entrants) {
  const auto threads = chosen_threads(options.threads);
  if (!threads) return std::unexpected(threads.error());
  auto key = adapter::upstream::read_key(entrants.upstream_key);
  if (!key) return std::unexpected(std::move(key.error()));
  const Common common{session, model, options, static_cast<std::uint32_t>(*threads), entrants, std::move(*key)};
  const std::vector<std::string> names = entrants.engines.empty() ? default_entrants() : entrants.engines;
  std::vector<Entrant> parsed;
  for (const std::string& text : names) {
    auto entrant = parse_entrant(text);
    if (!entrant) return std::unexpected(std::move(entrant.error()));
    if (std::ranges::count(names, text) > 1) {
      return assay::fail(Errc::bad_value, "engine " + text + " is named twice");
    }
    parsed.push_back(std::move(*entrant));
  }
  Contestants all;
  for (Entrant& entrant : parsed) {
    if (common.session.stop.asked()) break;
    if (entrant.upstream) {
      add_upstream(all, common, *entrant.upstream);
    } else if (entrant.spec.name == "metalrt") {
      add_metalrt(all, common);
    } else if (entrant.spec.name != "direct") {
      add_installed(all, common, std::move(entrant.spec));
    } else {
      measure::Contestant direct;
      direct.subject = subject_of(model.backend->facts(), common.threads);
      direct.load_s = model.load_s;
      direct.load_swap_out_bytes = model.load_swap_out_bytes;
      direct.harness_bytes = model.harness_bytes;
      add(all, common, *model.backend, std::move(direct));
    }
  }
  if (session.stop.asked()) return assay::fail(Errc::cancelled, "stopped while the engines were started");
  return all;
}

}  // namespace assay::cli
