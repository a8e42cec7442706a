#include "cli/contestants.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "adapter/installed/catalogue.h"
#include "host/host.h"
#include "measure/memory_plan.h"

namespace assay::cli {
namespace {

using roster::EngineSpec;

// What every contestant of one matrix shares.
struct Common {
  const Session& session;
  const LoadedModel& model;
  roster::Settings settings;
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
  if (model.not_understood() || measure::kv_element_bytes(facts.kv_type) == 0) return;
  contestant.kv_read_bytes = [config, &facts](double depth) {
    return measure::kv_read_bytes(config, facts.kv_type, depth);
  };
  contestant.plan = [config, &facts, weights = model.checkpoint->weight_bytes()](std::uint32_t positions,
                                                                                 std::uint32_t requests) {
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

// A program of ours that was started and did not come as far as to be asked anything broke off; all else was refused.
void add_refused(Contestants& all, const EngineSpec& spec, const std::string& version, const Error& error,
                 std::string reason) {
  measure::Contestant out;
  out.broke = !spec.upstream && (error.code == Errc::engine_lost || error.code == Errc::timeout);
  out.subject.engine = spec.name;
  out.subject.version = version;
  out.subject.device = spec.device;
  out.reason = std::move(reason);
  all.list.push_back(std::move(out));
}

void add(Contestants& all, const Common& common, roster::Opened opened, const std::string& way,
         measure::Contestant contestant) {
  contestant.subject = subject_of(opened.facts(), opened.compute.backend ? common.settings.threads : 0);
  contestant.subject.way = way;
  contestant.subject.settings = opened.settings;
  contestant.subject.text_only = opened.engine->facts().text_only;
  std::ranges::copy(opened.notes, std::back_inserter(contestant.subject.notes));
  contestant.running = opened.engine.get();
  contestant.drop_kept = opened.drop_kept;
  contestant.processes = opened.processes;
  if (opened.border) {
    contestant.border = [border = opened.border] {
      const adapter::BorderCost cost = border();
      return measure::BorderTime{.calls = cost.calls, .total_ns = cost.total_ns, .engine_ns = cost.engine_ns};
    };
  }
  if (opened.compute.backend) {
    contestant.backend = opened.compute.backend.get();
    add_plan(common.model, *contestant.backend, contestant);
    if (common.model.not_understood()) {
      contestant.subject.parity_reason = "the reference does not know " + common.model.weights.config.architecture_name;
    }
  } else {
    contestant.subject.parity_reason = "it gives text only, no logits";
  }
  all.engines.push_back(std::move(opened));
  all.list.push_back(std::move(contestant));
}

// The ways in which an engine is documented to be run, measured beside each other: which is quicker depends on machine,
// device, model and length, and an engine is shown at its best.
struct WayToRun {
  std::string name;  // "": there is one
  bool flash_attention;
};
std::vector<WayToRun> ways_to_run(const EngineSpec& spec, const std::string& kv) {
  if (spec.upstream || spec.name != "llama.cpp" || kv == "q8_0")
    return {{"", true}};  // q8_0 values want flash attention
  return {{"flash attention on", true}, {"flash attention off", false}};
}

// Each way holds the weights once more, so where they are large beside the memory there is one way only.
bool has_room_for_ways(const Common& common, const std::string& device) {
  constexpr std::uint64_t part = 6;
  return device != "cpu" || common.model.checkpoint->file_bytes() <= host::host_facts().memory_bytes / part;
}

void add_engine(Contestants& all, const Common& common, EngineSpec spec) {
  std::string version = spec.version;
  if (spec.is_installed()) {
    const auto manifest = roster::find_engine(common.session.surroundings().engines, spec);
    if (!manifest) return add_refused(all, spec, version, manifest.error(), manifest.error().detail);
    spec.device = roster::engine_device(*manifest, spec);
    version = manifest->version;
  } else if (spec.is_direct()) {
    spec.device = "cpu";
  } else if (spec.is_metalrt()) {
    spec.device = "metal";
  }
  std::vector<std::string> notes;
  std::optional<Error> first_error;
  const std::size_t before = all.list.size();
  for (const WayToRun& way : ways_to_run(spec, common.settings.kv)) {
    if (all.list.size() > before && !has_room_for_ways(common, spec.device)) {
      notes.push_back(way.name + " was not measured: the weights are large beside this machine's memory");
      continue;
    }
    measure::Contestant contestant;
    roster::Settings settings = common.settings;
    settings.flash_attention = way.flash_attention;
    auto opened = loading(common, contestant,
                          [&] { return roster::open(spec, common.model, settings, common.session.surroundings()); });
    if (opened) {
      add(all, common, std::move(*opened), way.name, std::move(contestant));
    } else {
      if (!way.name.empty()) notes.push_back(way.name + " was not measured: " + to_string(opened.error()));
      if (!first_error) first_error = opened.error();
    }
  }
  if (all.list.size() == before) return add_refused(all, spec, version, *first_error, to_string(*first_error));
  for (std::size_t i = before; i < all.list.size(); ++i)
    std::ranges::copy(notes, std::back_inserter(all.list[i].subject.notes));
}

}  // namespace

Result<void> check_entrants(const Session& session, const std::vector<std::string>& engines) {
  std::optional<Error> first;
  bool any = engines.empty();
  std::vector<std::string> known = adapter::engine_names();
  known.insert(known.begin(), "direct");
  known.emplace_back("metalrt");
  for (const std::string& text : engines) {
    const auto spec = roster::parse_engine_spec(text);
    if (!spec) return std::unexpected(spec.error());
    if (std::ranges::count(engines, text) > 1) return assay::fail(Errc::bad_value, text + " is named twice");
    if (!spec->is_installed()) {
      any = true;
      continue;
    }
    const auto found = roster::find_engine(session.surroundings().engines, *spec);
    any = any || found.has_value();
    if (found) continue;
    if (std::ranges::find(known, spec->name) == known.end()) return std::unexpected(found.error());
    if (!first) first = found.error();
  }
  if (!any && first) return std::unexpected(*first);
  return {};
}

std::size_t engines_in_memory(const Session& session, const std::vector<std::string>& engines) {
  std::size_t out = 1;
  for (const std::string& text : engines.empty() ? roster::default_engines() : engines) {
    const auto spec = roster::parse_engine_spec(text);
    if (!spec || !spec->is_installed()) continue;
    const auto manifest = roster::find_engine(session.surroundings().engines, *spec);
    if (manifest && roster::engine_device(*manifest, *spec) == "cpu") ++out;
  }
  return out;
}

Result<Contestants> gather_contestants(const Session& session, const LoadedModel& model, const ModelOptions& options,
                                       const Entrants& entrants) {
  auto key = adapter::upstream::read_key(entrants.upstream_key);
  if (!key) return std::unexpected(std::move(key.error()));
  auto settings = engine_settings(options, model.context);
  if (!settings) return std::unexpected(std::move(settings.error()));
  settings->own_process = true;  // its memory is its own, and a crash costs one row
  settings->keep_prompts = entrants.keep_prompts;
  settings->upstream_key = std::move(*key);
  settings->upstream_wait_s = entrants.upstream_wait_s;
  const Common common{session, model, std::move(*settings)};
  const std::vector<std::string> names = entrants.engines.empty() ? roster::default_engines() : entrants.engines;
  std::vector<EngineSpec> parsed;
  for (const std::string& text : names) {
    auto spec = roster::parse_engine_spec(text);
    if (!spec) return std::unexpected(std::move(spec.error()));
    if (std::ranges::count(names, text) > 1) {
      return assay::fail(Errc::bad_value, "engine " + text + " is named twice");
    }
    parsed.push_back(std::move(*spec));
  }
  Contestants all;
  for (EngineSpec& spec : parsed) {
    if (common.session.stop.asked()) break;
    add_engine(all, common, std::move(spec));
  }
  if (session.stop.asked()) return assay::fail(Errc::cancelled, "stopped while the engines were started");
  return all;
}

}  // namespace assay::cli
