// Installed engines as commands name them: NAME, NAME@VERSION, NAME:DEVICE.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/installed/manifest.h"
#include "adapter/worker/worker_backend.h"
#include "cli/command.h"
#include "cli/model_options.h"

namespace assay::cli {

struct EngineSpec {
  std::string name;     // "direct", "llama.cpp"
  std::string version;  // "": the newest
  std::string device;   // "": the fastest that the engine was built for
};

// Errc::bad_value where a part is empty.
Result<EngineSpec> parse_engine_spec(std::string_view text);

// Is it this program itself? Errc::bad_value: "direct" with a version or a device that it does not have.
Result<bool> means_direct(const EngineSpec& spec);

// The installed engine that the spec means. Errc::not_found says how to install it and what is installed, or which
// engines there are; Errc::unsupported: not built for the device.
Result<adapter::Manifest> find_engine(const Session& session, const EngineSpec& spec);

// What a user may do about an engine that dies, hangs or computes wrong.
std::string advice_for(const adapter::Manifest& manifest);

// The device of the spec, else the first of "cuda", "metal", "cpu" that the engine was built for.
std::string engine_device(const adapter::Manifest& manifest, const EngineSpec& spec);

// What a worker is told, so that it runs the model as `direct` would. Errc::bad_value: threads out of range.
Result<adapter::LoadSettings> worker_settings(const LoadedModel& model, const ModelOptions& options,
                                              const std::string& device, std::uint32_t context);

// Starts the engine's worker. Errors begin with the engine's name; Errc::unsupported where it cannot read this kind of
// artifact.
Result<std::unique_ptr<adapter::WorkerBackend>> open_worker(const Session& session, const adapter::Manifest& manifest,
                                                            const adapter::LoadSettings& settings);

// Both, for an engine that is not direct. Errc::unsupported: one that gives text only, and no logits.
Result<std::unique_ptr<adapter::WorkerBackend>> open_engine(const Session& session, const EngineSpec& spec,
                                                            const ModelOptions& options, const LoadedModel& model,
                                                            std::uint32_t context);

}  // namespace assay::cli
