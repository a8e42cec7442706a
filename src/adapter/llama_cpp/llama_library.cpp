#include "adapter/llama_cpp/llama_library.h"

#include <dlfcn.h>
#include <gguf.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "checkpoint/tensors.h"

extern "C" char** environ;  // NOLINT(readability-redundant-declaration): macOS declares it nowhere

namespace assay::adapter {
namespace {

void take_log(ggml_log_level level, const char* text, void* /*user*/) {
  switch (level) {
    case GGML_LOG_LEVEL_CONT:
      process_log().add_same(text);
      return;
    case GGML_LOG_LEVEL_ERROR:
      process_log().add(LlamaLog::Level::error, text);
      std::fputs(text, stderr);
      return;
    case GGML_LOG_LEVEL_WARN:
      process_log().add(LlamaLog::Level::warning, text);
      std::fputs(text, stderr);
      return;
    default:
      process_log().add(LlamaLog::Level::info, text);
  }
}

// Instead of a stack trace by a debugger that ggml would start: the words alone, and then the end.
void say_abort(const char* message) { std::fprintf(stderr, "%s\n", message); }

std::string folder_of_libraries() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&llama_backend_init), &info) == 0 || info.dli_fname == nullptr) return "";
  return std::filesystem::path(info.dli_fname).parent_path().string();
}

// Of matrices that activations are multiplied with: all with two dimensions, but the embedding only where it is the
// head too.
void add_matrices(const gguf_context* file, bool tied_head, std::vector<MatrixType>& out) {
  for (std::int64_t i = 0; i < gguf_get_n_tensors(file); ++i) {
    const ggml_type type = gguf_get_tensor_type(file, i);
    const std::string_view name = gguf_get_tensor_name(file, i);
    // Norms and biases are vectors; their elements are no matrix's.
    if (!name.ends_with(".weight") || name.find("norm") != std::string_view::npos || name.starts_with("rope_"))
      continue;
    if (name == gguf_name(Role::embedding) && !tied_head) continue;
    out.push_back({.name = ggml_type_name(type),
                   .block = static_cast<std::uint32_t>(ggml_blck_size(type)),
                   .quantized = ggml_is_quantized(type)});
  }
}

struct CloseGguf {
  void operator()(gguf_context* file) const { gguf_free(file); }
};
using GgufPtr = std::unique_ptr<gguf_context, CloseGguf>;

}  // namespace

LlamaLog& process_log() {
  static LlamaLog log;
  return log;
}

void start_library() {
  llama_log_set(take_log, nullptr);
#ifdef ASSAY_GGML_HAS_ABORT_CALLBACK
  ggml_set_abort_callback(say_abort);
#endif
  llama_backend_init();
  // Where backends are libraries of their own they lie beside libllama, and ggml looks beside the program.
  if (ggml_backend_reg_count() == 0) ggml_backend_load_all_from_path(folder_of_libraries().c_str());
}

std::string ggml_build() {
#ifdef ASSAY_GGML_HAS_VERSION
  return std::string("ggml ") + ggml_version() + " " + ggml_commit();
#else
  return "ggml of unknown version";
#endif
}

std::string llama_cpp_version() {
#ifdef ASSAY_LLAMA_HAS_VERSION
  return llama_version();
#else
  return ggml_build();
#endif
}

std::string system_features() {
  std::string out = llama_print_system_info();
  while (!out.empty() && (out.back() == ' ' || out.back() == '|')) out.pop_back();
  return out;
}

Result<ggml_backend_dev_t> find_device(const std::string& name) {
  if (name == "cpu") {
    if (ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU) != nullptr) return nullptr;
    return fail(Errc::unsupported, "device cpu: ggml's CPU library was not found in " + folder_of_libraries());
  }
  if (name != "cuda" && name != "metal") {
    return fail(Errc::bad_value, "device is " + name + ", expected cpu, cuda or metal");
  }
  std::string met;
  for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
    ggml_backend_dev_t device = ggml_backend_dev_get(i);
    const std::string_view family = ggml_backend_reg_name(ggml_backend_dev_backend_reg(device));
    const auto type = ggml_backend_dev_type(device);
    const bool gpu = type != GGML_BACKEND_DEVICE_TYPE_CPU && type != GGML_BACKEND_DEVICE_TYPE_ACCEL;
    if (gpu && ((name == "cuda" && family == "CUDA") || (name == "metal" && (family == "MTL" || family == "Metal")))) {
      return device;
    }
    met += (met.empty() ? "" : ", ") + std::string(ggml_backend_dev_name(device));
  }
  return fail(Errc::unsupported, "device " + name + ": this llama.cpp has " + (met.empty() ? "no device" : met));
}

