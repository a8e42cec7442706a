#include "cli/contestants.h"

#include "schedule/scheduler.h"

namespace assay::cli {

Result<Contestants> gather_contestants(const Session& session, const LoadedModel& model, const ModelOptions& options,
                                       const std::vector<std::string>& engines, bool keep_prompts) {
  for (const std::string& engine : engines) {
    if (engine != "direct") return fail(Errc::bad_value, "engine \"" + engine + "\", expected direct");
  }
  const auto threads = chosen_threads(options.threads);
  if (!threads) return std::unexpected(threads.error());
  const BackendFacts& facts = model.backend->facts();
  Contestants out;
  out.engines.push_back(
      std::make_unique<schedule::Scheduler>(*model.backend, session.clock, model.detokenize.get(),
                                            schedule::SchedulerOptions{.keep_finished = keep_prompts}));
  measure::Contestant direct;
  direct.subject.engine = facts.name;
  direct.subject.device = facts.device;
  direct.subject.version = facts.version;
  direct.subject.build = facts.build;
  direct.subject.kv = facts.kv_type;
  direct.subject.activations = facts.activations;
  direct.subject.context = facts.context;
  direct.subject.sequences = facts.sequences;
  direct.subject.batch = facts.batch;
  direct.subject.threads = static_cast<std::uint32_t>(*threads);
  direct.subject.notes = facts.notes;
  direct.running = out.engines.back().get();
  direct.backend = model.backend.get();
  out.list.push_back(std::move(direct));
  return out;
}

}  // namespace assay::cli
