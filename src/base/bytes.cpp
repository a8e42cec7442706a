#include "base/bytes.h"

#include <string>

namespace assay {

std::unexpected<Error> ByteReader::truncated(std::string_view what, std::uint64_t needed) const {
  return fail(Errc::truncated,
              std::string(what) + ": expected " + std::to_string(needed) + " bytes, met the end after " +
                  std::to_string(remaining()),
              position_);
}

Result<std::span<const std::byte>> ByteReader::view(std::uint64_t count, std::string_view what) {
  if (remaining() < count) return truncated(what, count);
  auto out = bytes_.subspan(position_, count);
  position_ += count;
  return out;
}

Result<std::string_view> ByteReader::text(std::uint64_t count, std::string_view what) {
  auto out = view(count, what);
  if (!out) return std::unexpected(std::move(out.error()));
  return std::string_view(reinterpret_cast<const char*>(out->data()), out->size());
}

Result<void> ByteReader::skip(std::uint64_t count, std::string_view what) {
  if (remaining() < count) return truncated(what, count);
  position_ += count;
  return {};
}

}  // namespace assay
