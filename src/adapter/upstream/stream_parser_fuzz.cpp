// A stream cut anywhere gives the same messages as the whole; nothing grows past its limit.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/upstream/stream_parser.h"

namespace {

using namespace assay::adapter::upstream;

struct Outcome {
  std::vector<std::string> messages;
  bool over = false;
  bool cut = false;
  bool operator==(const Outcome&) const = default;
};

Outcome parse(StreamFormat format, std::string_view bytes, std::size_t step) {
  const StreamLimits limits{.line_bytes_max = 64, .message_bytes_max = 128};
  StreamParser parser(format, limits);
  Outcome out;
  std::string message;
  for (std::size_t at = 0; at < bytes.size() && !out.over; at += step) {
    out.over = !parser.push(bytes.substr(at, step));
    while (parser.next(message)) {
      if (message.size() > limits.message_bytes_max) __builtin_trap();
      out.messages.push_back(message);
    }
  }
  const auto end = parser.finish();
  if (!end && end.error().code == assay::Errc::truncated) out.cut = true;
  if (!end && end.error().code == assay::Errc::full) out.over = true;
  while (parser.next(message)) out.messages.push_back(message);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const StreamFormat format = data[0] % 2 == 0 ? StreamFormat::events : StreamFormat::lines;
  const std::size_t step = 1 + data[1] % 7;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const Outcome by_bytes = parse(format, bytes, 1);
  const Outcome by_steps = parse(format, bytes, step);
  // A line over its limit stops the piece that it comes in, so fewer messages may be seen before it.
  if (by_bytes.over != by_steps.over) __builtin_trap();
  if (!by_bytes.over && !(by_bytes == by_steps)) __builtin_trap();
  return 0;
}
