#include "cli/matrix_run.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>

#include "cli/build_commit.h"
#include "cli/contestants.h"
#include "host/cuda_read.h"
#include "measure/artifact.h"
#include "measure/ceilings.h"
#include "measure/matrix.h"
#include "measure/parity_run.h"
#include "measure/ways.h"
#include "record/record_json.h"

namespace assay::cli {
namespace {

constexpr std::int64_t idle_ns = 1'000'000'000;    // of the probe on the machine left alone
constexpr std::uint32_t open_loop_streams = 8;     // requests that may run at once when they arrive as they like
constexpr std::uint32_t room_behind_a_sweep = 64;  // positions for what is decoded behind the longest prompt

std::vector<Token> plain_tokens(const Tokenizer& tokenizer) {
  std::vector<Token> out;
  for (Token token = 0; static_cast<std::size_t>(token) < tokenizer.size(); ++token) {
    if (!tokenizer.is_special(token) && !tokenizer.piece(token).empty()) out.push_back(token);
  }
  return out;
}

// Fills each contestant's parity, or the reason why there is none. The text is as long as the budget allows.
Result<void> add_parity(const Session& session, const LoadedModel& model, const MatrixOptions& options,
                        std::vector<measure::Contestant>& contestants) {
  constexpr std::size_t text_tokens = 96;
  constexpr std::size_t least_tokens = 12;
  const measure::MatrixSettings& settings = options.settings;
  std::vector<measure::Rounding> roundings;
  std::vector<std::optional<measure::Rounding>> of_each(contestants.size());
  for (std::size_t i = 0; i < contestants.size(); ++i) {
    measure::Contestant& contestant = contestants[i];
    std::string& reason = contestant.subject.parity_reason;
    if (contestant.running == nullptr || !reason.empty()) continue;
    if (settings.parity_positions == 0) {
      reason = "not asked for";
    } else if (contestant.backend == nullptr) {
      reason = "it gives text only, no logits";
    } else if (auto rounding = measure::rounding_from(contestant.backend->facts()); !rounding) {
      reason = rounding.error().detail;
    } else {
      of_each[i] = *rounding;
      if (std::ranges::find(roundings, *rounding) == roundings.end()) roundings.push_back(*rounding);
    }
  }
  if (roundings.empty()) return {};
  auto tokens = model.tokenizer->encode(measure::standard_text());
  if (!tokens) return std::unexpected(std::move(tokens.error()));
  const auto threads = chosen_threads(options.model.threads);
  if (!threads) return std::unexpected(threads.error());
  std::size_t length = std::min({tokens->size(), text_tokens, std::size_t{model.context}});
  const auto seconds = [&] { return measure::reference_seconds(model.weights, length, roundings.size(), *threads); };
  while (length > least_tokens && seconds() > settings.parity_budget_s) --length;
  if (seconds() > settings.parity_budget_s) {
    for (std::size_t i = 0; i < contestants.size(); ++i) {
      if (of_each[i]) {
        contestants[i].subject.parity_reason = "the reference would take up to " + human_seconds(seconds()) + " for " +
                                               std::to_string(length) + " tokens: give it more with --parity-budget";
      }
    }
    return {};
  }
  tokens->resize(length);
  // The models that are a little wrong too, where that leaves the text as long as it is.
  const std::size_t more = (measure::suspects_max + measure::tries - 1) / measure::tries;
  const bool with_suspects =
      measure::reference_seconds(model.weights, length, roundings.size() + more, *threads) <= settings.parity_budget_s;
  device::ThreadPool pool(*threads);
  Progress progress(session.clock, session.progress(), "reference", 100, "%");
  progress.begin();
  const auto reference = measure::make_reference(
      model.weights, *tokens, measure::spread_positions(static_cast<std::uint32_t>(length), settings.parity_positions),
      roundings, &pool,
      [&](double share) {
        progress.update(static_cast<std::uint64_t>(share * 100));
        return !session.stop.asked();
      },
      &session.stop, with_suspects);
  progress.finish();
  if (!reference) return std::unexpected(reference.error());
  for (std::size_t i = 0; i < contestants.size(); ++i) {
    if (!of_each[i]) continue;
    Backend& backend = *contestants[i].backend;
    const std::int64_t start = session.clock.now_ns();
    const Result<void> emptied = contestants[i].drop_kept ? contestants[i].drop_kept() : Result<void>();
    auto parity = emptied ? measure::parity_against(*reference, backend, *of_each[i], &session.stop)
                          : Result<measure::Parity>(std::unexpected(emptied.error()));
    if (parity) {
      // At the workload's length too, as far as the budget reaches: the text was prefilled twice just now.
      const double token_s =
          static_cast<double>(session.clock.now_ns() - start) * 1e-9 / static_cast<double>(2 * length);
      const auto affordable = static_cast<std::size_t>(settings.parity_budget_s / 2 / token_s);
      const std::size_t self_tokens = std::min({std::size_t{settings.prompt_tokens} + measure::decode_steps, affordable,
                                                std::size_t{backend.facts().context}});
      if (self_tokens > length) {
        if (const auto self = measure::self_agreement(backend, measure::text_of_length(*tokens, self_tokens),
                                                      reference->bounds_of(*of_each[i]).decode, &session.stop)) {
          parity->self = *self;
        } else {
          contestants[i].subject.notes.push_back("not held against itself at " + std::to_string(self_tokens) +
                                                 " tokens: " + to_string(self.error()));
        }
      }
      contestants[i].subject.parity = *parity;
    } else if (session.stop.asked()) {
      return std::unexpected(parity.error());
    } else {  // this engine's own trouble: its row will say more
      contestants[i].subject.parity_reason = to_string(parity.error());
    }
  }
  return {};
}

// What the sweeps need, where the user did not say otherwise. trained: positions; 0: not told.
void make_room(MatrixOptions& options, std::uint32_t trained) {
  const measure::MatrixSettings& s = options.settings;
  if (options.model.context == 0) {
    std::uint64_t longest = std::uint64_t{s.prompt_tokens} + s.output_tokens;
    for (const std::uint32_t depth : s.sweep_context) {
      longest = std::max(longest, std::uint64_t{depth} + room_behind_a_sweep);
    }
    const std::uint64_t most = trained == 0 ? measure::request_tokens_max : trained;
    if (longest > context_default) options.model.context = static_cast<std::uint32_t>(std::min(longest, most));
  }
  for (const std::uint32_t streams : s.sweep_streams) {
    options.model.sequences = std::max(options.model.sequences, streams);
  }
  if (s.arrivals_per_s > 0) options.model.sequences = std::max(options.model.sequences, open_loop_streams);
}

// Every length that does not fit is named, before anything is loaded. trained: as above.
Result<void> check_lengths(const MatrixOptions& options, std::uint32_t trained) {
  const measure::MatrixSettings& s = options.settings;
  ASSAY_TRY(check_trained(options.model.context, trained));
  const std::uint32_t context = chosen_context(options.model.context, trained);
  const std::string holds = "; the context holds " + std::to_string(context) +
                            (context == trained ? ", what the model was trained on" : " (--context)");
  std::string wrong;
  const auto add = [&](const std::string& what) { wrong += (wrong.empty() ? "" : ", ") + what; };
  if (std::uint64_t{s.prompt_tokens} + s.output_tokens > context) {
    add("--prompt " + std::to_string(s.prompt_tokens) + " with --output " + std::to_string(s.output_tokens));
  }
  for (const std::uint32_t depth : s.sweep_context) {
    const std::uint32_t output = measure::context_sweep_output(s.output_tokens);
    if (std::uint64_t{depth} + output > context) {
      add("--sweep-context " + std::to_string(depth) + " with " + std::to_string(output) + " output tokens");
    }
  }
  if (wrong.empty()) return {};
  return fail(Errc::bad_value, wrong + " do not fit" + holds);
}

Result<measure::Artifact> describe(const Session& session, const MatrixOptions& options, const LoadedModel& loaded) {
  Progress progress(session.clock, session.progress(), "hashing", loaded.checkpoint->file_bytes(), "B");
  auto artifact = measure::describe_artifact(loaded.path, *loaded.checkpoint, loaded.weights, [&](std::uint64_t n) {
    progress.update(n);
    return !session.stop.asked();
  });
  if (artifact && loaded.not_understood()) artifact->bytes_per_token = 0;  // which weights a token reads is not known
  if (artifact && options.shape.given()) {
    artifact->synthesized = options.shape.title() + ", seed " + std::to_string(options.shape.seed);
  }
  return artifact;
}

// What the machine can do at most, on as many threads as direct has.
Result<std::unique_ptr<measure::CeilingProbe>> make_probe(const Session& session, const MatrixOptions& options,
                                                          const host::HostFacts& machine) {
  const auto threads = chosen_threads(options.model.threads);
  if (!threads) return std::unexpected(threads.error());
  return measure::CeilingProbe::make(*threads, machine.caches_bytes != 0 ? machine.caches_bytes : machine.cache_bytes,
                                     machine.memory_bytes, session.clock);
}

// Opened where a row runs on a GPU; why it could not be stands in those rows.
std::unique_ptr<host::CudaReader> open_gpu(std::vector<measure::Contestant>& contestants) {
  const auto on_gpu = [](const measure::Contestant& contestant) {
    return contestant.subject.device == "cuda" && contestant.running != nullptr;
  };
  if (std::ranges::none_of(contestants, on_gpu)) return nullptr;
  auto reader = host::CudaReader::open();
  if (reader) return std::move(*reader);
  for (measure::Contestant& contestant : contestants) {
    if (!on_gpu(contestant)) continue;
    contestant.subject.notes.push_back("the GPU's ceiling is not known: " + to_string(reader.error()));
  }
  return nullptr;
}

Result<measure::Ceilings> take_ceilings(const Session& session, measure::CeilingProbe& probe, host::CudaReader* gpu) {
  auto taken = probe.measure_once();
  if (!taken || gpu == nullptr) return taken;
  taken->device_cache_bytes = gpu->cache_bytes();
  if (const auto read = gpu->read(session.clock)) {
    taken->device_gb_s = read->gb_s;
    taken->device_pattern = read->pattern;
  }
  return taken;
}

// The engines that keep the weights in this machine's memory, all at once, with what the longest requests need beside.
Result<void> check_room(const Session& session, const MatrixOptions& options, const LoadedModel& model) {
  const measure::MatrixSettings& s = options.settings;
  std::uint64_t positions = std::uint64_t{s.prompt_tokens} + s.output_tokens;
  std::uint32_t streams = 1;
  for (const std::uint32_t wide : s.sweep_streams) streams = std::max(streams, wide);
  positions *= streams;
  for (const std::uint32_t depth : s.sweep_context) positions = std::max(positions, std::uint64_t{depth});
  const ModelConfig& config = model.weights.config;
  const std::uint64_t value_bytes = options.model.kv == "q8_0" ? 1 : 2;
  std::uint64_t per_position = 0;
  each_attention(config, [&](const Attention& a) { per_position += 2 * value_bytes * kv_width(a); });
  const std::size_t engines = engines_in_memory(session, options.engines);
  return check_memory(engines * (model.checkpoint->weight_bytes() + positions * per_position),
                      std::to_string(engines) + (engines == 1 ? " engine takes" : " engines take") +
                          " for weights, and keys and values of " + std::to_string(positions) + " positions,");
}

// What an unfinished record must still be true of; `field` as the record has it.
Result<void> check_unchanged(const std::string& field, const std::string& before, const std::string& now) {
  if (before == now) return {};
  return fail(Errc::bad_value, "--resume: " + field + " was \"" + before + "\", it is \"" + now +
                                   "\" now: rounds of both would be no one measurement");
}

Result<void> check_same_host(const measure::Matrix& before, const measure::Matrix& now) {
  const Json a = measure::to_json(before.machine);
  const Json b = measure::to_json(now.machine);
  for (const auto& [key, value] : a.items()) {
    ASSAY_TRY(check_unchanged("machine." + key, value.dump(), b.value(key, Json()).dump()));
  }
  return check_unchanged("environment.assay_version", before.environment.assay_version, now.environment.assay_version);
}

Result<void> check_same_engines(const measure::Matrix& before, const std::vector<measure::Contestant>& now) {
  for (const measure::Row& row : before.rows) {
    if (row.status != measure::Row::Status::ok || row.prompts == measure::Prompts::cached) continue;
    const std::string name = "rows." + row.subject.engine;
    const auto at = std::ranges::find_if(now, [&](const measure::Contestant& one) {
      return one.subject.engine == row.subject.engine && one.subject.device == row.subject.device &&
             one.subject.way == row.subject.way;
    });
    if (at == now.end()) return fail(Errc::bad_value, "--resume: " + name + " is not among the engines any more");
    if (at->running == nullptr)
      return fail(Errc::bad_value, "--resume: " + name + " could not be started: " + at->reason);
    ASSAY_TRY(check_unchanged(name + ".version", row.subject.version, at->subject.version));
    ASSAY_TRY(check_unchanged(name + ".build", row.subject.build, at->subject.build));
    ASSAY_TRY(
        check_unchanged(name + ".context", std::to_string(row.subject.context), std::to_string(at->subject.context)));
    ASSAY_TRY(
        check_unchanged(name + ".threads", std::to_string(row.subject.threads), std::to_string(at->subject.threads)));
  }
  return {};
}

bool has_rounds(const std::vector<measure::Row>& rows) {
  return std::ranges::any_of(rows, [](const measure::Row& row) { return row.cold.has_value(); });
}

Result<void> go_on(const Session& session) {
  if (session.stop.asked()) return fail(Errc::cancelled, "matrix stopped before its first request");
  return {};
}

// Positions that the model was trained on, without loading it; 0: not told.
Result<std::uint32_t> trained_context(const Session& session, const MatrixOptions& options) {
  if (options.shape.given()) {
    const auto shape = synth_options(options.shape);
    if (!shape) return std::unexpected(shape.error());
    return shape->config.context_train;
  }
  const auto path = find_model(session, options.model.model);
  if (!path) return std::unexpected(path.error());
  const auto checkpoint = Checkpoint::open(*path, Checkpoint::Unknown::describe);
  if (!checkpoint) return std::unexpected(checkpoint.error());
  return checkpoint->config().context_train;
}

measure::LoadOptions load_options(const MatrixOptions& options) {
  return {.model = options.model.model,
          .shape = options.shape.shape,
          .config = options.shape.config,
          .quant = options.shape.given() ? options.shape.quant : "",
          .shape_seed = options.shape.given() ? options.shape.seed : 0,
          .context = options.model.context,
          .threads = options.model.threads,
          .batch = options.model.batch,
          .kv = options.model.kv,
          .engines = options.engines};
}

}  // namespace

MatrixOptions options_of(const measure::Matrix& record) {
  MatrixOptions out;
  out.settings = record.settings;
  out.model.model = record.load.model;
  out.model.context = record.load.context;
  out.model.threads = record.load.threads;
  out.model.batch = record.load.batch;
  out.model.kv = record.load.kv;
  out.shape.shape = record.load.shape;
  out.shape.config = record.load.config;
  if (out.shape.given()) {
    out.shape.quant = record.load.quant;
    out.shape.seed = record.load.shape_seed;
  }
  out.engines = record.load.engines;
  return out;
}

Result<double> parse_seconds(const std::string& option, const std::string& text) {
  double value = 0;
  const char* end = text.data() + text.size();
  std::uint64_t whole = 0;
  auto [at, error] = std::from_chars(text.data(), end, whole);
  value = static_cast<double>(whole);
  if (error == std::errc() && at != end && *at == '.') {
    double place = 0.1;
    for (++at; at != end && *at >= '0' && *at <= '9'; ++at, place /= 10) value += place * (*at - '0');
  }
  const std::string unit(at, end);
  const double seconds = unit.empty() || unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
  if (error != std::errc() || seconds == 0) {
    return fail(Errc::bad_value, option + " is \"" + text + "\", expected a time such as 30s, 10m or 1.5h");
  }
  return value * seconds;
}

Result<measure::Matrix> run_matrix(const Session& session, MatrixOptions options) {
  measure::Matrix matrix;
  matrix.command = session.command_line;
  matrix.started_unix_s = wall_seconds();
  const std::int64_t start = session.clock.now_ns();
  matrix.machine = host::host_facts();
  matrix.settings = options.settings;
  matrix.load = load_options(options);
  matrix.environment.assay_version = ASSAY_VERSION;
  const measure::Matrix* before = options.resume ? &*options.resume : nullptr;
  if (before != nullptr) ASSAY_TRY(check_same_host(*before, matrix));
  const auto trained = trained_context(session, options);
  if (!trained) return std::unexpected(trained.error());
  make_room(options, *trained);
  ASSAY_TRY(check_lengths(options, *trained));

  const auto watch = measure::watch_machine(session.clock);
  matrix.environment = measure::describe_environment(*watch, idle_ns, &session.stop);
  ASSAY_TRY(go_on(session));
  matrix.environment.assay_version = ASSAY_VERSION;
  matrix.environment.assay_build = std::string("C++ ") + __VERSION__;
  matrix.environment.assay_commit = build_commit();
  matrix.environment.compiler_flags = ASSAY_FLAGS;
  if (options.shape.given()) {
    auto path = cached_synth(session, options.shape, options.model.threads);
    if (!path) return std::unexpected(std::move(path.error()));
    options.model.model = std::move(*path);
  }
  auto model = load_model(session, options.model, Parts::no_engine, [&](const LoadedModel& described, std::uint32_t) {
    return check_room(session, options, described);
  });
  if (!model) return std::unexpected(std::move(model.error()));
  const LoadedModel& loaded = **model;
  auto artifact = describe(session, options, loaded);
  if (!artifact) return std::unexpected(std::move(artifact.error()));
  matrix.artifact = std::move(*artifact);
  if (before != nullptr) {
    ASSAY_TRY(check_unchanged("artifact.sha256", before->artifact.sha256, matrix.artifact.sha256));
  }
  auto probe = make_probe(session, options, matrix.machine);
  if (!probe) return std::unexpected(std::move(probe.error()));
  ASSAY_TRY(go_on(session));
  auto gathered = gather_contestants(session, loaded, options.model,
                                     {.engines = options.engines,
                                      .upstream_key = options.upstream_key,
                                      .upstream_wait_s = options.upstream_wait_s,
                                      .keep_prompts = options.settings.cached_rows});
  if (!gathered) return std::unexpected(std::move(gathered.error()));
  if (before != nullptr) {  // what was measured goes on; what was found before it stays
    ASSAY_TRY(check_same_engines(*before, gathered->list));
    matrix = *before;
  }
  const std::unique_ptr<host::CudaReader> gpu = open_gpu(gathered->list);
  const std::vector<Token> vocabulary = plain_tokens(*loaded.tokenizer);
  if (vocabulary.empty()) return fail(Errc::bad_value, loaded.path + ": the vocabulary has no token with text");
  const std::function<Result<void>()> parity = [&]() -> Result<void> {
    ASSAY_TRY(add_parity(session, loaded, options, gathered->list));
    (*model)->close_file();  // the reference was the last to read it
    host::return_freed_memory();
    return {};
  };
  if (before != nullptr) (*model)->close_file();
  constexpr std::uint64_t parts = 10'000;
  std::optional<Progress> progress;  // from when it is known what the run will take
  const auto announce = [&](std::uint64_t total_ms) {
    progress.emplace(session.clock, session.progress(), "measuring", parts, "%");
    if (session.progress() == ProgressStyle::silent) return;
    std::fprintf(stderr, "measuring takes about %s; ctrl-C keeps what there is\n",
                 human_seconds(static_cast<double>(total_ms) * 1e-3).c_str());
  };
  const auto measured =
      measure::measure_rows(gathered->list, options.settings,
                            {.clock = session.clock,
                             .watch = *watch,
                             .make_prompt =
                                 [&](Random& random, std::uint32_t tokens) {
                                   std::vector<Token> prompt(tokens);
                                   for (Token& token : prompt) token = vocabulary[random.below(vocabulary.size())];
                                   return prompt;
                                 },
                             .progress =
                                 [&](std::uint64_t done, std::uint64_t total, const std::string&) {
                                   if (total > 0 && !progress) announce(total);
                                   if (progress) progress->update(done * parts / std::max<std::uint64_t>(total, 1));
                                   return !session.stop.asked();
                                 },
                             .after_first = before != nullptr ? std::function<Result<void>()>() : parity,
                             .probe = [&] { return take_ceilings(session, **probe, gpu.get()); },
                             .stop = &session.stop},
                            matrix, before != nullptr ? measure::Begin::where_it_ended : measure::Begin::anew);
  progress.reset();
  matrix.unfinished.clear();
  if (!measured) {
    if (measured.error().code != Errc::cancelled || !has_rounds(matrix.rows)) return std::unexpected(measured.error());
    matrix.unfinished = measured.error().detail;
  } else {  // an unfinished record keeps a row for each way, to go on with
    measure::join_ways(matrix);
    measure::derive(matrix);
  }
  if (before != nullptr) {
    const std::uint64_t times = before->resumed ? before->resumed->times : 0;
    matrix.resumed = measure::Resumed{.times = times + 1, .unix_s = wall_seconds(), .after_s = before->seconds};
  }
  matrix.seconds =
      (before != nullptr ? before->seconds : 0) + static_cast<double>(session.clock.now_ns() - start) * 1e-9;
  return matrix;
}

}  // namespace assay::cli
