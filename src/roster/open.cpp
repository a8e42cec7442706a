#include "roster/open.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "adapter/metalrt/metalrt_engine.h"
#include "adapter/upstream/upstream_engine.h"
#include "host/host.h"
#include "host/sockets.h"
#include "roster/direct.h"
#include "schedule/scheduler.h"

namespace assay::roster {
namespace {

std::function<std::vector<std::int64_t>()> process_of(const auto& running) {
  return [&running] {
    const std::int64_t id = running.process_id();
    return id < 0 ? std::vector<std::int64_t>{} : std::vector<std::int64_t>{id};
  };
}

Result<OpenedBackend> open_installed(const EngineSpec& spec, const ModelSource& source, const Settings& settings,
                                     const Surroundings& around) {
  const auto manifest = find_engine(around.engines, spec);
  if (!manifest) return std::unexpected(manifest.error());
  const std::string kind = source.checkpoint->folder().empty() ? "gguf" : "mlx";
  if (std::ranges::find(manifest->loads, kind) == manifest->loads.end()) {
    return fail(Errc::unsupported, manifest->name + " reads " + listed(manifest->loads) + ", and " + source.path +
                                       " is " + (kind == "mlx" ? "a safetensors folder" : "a GGUF file"));
  }
  adapter::WorkerOptions worker;
  worker.program = (std::filesystem::path(manifest->folder) / manifest->worker).string();
  worker.load = load_settings(source, settings, engine_device(*manifest, spec));
  worker.version = manifest->version;
  worker.way = manifest->way;
  worker.advice = advice_for(*manifest);
  auto out = start(std::move(worker), manifest->name, around);
  if (out && !manifest->refused.empty()) out->notes.push_back("built by " + adapter::how_built(*manifest));
  return out;
}

// An engine that only speaks text: no backend of ours below it.
Result<Opened> open_metalrt(const ModelSource& source, const Surroundings& around) {
  namespace metalrt = adapter::metalrt;
  const auto dylib = metalrt::find_library("");
  if (!dylib) return std::unexpected(dylib.error());
  if (source.checkpoint->folder().empty()) {
    return fail(Errc::unsupported, "metalrt reads an MLX 4-bit folder, and " + source.path + " is a GGUF file");
  }
  metalrt::MetalrtOptions options;
  options.worker = std::filesystem::path(host::program_path()).replace_filename("assay-worker-metalrt").string();
  options.library = *dylib;
  options.model = source.path;
  options.chip = host::host_facts().chip;
  options.stop = &around.stop;
  auto engine = metalrt::open_metalrt(options, around.clock, *source.detokenize);
  if (!engine) return std::unexpected(std::move(engine.error()));
  Opened out;
  out.processes = process_of(**engine);
  out.engine = std::move(*engine);
  out.settings = {"library=" + *dylib};
  return out;
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

Result<Opened> open_server(const adapter::upstream::UpstreamChoice& choice, const ModelSource& source,
                           const Settings& settings, const Surroundings& around) {
  namespace upstream = adapter::upstream;
  auto options = upstream::options_of(choice, settings.upstream_key);
  if (!options) return std::unexpected(std::move(options.error()));
  options->stop = &around.stop;
  options->context = settings.context;
  options->vocabulary = static_cast<std::uint32_t>(source.tokenizer->size());
  const Tokenizer& tokenizer = *source.tokenizer;
  auto engine = upstream::open_upstream(
      *options, around.clock, source.detokenize.get(), [&tokenizer](std::string_view text) -> Result<std::size_t> {
        const auto tokens = tokenizer.encode(text, {.add = AddSpecial::no, .parse = ParseSpecial::as_tokens});
        if (!tokens) return std::unexpected(tokens.error());
        return tokens->size();
      });
  if (!engine) return std::unexpected(std::move(engine.error()));
  // Facts and /health come from a wedged server as well: a token is what it must give, now and not after minutes of rounds.
  ASSAY_TRY((*engine)->probe(static_cast<std::int64_t>(settings.upstream_wait_s * 1e9)));
  Opened out;
  out.engine = std::move(*engine);
  out.settings = {"url=" + to_string(choice.url)};
  out.processes = [process = server_process(choice.url)] { return std::vector<std::int64_t>{process}; };
  return out;
}

}  // namespace

adapter::LoadSettings load_settings(const ModelSource& source, const Settings& settings, const std::string& device) {
  adapter::LoadSettings out;
  out.model = source.path;
  out.device = device;
  out.context = settings.context;
  out.sequences = settings.sequences;
  out.batch = settings.batch;
  out.ubatch = std::min<std::uint32_t>(settings.batch, 512);
  out.threads = settings.threads;
  out.kv = settings.kv;
  out.flash_attention = settings.flash_attention;
  return out;
}

std::vector<std::string> settings_of(const adapter::LoadSettings& load) {
  const auto word = [](bool value) { return value ? "true" : "false"; };
  return {"ubatch=" + std::to_string(load.ubatch), std::string("flash_attention=") + word(load.flash_attention),
          std::string("map_file=") + word(load.map_file), std::string("lock_memory=") + word(load.lock_memory),
          "cache_bytes=" + std::to_string(load.cache_bytes)};
}

Result<OpenedBackend> start(adapter::WorkerOptions worker, const std::string& name, const Surroundings& around) {
  const Stop& stop = around.stop;
  worker.keep_waiting = [&stop] { return !stop.asked(); };
  Progress progress(around.clock, around.progress, "loading " + name, 100, "%");
  auto backend = adapter::start_worker(worker, around.clock, [&](double share) {
    progress.update(static_cast<std::uint64_t>(share * 100));
    return !stop.asked();
  });
  if (!backend) return std::unexpected(with_context(name, std::move(backend.error())));
  OpenedBackend out;
  out.worker = backend->get();
  out.backend = std::move(*backend);
  if (name != "direct") out.settings = settings_of(worker.load);
  return out;
}

Result<OpenedBackend> open_backend(const EngineSpec& spec, const ModelSource& source, const Settings& settings,
                                   const Surroundings& around) {
  if (spec.upstream || spec.is_metalrt()) {
    return fail(Errc::unsupported, "engine " + (spec.upstream ? std::string(upstream_prefix) : "") + spec.name +
                                       " gives text and no logits: only 'assay matrix' runs it");
  }
  if (spec.is_installed()) return open_installed(spec, source, settings, around);
  if (settings.own_process) return start_direct(source, settings, around);
  Progress progress(around.clock, around.progress, "loading", source.checkpoint->weight_bytes(), "B");
  auto backend = make_direct(source, settings, &around.stop, [&](std::uint64_t bytes) {
    progress.update(bytes);
    return !around.stop.asked();
  });
  if (!backend) return std::unexpected(std::move(backend.error()));
  OpenedBackend out;
  out.backend = std::move(*backend);
  return out;
}

Result<Opened> open(const EngineSpec& spec, const ModelSource& source, const Settings& settings,
                    const Surroundings& around) {
  if (spec.upstream) return open_server(*spec.upstream, source, settings, around);
  if (spec.is_metalrt()) return open_metalrt(source, around);
  auto compute = open_backend(spec, source, settings, around);
  if (!compute) return std::unexpected(std::move(compute.error()));
  Opened out;
  out.compute = std::move(*compute);
  out.settings = std::move(out.compute.settings);
  out.notes = std::move(out.compute.notes);
  schedule::SchedulerOptions options;
  options.keep_finished = settings.keep_prompts;
  auto scheduler =
      std::make_unique<schedule::Scheduler>(*out.compute.backend, around.clock, source.detokenize.get(), options);
  out.drop_kept = [running = scheduler.get()] { return running->drop_kept(); };
  out.engine = std::move(scheduler);
  if (adapter::WorkerBackend* worker = out.compute.worker) {
    out.processes = process_of(*worker);
    out.border = [worker] { return worker->border_cost(); };
  }
  return out;
}

}  // namespace assay::roster
