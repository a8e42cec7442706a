// libllama and libggml as this process has them: version, devices, log, and what differs between their versions.
#pragma once

#include <llama.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapter/llama_cpp/llama_facts.h"
#include "adapter/llama_cpp/llama_log.h"
#include "base/error.h"

namespace assay::adapter {

// llama.cpp has one logger for the whole process; this is where it ends.
LlamaLog& process_log();

// Takes the logger and ggml's abort message over, loads the device backends. Safe to call again.
void start_library();

std::string llama_cpp_version();  // "0.5.0-dev", or ggml's where llama.cpp does not tell
std::string ggml_build();         // "ggml 0.25.3 0c1e570"
std::string system_features();    // "CPU : SSE3 = 1 | AVX2 = 1 | ..."

// nullptr for "cpu". Errc::unsupported: this build or machine has none; says what is there.
Result<ggml_backend_dev_t> find_device(const std::string& name);

// A pool of threads that lives as long as the context, as llama.cpp's own tools make one: without, every graph would
// start its threads anew. nullptr where the CPU backend offers none.
struct FreeThreadPool {
  void operator()(ggml_threadpool* pool) const;
};
using ThreadPoolPtr = std::unique_ptr<ggml_threadpool, FreeThreadPool>;
Result<ThreadPoolPtr> make_thread_pool(std::uint32_t threads);

// A scalar of the loaded model's metadata.
std::optional<std::string> model_scalar(const llama_model* model, const std::string& key);

// Types of all matrices that activations are multiplied with, of all parts of the file.
Result<std::vector<MatrixType>> matrix_types(const std::string& path, const llama_model* model);

// Notes on what else moves speed or results and was not in the settings: GGML_*, LLAMA_* and OpenMP variables of the
// environment; accelerator libraries that take matrix products on the CPU.
std::vector<std::string> environment_notes();
std::vector<std::string> accelerators();

// Fields that came and went. Templates, so that a missing one is no error.
template <class Params>
void set_load_mode(Params& params, bool map, bool lock) {
  if constexpr (requires { params.load_mode; }) {
    // enum llama_load_mode: none 0, mmap 1, mlock 2, both 3; never its automatic -1.
    params.load_mode = static_cast<decltype(params.load_mode)>((map ? 1 : 0) | (lock ? 2 : 0));
  } else {
    params.use_mmap = map;
    params.use_mlock = lock;
  }
  if constexpr (requires { params.lazy_mode; }) params.lazy_mode = static_cast<decltype(params.lazy_mode)>(0);  // off
  if constexpr (requires { params.use_extra_bufts; }) params.use_extra_bufts = true;  // repacked weights on the CPU
}

template <class Params>
void set_rows_max(Params& params, std::uint32_t rows) {
  if constexpr (requires { params.n_outputs_max; }) params.n_outputs_max = rows;
}

}  // namespace assay::adapter
