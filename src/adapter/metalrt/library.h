// The library behind dlopen: the ABI number first, then each capability with all of its functions or none.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/metalrt/abi.h"
#include "base/error.h"

namespace assay::adapter::metalrt {

// Constant after open(). What belongs to one capability is there together or null together.
struct Functions {
  // core: always there
  MetalrtCreate create = nullptr;
  MetalrtDestroy destroy = nullptr;
  MetalrtLoad load = nullptr;
  MetalrtGenerate generate = nullptr;
  // freeing
  MetalrtFreeResult free_result = nullptr;
  // streaming
  MetalrtGenerateStream generate_stream = nullptr;
  // raw: prompts without the library's chat template
  MetalrtGenerate generate_raw = nullptr;
  MetalrtGenerateStream generate_raw_stream = nullptr;
  // counting
  MetalrtCountTokens count_tokens = nullptr;
  // context
  MetalrtContextSize context_size = nullptr;
  // names
  MetalrtName model_name = nullptr;
  MetalrtName device_name = nullptr;
  // cache: a prompt kept, and answers that go on from it
  MetalrtCachePrompt cache_prompt = nullptr;
  MetalrtGenerate generate_raw_continue = nullptr;
  MetalrtGenerateStream generate_raw_continue_stream = nullptr;
  MetalrtClear clear_kv = nullptr;
};

class Library final {
 public:
  // Runs the library's initialisers: call it in a process that may crash. Errc::not_found: no such file; Errc::io: the
  // loader's own words; Errc::unsupported: another ABI number (both), or no number at all; Errc::bad_value: a function of
  // the core is missing, or a capability has some of its functions only (by name).
  static Result<Library> open(const std::string& path);

  const Functions& functions() const { return functions_; }
  // "streaming", "raw", ...: those that are whole, in the order above; not the core.
  const std::vector<std::string>& capabilities() const { return capabilities_; }

 private:
  explicit Library(void* handle) : handle_(handle, &close) {}
  static void close(void* handle);

  std::unique_ptr<void, void (*)(void*)> handle_;
  Functions functions_;
  std::vector<std::string> capabilities_;
};

}  // namespace assay::adapter::metalrt
