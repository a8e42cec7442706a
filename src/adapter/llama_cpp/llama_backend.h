// llama.cpp as a Backend, in this process. Needs libllama: built only by the standalone project in worker/.
#pragma once

#include <memory>

#include "adapter/worker/load_settings.h"
#include "adapter/worker/serve.h"
#include "engine/backend.h"

namespace assay::adapter {

// Of the libraries that this program was linked with: llama.cpp's version, ggml's version and commit.
WorkerIdentity llama_identity();

// Loads a GGUF file (all parts of a split one) and takes memory for `sequences` sequences of `context` positions, which
// share one pool of KV cells, so that share() copies nothing. Nothing is left to llama.cpp's choice: no fitting to free
// memory, no automatic flash attention, no warm-up run; what it was given is in facts().build. All layers are on the GPU
// for "cuda" and "metal", none for "cpu".
// Errc::bad_value, unsupported, not_found, full: with llama.cpp's own last words; cancelled. Its process-wide logger is
// taken over. Errors and warnings also go to stderr.
Result<std::unique_ptr<Backend>> make_llama_backend(const LoadSettings& settings, const LoadProgress& progress);

}  // namespace assay::adapter
