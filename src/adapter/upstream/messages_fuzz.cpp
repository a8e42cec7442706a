// Whatever a server says in a message, or with an error, is understood or refused.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "adapter/upstream/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace assay::adapter::upstream;
  if (size < 2) return 0;
  const auto kind = static_cast<Kind>(data[0] % 5);
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  if (const auto message = read_message(kind, text); !message && message.error().detail.empty()) __builtin_trap();
  const int status = data[1] * 3;
  const assay::Error error = error_of(status, "text/html", text.substr(0, 100), text, data[1]);
  if (error.detail.empty() || error.detail.size() > 4096) __builtin_trap();
  for (const char c : error.detail) {
    if (static_cast<unsigned char>(c) < 0x20) __builtin_trap();  // it goes to a terminal
  }
  return 0;
}
