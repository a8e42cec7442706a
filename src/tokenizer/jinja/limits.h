// Bounds of one parse or render. A template is untrusted: it may loop, nest and multiply as it likes up to these.
#pragma once

#include <cstddef>
#include <cstdint>

namespace assay::jinja {

struct Limits {
  std::size_t source_bytes_max = 4U << 20;  // template text; the largest known real one is 40 KiB
  std::size_t depth_max = 300;  // nesting of statements, expressions, calls and values together; fits 512 KiB of stack
  std::uint64_t steps_max = 50'000'000;       // evaluated nodes, loop turns and compared or printed values
  std::size_t output_bytes_max = 256U << 20;  // the rendered text
  std::size_t live_bytes_max = 1U << 30;      // strings and containers alive at one time while rendering
  std::int64_t range_max = 100'000;           // items of one range(), as the usual sandbox has it
};

}  // namespace assay::jinja
