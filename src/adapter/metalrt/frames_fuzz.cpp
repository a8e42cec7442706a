// Whatever comes from the other process is a frame, the beginning of one, or refused; what is read is written the same.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "adapter/metalrt/frames.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace assay::adapter::metalrt;
  std::span<const std::byte> rest = std::as_bytes(std::span(data, size));
  while (true) {
    const auto frame = read_frame(rest);
    if (!frame || !*frame) return 0;
    if ((*frame)->bytes > rest.size()) __builtin_trap();
    std::vector<std::byte> again;
    append(again, (*frame)->message);
    const auto same = read_frame(again);
    if (!same || !*same || (*same)->message.index() != (*frame)->message.index()) __builtin_trap();
    rest = rest.subspan((*frame)->bytes);
  }
}
