// An engine opened by its spec: what runs, which processes run it, what its border costs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapter/worker/worker_backend.h"
#include "engine/backend.h"
#include "engine/engine.h"
#include "kernel/isa.h"
#include "roster/model_source.h"
#include "roster/spec.h"
#include "roster/surroundings.h"

namespace assay::roster {

struct Settings {
  std::uint32_t context = 0;  // positions of a sequence; not 0
  std::uint32_t threads = 0;  // not 0
  std::uint32_t batch = 512;
  std::uint32_t sequences = 1;
  std::string kv = "f16";
  bool flash_attention = true;  // of engines that can do without
  bool own_process = false;     // direct in a process of its own, as the installed engines are
  bool keep_prompts = false;    // finished prompts stay cached until their memory is needed
  std::string upstream_key{};   // sent to a server
  double upstream_wait_s = 30;  // for one token of a server, which is asked of it first
};

// A backend and how it came to be. With `worker` it runs in that one's process, else in this one.
struct OpenedBackend {
  std::unique_ptr<Backend> backend;
  adapter::WorkerBackend* worker = nullptr;
  std::vector<std::string> settings{};  // whatever else moves its speed: "flash_attention=true"
  std::vector<std::string> notes{};
};

// An engine ready for requests. It borrows the source, and the surroundings.
struct Opened {
  OpenedBackend compute{};         // none: the engine only speaks text
  std::unique_ptr<Engine> engine;  // behind compute.backend, our scheduler
  // Takes out of the backend what the scheduler keeps of earlier prompts; none: text only.
  std::function<Result<void>()> drop_kept{};
  // That run the engine now; none: this process does; -1: it runs elsewhere.
  std::function<std::vector<std::int64_t>()> processes{};
  std::function<adapter::BorderCost()> border{};  // what it cost since the last call; none: there is none
  std::vector<std::string> settings{};
  std::vector<std::string> notes{};

  const BackendFacts& facts() const { return compute.backend ? compute.backend->facts() : engine->facts().backend; }
};

// Errors name the engine or the model. Errc::unsupported: the engine cannot read this kind of model, direct does not
// understand it, or it gives text and no logits (open_backend); Errc::not_found as find_engine(); Errc::engine_lost,
// Errc::timeout: its program was started and broke off.
Result<OpenedBackend> open_backend(const EngineSpec& spec, const ModelSource& source, const Settings& settings,
                                   const Surroundings& around);
Result<Opened> open(const EngineSpec& spec, const ModelSource& source, const Settings& settings,
                    const Surroundings& around);

// The instruction set to use: $ASSAY_ISA (portable, avx2, avx512) or the best that this machine runs.
Result<kernel::Isa> chosen_isa();

// Is this process direct's own, started by open_backend()? Then serve_direct() is its main().
bool serves_direct(int argc, char** argv);
int serve_direct(int argc, char** argv);

}  // namespace assay::roster
