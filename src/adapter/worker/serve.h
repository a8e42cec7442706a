// The worker's side: a Backend served to the program that started this one.
#pragma once

#include <string>

#include "adapter/worker/load_settings.h"

namespace assay::adapter {

// Said in the first message; constant.
struct WorkerIdentity {
  std::string engine;   // "llama.cpp", "mlx"
  std::string version;  // of the installed engine
  std::string build;    // commit, flags
};

// main() of a worker program is `return serve_worker(argc, argv, identity, make)`. Speaks over the descriptors that
// WorkerBackend handed down; started by hand it says what it is and returns 2. Returns 0 when the other side closes.
// What the backend prints goes to stderr, which the other side keeps the end of.
int serve_worker(int argc, char** argv, const WorkerIdentity& identity, const MakeBackend& make);

}  // namespace assay::adapter
