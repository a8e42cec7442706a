// An installed engine is a folder engines/NAME/VERSION that base/staging.h puts there and takes away whole.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/staging.h"

namespace assay::adapter {

// Staging of engines/NAME/VERSION; another process at the same version is Errc::full.
Result<Staging> begin_engine(const std::filesystem::path& engines, const std::string& name, const std::string& version,
                             std::uint64_t disk_bytes);

// Takes engines/NAME/VERSION away, and the log of a failed installation. Errc::not_found; Errc::full: another process
// installs or removes it.
Result<void> remove_engine(const std::filesystem::path& engines, const std::string& name, const std::string& version);

}  // namespace assay::adapter
