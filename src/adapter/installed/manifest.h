// What is installed under $ASSAY_HOME/engines/NAME/VERSION/: one manifest.json each, with the hash of every file that runs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace assay::adapter {

struct InstalledFile {
  std::string path;    // relative to the engine's folder
  std::string sha256;  // 64 hex digits
};

// A way to build an engine that was not taken.
struct RefusedWay {
  std::string way;  // "GCC 12.2.0"
  std::string why;  // "q4_0 on cpu, a prompt of 72 tokens: ended with signal 4 (SIGILL)"
};

struct Manifest {
  std::string name;                  // "llama.cpp", "mlx"
  std::string version;               // "0.3.36", the folder's name
  std::string source;                // "pypi llama-cpp-python==0.3.36"
  std::string source_sha256;         // of what was fetched
  std::string commit;                // of the engine's tree, where it tells; else ""
  std::vector<std::string> flags;    // it was built with
  std::string way;                   // how: "GCC 12.2.0", "clang 19.1.7"; "" in manifests of format 1
  std::vector<RefusedWay> refused;   // better ways, tried before it or known to fail
  std::string proof;                 // what it was held against before it was installed; "": in manifests of format 1
  std::vector<std::string> devices;  // "cpu", "cuda", "metal"
  std::vector<std::string> loads;    // "gguf", "mlx"
  std::string worker;                // the worker program, relative to the folder
  std::string worker_build;          // assay's version and the protocol's that it was built from
  std::vector<InstalledFile> files;  // worker and libraries
  std::int64_t installed_unix_s = 0;
  std::string folder;  // where it lies; not written
};

inline constexpr std::string_view manifest_name = "manifest.json";

Json to_json(const Manifest& manifest);

// Errc::bad_value names the key; unknown keys are errors. Format 1, which assay wrote before engines had to prove
// themselves, has no way, refused and proof.
Result<Manifest> manifest_from_json(const Json& json);

// All engines under `engines_folder`, by name and newest version first. A folder without a manifest that reads is a
// complaint, and the others are still listed; a folder that is not there is an empty list.
struct Installed {
  std::vector<Manifest> engines;
  std::vector<std::string> complaints;
};
Installed installed_engines(const std::string& engines_folder);

// Versions by their numbers: "0.3.36" is newer than "0.3.9", "1.0+cuda" than "1.0".
bool is_newer(std::string_view a, std::string_view b);

// Hashes every file again. Errc::bad_value names the first file that is missing or differs, with both hashes.
Result<void> verify(const Manifest& manifest);

// "clang 19.1.7, since GCC 12.2.0: q4_0 on cpu, ...": how it was built, and what was wrong with better ways.
std::string how_built(const Manifest& manifest);

}  // namespace assay::adapter