void FreeThreadPool::operator()(ggml_threadpool* pool) const {
  auto* registry = ggml_backend_dev_backend_reg(ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU));
  using Free = void (*)(ggml_threadpool*);
  auto free = reinterpret_cast<Free>(ggml_backend_reg_get_proc_address(registry, "ggml_threadpool_free"));
  if (free != nullptr) free(pool);
}

Result<ThreadPoolPtr> make_thread_pool(std::uint32_t threads) {
  ggml_backend_dev_t cpu = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  if (cpu == nullptr) return ThreadPoolPtr();
  using New = ggml_threadpool* (*)(ggml_threadpool_params*);
  auto make = reinterpret_cast<New>(
      ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(cpu), "ggml_threadpool_new"));
  if (make == nullptr) return ThreadPoolPtr();
  ggml_threadpool_params params = ggml_threadpool_params_default(static_cast<int>(threads));
  params.poll = 50;  // llama-bench's and llama-server's default
  params.prio = GGML_SCHED_PRIO_NORMAL;
  params.strict_cpu = false;
  ThreadPoolPtr pool(make(&params));
  if (pool == nullptr) return fail(Errc::full, "llama.cpp cannot start " + std::to_string(threads) + " threads");
  return pool;
}

std::optional<std::string> model_scalar(const llama_model* model, const std::string& key) {
  std::array<char, 512> text{};
  if (llama_model_meta_val_str(model, key.c_str(), text.data(), text.size()) < 0) return std::nullopt;
  return std::string(text.data());
}

Result<std::vector<MatrixType>> matrix_types(const std::string& path, const llama_model* model) {
  std::vector<std::string> files{path};
  const std::string count_text = model_scalar(model, "split.count").value_or("1");
  const int count = std::atoi(count_text.c_str());
  std::array<char, 4096> prefix{};
  if (count > 1 && llama_split_prefix(prefix.data(), prefix.size(), path.c_str(), 0, count) > 0) {
    files.clear();
    for (int part = 0; part < count; ++part) {
      std::array<char, 4096> name{};
      llama_split_path(name.data(), name.size(), prefix.data(), part, count);
      files.emplace_back(name.data());
    }
  }
  std::vector<GgufPtr> opened;
  bool tied_head = true;
  for (const std::string& file : files) {
    opened.emplace_back(gguf_init_from_file(file.c_str(), {.no_alloc = true, .ctx = nullptr}));
    if (opened.back() == nullptr) return fail(Errc::io, file + ": cannot be read again");
    if (gguf_find_tensor(opened.back().get(), std::string(gguf_name(Role::head)).c_str()) >= 0) tied_head = false;
  }
  std::vector<MatrixType> out;
  for (const GgufPtr& file : opened) add_matrices(file.get(), tied_head, out);
  return out;
}

std::vector<std::string> environment_notes() {
  std::vector<std::string> notes;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const std::string_view name = text.substr(0, text.find('='));
    if (name.starts_with("LLAMA_ARG_") || name.find("KEY") != std::string_view::npos ||
        name.find("TOKEN") != std::string_view::npos) {
      continue;  // of llama.cpp's own programs; may be secret
    }
    for (const std::string_view prefix : {"GGML_", "LLAMA_", "OMP_", "GOMP_", "KMP_"}) {
      if (text.starts_with(prefix)) notes.push_back("environment: " + std::string(text.substr(0, 200)));
    }
  }
  return notes;
}

std::vector<std::string> accelerators() {
  std::vector<std::string> notes;
  for (std::size_t i = 0; i < ggml_backend_dev_count(); ++i) {
    ggml_backend_dev_t device = ggml_backend_dev_get(i);
    if (ggml_backend_dev_type(device) != GGML_BACKEND_DEVICE_TYPE_ACCEL) continue;
    notes.push_back(std::string(ggml_backend_dev_name(device)) + " takes large matrix products on the CPU");
  }
  return notes;
}

}  // namespace assay::adapter
