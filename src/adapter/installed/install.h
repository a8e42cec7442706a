// Puts an engine of the catalogue on this machine: fetched, built, proven, and only then there.
//
//   engines/NAME/VERSION/bin/assay-worker-*   the worker, built from this program's source
//                       /lib, /include        the engine (MLX: mlx/, as its wheel lays it out)
//                       /manifest.json        what it is; written last
//                       /install.log          every command and what it printed
//   engines/NAME/VERSION.failed.log           the log of a try that failed
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "adapter/installed/catalogue.h"
#include "adapter/installed/manifest.h"
#include "base/clock.h"

namespace assay::adapter {

// Hears how it goes; every call from the installing thread.
class InstallWatch {
 public:
  virtual ~InstallWatch() = default;
  virtual void step(const std::string& title, std::uint64_t total, const std::string& unit) = 0;  // a new one begins
  virtual void progress(std::uint64_t done) = 0;                                                  // of this step
  virtual void note(const std::string& line) = 0;                                                 // for people
  virtual bool go_on() = 0;  // false: kill what runs, remove everything, Errc::cancelled
};

// What an engine does when it is held against models whose logits are known.
struct Verdict {
  std::string failure;  // "q4_0 on cpu, a prompt of 72 tokens: ended with signal 4 (SIGILL)"; "": it proved itself
  std::string proof;    // "22 models on cpu: ..."
};
// Starts the worker program of an engine that was built and is not there yet; `scratch` is a folder for files. An error
// is one of the proof itself, such as a full disk, and ends the installation.
using Prove = std::function<Result<Verdict>(const Manifest& manifest, const std::string& worker,
                                            const std::string& scratch, InstallWatch& watch)>;

struct InstallOptions {
  Wanted wanted;            // an empty device: what this machine has (suits_this_machine)
  bool with_tools = false;  // llama.cpp: llama-bench and llama-server too
  bool force = false;       // even where it is there and whole
  bool homebrew = true;     // macOS: take Homebrew's build where it is installed
  // "", or a folder with NVIDIA's libraries as pip lays their wheels out (site-packages/nvidia): linked, not fetched.
  std::string nvidia_libraries;
  std::string from;  // a folder that holds what would be downloaded; "": the network
  std::string engines_folder;
  std::string source_folder;  // of assay: the workers are built from it
  std::string assay_version;
  unsigned jobs = 1;  // compilers at a time
  Prove prove;        // what does not pass is built another way, and in the end not installed
  std::int64_t now_unix_s = 0;
};

enum class InstallDid : std::uint8_t { installed, renewed_worker, nothing };

struct StepTime {
  std::string title;
  double seconds = 0;
};

struct InstallResult {
  Manifest manifest;
  InstallDid did{};
  std::vector<StepTime> steps;
};

// Where the engine is there already: nothing, or its worker alone where that was built from other source. Errors name the
// step and show the end of what the failing command printed; nothing is left but the log, and a version that was there
// stays. Errc::engine_lost: no way to build it proved itself, with what each did instead.
Result<InstallResult> install_engine(const InstallOptions& options, InstallWatch& watch, const Clock& clock);

// "cuda" where an NVIDIA GPU is and, for what is compiled, nvcc; "metal" on macOS; else "cpu".
std::string device_of_this_machine(const std::string& engine);

// What an installed worker must have been built from to be this program's: its version and a hash of the source that
// goes into the worker of `engine`. "" where the source is not there.
std::string worker_build_of(const std::string& source_folder, const std::string& assay_version,
                            const std::string& engine);

}  // namespace assay::adapter
