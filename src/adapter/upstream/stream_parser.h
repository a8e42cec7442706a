// The two ways in which servers stream answers, parsed as bytes arrive: server-sent events (the WHATWG's HTML standard,
// section "Server-sent events": OpenAI, llama-server, mlx_lm.server, LM Studio) and one JSON value per line (Ollama).
// Memory is bounded whatever comes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace assay::adapter::upstream {

enum class StreamFormat : std::uint8_t { events, lines };

struct StreamLimits {
  std::size_t line_bytes_max = std::size_t{4} << 20;     // one line; llama-server's last message repeats the prompt
  std::size_t message_bytes_max = std::size_t{8} << 20;  // the data lines of one event together
};

// Cuts a stream into messages: the data of one event, or one line. Comments, other fields, events without data or
// with nothing in it (some servers' keep-alive) and empty lines are no messages. A cut anywhere between two push() calls changes nothing.
class StreamParser final {
 public:
  explicit StreamParser(StreamFormat format, const StreamLimits& limits = {}) : format_(format), limits_(limits) {}

  // Takes bytes in. Errc::full with the limit and the offset in the stream where a line or a message is too long; the
  // parser takes and gives nothing more then.
  Result<void> push(std::string_view bytes);

  // The next whole message, or false. Call it until it says false before the next push().
  bool next(std::string& message);

  // The stream has ended: a last line without a newline counts as a line in `lines`, and is dropped in `events`, as the
  // standard says of an event without its empty line. What is dropped and not empty is Errc::truncated.
  Result<void> finish();

 private:
  bool take_line(std::string_view line, std::string& message);

  StreamFormat format_;
  StreamLimits limits_;
  std::string pending_;       // bytes not cut into lines yet
  std::size_t begin_ = 0;     // of pending_: where the next line begins
  std::size_t searched_ = 0;  // of pending_: no line end before this
  std::string data_;          // of the event being read
  bool has_data_ = false;     // a data line was seen
  bool after_cr_ = false;     // a line feed that follows belongs to the line before
  bool at_start_ = true;      // a byte order mark may come
  std::optional<Error> failed_;
  std::uint64_t taken_ = 0;  // bytes of the stream so far
};

}  // namespace assay::adapter::upstream
