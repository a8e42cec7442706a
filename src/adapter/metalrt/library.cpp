#include "adapter/metalrt/library.h"

#include <dlfcn.h>

#include <cstring>
#include <filesystem>
#include <initializer_list>
#include <system_error>

namespace assay::adapter::metalrt {
namespace {

// A function's name and the field that it goes into.
struct Wanted {
  const char* symbol;
  void* field;  // address of a function pointer
};

template <class F>
Wanted wanted(const char* symbol, F& field) {
  static_assert(sizeof(F) == sizeof(void*));
  return {symbol, &field};
}

}  // namespace

void Library::close(void* handle) {
  if (handle != nullptr) dlclose(handle);
}

Result<Library> Library::open(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return fail(Errc::not_found, path + ": no MetalRT library there");
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* words = dlerror();
    return fail(Errc::io, path + ": the library cannot be loaded: " + (words != nullptr ? words : "no reason given"));
  }
  Library library(handle);

  const auto find = [&](const Wanted& one) {
    void* address = dlsym(handle, one.symbol);
    std::memcpy(one.field, &address, sizeof(address));
    return address != nullptr;
  };
  MetalrtAbiVersion version = nullptr;
  if (!find(wanted("metalrt_abi_version", version))) {
    return fail(Errc::unsupported, path + ": no metalrt_abi_version: this is no MetalRT library");
  }
  if (const std::uint32_t number = version(); number != abi_number) {
    return fail(Errc::unsupported, path + ": its ABI is number " + std::to_string(number) +
                                       ", this program speaks number " + std::to_string(abi_number));
  }
  Functions& f = library.functions_;
  for (const Wanted& one : {wanted("metalrt_create", f.create), wanted("metalrt_destroy", f.destroy),
                            wanted("metalrt_load", f.load), wanted("metalrt_generate", f.generate)}) {
    if (!find(one)) return fail(Errc::bad_value, path + ": " + one.symbol + " is missing");
  }
  const auto capability = [&](const char* name, std::initializer_list<Wanted> functions) -> Result<void> {
    std::size_t found = 0;
    const char* missing = nullptr;
    for (const Wanted& one : functions) {
      if (find(one)) {
        ++found;
      } else if (missing == nullptr) {
        missing = one.symbol;
      }
    }
    if (found == functions.size()) {
      library.capabilities_.emplace_back(name);
    } else if (found != 0) {
      return fail(Errc::bad_value, path + ": half of its " + name + ": " + missing + " is missing");
    }
    return {};
  };
  ASSAY_TRY(capability("freeing", {wanted("metalrt_free_result", f.free_result)}));
  ASSAY_TRY(capability("streaming", {wanted("metalrt_generate_stream", f.generate_stream)}));
  ASSAY_TRY(capability("raw", {wanted("metalrt_generate_raw", f.generate_raw),
                               wanted("metalrt_generate_raw_stream", f.generate_raw_stream)}));
  ASSAY_TRY(capability("counting", {wanted("metalrt_count_tokens", f.count_tokens)}));
  ASSAY_TRY(capability("context", {wanted("metalrt_context_size", f.context_size)}));
  ASSAY_TRY(
      capability("names", {wanted("metalrt_model_name", f.model_name), wanted("metalrt_device_name", f.device_name)}));
  ASSAY_TRY(capability("cache", {wanted("metalrt_cache_prompt", f.cache_prompt),
                                 wanted("metalrt_generate_raw_continue", f.generate_raw_continue),
                                 wanted("metalrt_generate_raw_continue_stream", f.generate_raw_continue_stream),
                                 wanted("metalrt_clear_kv", f.clear_kv)}));
  return library;
}

}  // namespace assay::adapter::metalrt
