// Inside roster: direct in this process or in one of its own.
#pragma once

#include <functional>

#include "roster/open.h"

namespace assay::roster {

// The model's weights packed here. on_bytes: of the weights, packed so far; false stops with Errc::cancelled.
Result<std::unique_ptr<Backend>> make_direct(const ModelSource& source, const Settings& settings, const Stop* stop,
                                             const std::function<bool(std::uint64_t bytes)>& on_bytes);

// In a worker; this very program serves it.
Result<OpenedBackend> start_direct(const ModelSource& source, const Settings& settings, const Surroundings& around);

// The worker of an installed engine, or of direct.
Result<OpenedBackend> start(adapter::WorkerOptions worker, const std::string& name, const Surroundings& around);
adapter::LoadSettings load_settings(const ModelSource& source, const Settings& settings, const std::string& device);
std::vector<std::string> settings_of(const adapter::LoadSettings& load);

}  // namespace assay::roster
