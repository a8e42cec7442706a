// The engines that `assay engines install` knows: where each comes from, pinned by version and SHA-256.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace assay::adapter {

// One file from PyPI.
struct Fetch {
  std::string project;  // "mlx-cpu"
  std::string version;
  std::string sha256;       // "": not pinned, said to the user
  std::uint64_t bytes = 0;  // for progress; 0 unknown
  bool is_source = false;   // an sdist, else a wheel
};

enum class Recipe : std::uint8_t { llama_source, mlx_wheels };

struct CatalogueEntry {
  std::string name;
  std::string version;
  std::string system;  // "linux", "macos"
  std::string arch;    // "x86_64", "aarch64"
  std::string device;  // "cpu", "cuda", "metal"
  Recipe recipe{};
  std::vector<std::string> loads;
  std::vector<Fetch> fetches;
  std::uint64_t disk_bytes = 0;  // needed while it is installed
};

// Every engine, on every system.
std::span<const CatalogueEntry> catalogue();

struct Platform {
  std::string system;
  std::string arch;
};
Platform this_platform();

struct Wanted {
  std::string name;
  std::string version;  // "": the pinned one
  std::string device;   // "cpu", "cuda", "metal"
  std::string sha256;   // of the file that a version not in the catalogue comes in; "": not pinned
};

// The entry that fits; for a version that is not in the catalogue, the pinned one's with that version in place of its
// own and no hashes but the given one. Errc::not_found: no such engine, with those there are; Errc::unsupported: not on
// this platform or device; Errc::bad_value: a hash that is none, or one for a version that has its own.
Result<CatalogueEntry> find_entry(const Wanted& wanted, const Platform& platform);

// The names, each once.
std::vector<std::string> engine_names();

// The entry without NVIDIA's own wheels, which are on this machine already. Errc::unsupported: it has none.
Result<CatalogueEntry> without_nvidia(CatalogueEntry entry);

// Has every file of it a hash?
bool is_pinned(const CatalogueEntry& entry);

// Of its folder: the version, with "+cuda" behind it for a build for CUDA, so that both lie side by side.
std::string folder_version(const CatalogueEntry& entry);

}  // namespace assay::adapter
