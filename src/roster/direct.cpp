#include "roster/direct.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "adapter/worker/serve.h"
#include "adapter/worker/wire.h"
#include "base/mapped_file.h"
#include "direct/cpu_backend.h"
#include "host/host.h"

namespace assay::roster {

Result<kernel::Isa> chosen_isa() {
  const char* wanted = std::getenv("ASSAY_ISA");
  return kernel::choose_isa(wanted == nullptr ? "" : wanted);
}

Result<std::unique_ptr<Backend>> make_direct(const ModelSource& source, const Settings& settings, const Stop* stop,
                                             const std::function<bool(std::uint64_t bytes)>& on_bytes) {
  if (source.not_understood()) return std::unexpected(*source.not_understood());
  const auto kv = kernel::kv_type_from_name(settings.kv);
  if (!kv) return fail(Errc::bad_value, "--kv is \"" + settings.kv + "\", expected f16 or q8_0");
  const auto isa = chosen_isa();
  if (!isa) return std::unexpected(isa.error());
  direct::CpuOptions cpu;
  cpu.context = settings.context;
  cpu.sequences = settings.sequences;
  cpu.batch = settings.batch;
  cpu.threads = settings.threads;
  cpu.kv = *kv;
  cpu.isa = *isa;
  cpu.stop = stop;
  const CutFileGuard guard;
  auto backend = direct::make_cpu_backend(source.weights, cpu, on_bytes);
  ASSAY_TRY(guard.check());
  if (!backend) return std::unexpected(with_context(source.path, std::move(backend.error())));
  source.checkpoint->drop_pages();  // the weights live on repacked
  return std::unique_ptr<Backend>(std::move(*backend));
}

Result<OpenedBackend> start_direct(const ModelSource& source, const Settings& settings, const Surroundings& around) {
  if (source.not_understood()) return std::unexpected(*source.not_understood());
  adapter::WorkerOptions worker;
  worker.program = host::program_path();
  worker.load = load_settings(source, settings, "cpu");
  return start(std::move(worker), "direct", around);
}

bool serves_direct(int argc, char** argv) {
  return argc == 2 && std::string_view(argv[1]) == adapter::wire::worker_flag;
}

int serve_direct(int argc, char** argv) {
  const auto load = [](const adapter::LoadSettings& wanted,
                       const adapter::LoadProgress& progress) -> Result<std::unique_ptr<Backend>> {
    auto source = open_source(wanted.model, Texts::none);
    if (!source) return std::unexpected(std::move(source.error()));
    const Settings settings{.context = wanted.context,
                            .threads = wanted.threads,
                            .batch = wanted.batch,
                            .sequences = wanted.sequences,
                            .kv = wanted.kv};
    const auto all = static_cast<double>(std::max<std::uint64_t>(source->checkpoint->weight_bytes(), 1));
    auto backend = make_direct(*source, settings, nullptr, [&](std::uint64_t bytes) {
      return !progress || progress(std::min(1.0, static_cast<double>(bytes) / all));
    });
    return backend;  // which has copied what it needs: the file closes with `source`
  };
  return adapter::serve_worker(argc, argv, {.engine = "direct", .version = ASSAY_VERSION, .build = ""}, load);
}

}  // namespace assay::roster
