// The protocol between this program (the host) and assay-worker-metalrt: text-level, since the library gives no logits.
//
// A frame is u32 length (little-endian, 2 .. 8 MiB) and that many bytes of JSON, an object with a "say":
//
//   say       sent by  members
//   open      host     protocol, library (path), model (folder)
//   opened    worker   capabilities [texts], model, device, context (0: it does not tell)
//   generate  host     prompt, raw, output_tokens_max, top_k, temperature, ignore_eos
//   piece     worker   text
//   done      worker   prompt_tokens, output_tokens, prefill_ms, decode_ms (as the library counts and times)
//   count     host     text
//   counted   worker   count
//   cancel    host     -
//   failed    worker   code (Errc), detail
//
// The host asks one thing at a time (open once, first) and waits for opened, done or counted; failed answers any of them.
// cancel may be said while a generate is under way, which then still ends by done or failed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"

namespace assay::adapter::metalrt {

inline constexpr std::uint32_t protocol_version = 1;
inline constexpr std::uint32_t frame_bytes_max = 8 << 20;
inline constexpr std::size_t prompt_bytes_max = 1 << 20;  // fits a frame when every byte is escaped, by six

struct Open {
  std::uint32_t protocol = protocol_version;
  std::string library;
  std::string model;
};
struct Opened {
  std::vector<std::string> capabilities;
  std::string model;
  std::string device;
  std::uint32_t context = 0;
};
struct Generate {
  std::string prompt;
  bool raw = true;
  std::uint32_t output_tokens_max = 0;
  std::uint32_t top_k = 0;
  double temperature = 0;
  bool ignore_eos = false;
};
struct Piece {
  std::string text;
};
struct Done {
  std::uint32_t prompt_tokens = 0;
  std::uint32_t output_tokens = 0;
  double prefill_ms = 0;
  double decode_ms = 0;
};
struct Count {
  std::string text;
};
struct Counted {
  std::uint32_t count = 0;
};
struct Cancel {};
struct Failed {
  Error error;
};

using Message = std::variant<Open, Opened, Generate, Piece, Done, Count, Counted, Cancel, Failed>;

// The "say" of a message.
std::string_view name(const Message& message);

// Appends one frame. Text that is no UTF-8 becomes U+FFFD.
void append(std::vector<std::byte>& out, const Message& message);

struct Frame {
  Message message;
  std::size_t bytes = 0;  // that it took
};

// The frame at the front of `bytes`; nothing while it is incomplete. Errc::bad_value: a length outside its bounds, no
// JSON, an unknown say, a member that is missing, unknown, mistyped or out of range.
Result<std::optional<Frame>> read_frame(std::span<const std::byte> bytes);

}  // namespace assay::adapter::metalrt
