#include "checkpoint/gguf_writer.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include "base/bytes.h"
#include "base/text.h"

namespace assay {
namespace {

template <class T>
void append(std::string& out, T value) {
  char raw[sizeof(T)];
  std::memcpy(raw, &value, sizeof(T));
  out.append(raw, sizeof(T));
}

void append_text(std::string& out, std::string_view text) {
  append(out, static_cast<std::uint64_t>(text.size()));
  out += text;
}

template <class T>
constexpr GgufType type_of() {
  if constexpr (std::is_same_v<T, bool>) return GgufType::boolean;
  if constexpr (std::is_same_v<T, float>) return GgufType::f32;
  if constexpr (std::is_same_v<T, double>) return GgufType::f64;
  if constexpr (std::is_same_v<T, std::uint8_t>) return GgufType::u8;
  if constexpr (std::is_same_v<T, std::int8_t>) return GgufType::i8;
  if constexpr (std::is_same_v<T, std::uint16_t>) return GgufType::u16;
  if constexpr (std::is_same_v<T, std::int16_t>) return GgufType::i16;
  if constexpr (std::is_same_v<T, std::uint32_t>) return GgufType::u32;
  if constexpr (std::is_same_v<T, std::int32_t>) return GgufType::i32;
  if constexpr (std::is_same_v<T, std::uint64_t>) return GgufType::u64;
  if constexpr (std::is_same_v<T, std::int64_t>) return GgufType::i64;
  return GgufType::string;
}

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

template <class T>
void append_element(std::string& out, const T& value) {
  if constexpr (type_of<T>() == GgufType::string) {
    append_text(out, value);
  } else if constexpr (std::is_same_v<T, bool>) {
    append(out, static_cast<std::uint8_t>(value ? 1 : 0));
  } else {
    append(out, value);
  }
}

std::uint64_t padding(std::uint64_t at, std::uint64_t alignment) { return (alignment - at % alignment) % alignment; }

}  // namespace

template <class T>
void GgufWriter::set(std::string_view key, const T& value) {
  Value stored;
  if constexpr (IsVector<T>::value) {
    using Element = typename T::value_type;
    stored = {.type = GgufType::array, .element = type_of<Element>(), .count = value.size(), .bytes = {}};
    for (const Element& element : value) append_element(stored.bytes, element);
  } else if constexpr (type_of<T>() == GgufType::string) {
    stored = {.type = GgufType::string, .element = {}, .count = 1, .bytes = std::string(value)};
  } else {
    stored = {.type = type_of<T>(), .element = {}, .count = 1, .bytes = {}};
    append_element(stored.bytes, value);
  }
  put(key, std::move(stored));
}

void GgufWriter::set(std::string_view key, const GgufValue& value) {
  const auto* characters = reinterpret_cast<const char*>(value.bytes.data());
  put(key, {.type = value.type,
            .element = value.element,
            .count = value.count,
            .bytes = std::string(characters, value.bytes.size())});
}

void GgufWriter::put(std::string_view key, Value value) {
  ASSAY_ASSERT(!file_);
  for (auto& [have, old] : metadata_) {
    if (have != key) continue;
    old = std::move(value);
    return;
  }
  metadata_.emplace_back(key, std::move(value));
}

void GgufWriter::remove(std::string_view key) {
  ASSAY_ASSERT(!file_);
  std::erase_if(metadata_, [&](const auto& entry) { return entry.first == key; });
}

void GgufWriter::add(std::string_view tensor_name, DType dtype, Shape shape) {
  ASSAY_ASSERT(!file_);
  tensors_.push_back({.name = std::string(tensor_name), .dtype = dtype, .shape = std::move(shape)});
}

Result<std::uint64_t> GgufWriter::alignment() const {
  for (const auto& [key, value] : metadata_) {
    if (key != "general.alignment") continue;
    auto number = gguf_cast<std::uint64_t>(
        {.type = value.type, .element = value.element, .bytes = std::as_bytes(std::span(value.bytes))});
    if (!number) return std::unexpected(with_context("key \"general.alignment\"", std::move(number.error())));
    if (std::has_single_bit(*number) && *number >= gguf_alignment_min && *number <= gguf_alignment_max) return number;
    return fail(Errc::bad_value, "key \"general.alignment\": " + std::to_string(*number) +
                                     ", expected a power of two from " + std::to_string(gguf_alignment_min) + " to " +
                                     std::to_string(gguf_alignment_max));
  }
  return gguf_alignment_default;
}

Result<GgufWriter::Head> GgufWriter::head() const {
  auto aligned = alignment();
  if (!aligned) return std::unexpected(std::move(aligned.error()));
  Head out;
  out.bytes = gguf_magic;
  append(out.bytes, gguf_version_written);
  append(out.bytes, static_cast<std::uint64_t>(tensors_.size()));
  append(out.bytes, static_cast<std::uint64_t>(metadata_.size()));
  for (const auto& [key, value] : metadata_) {
    if (key.empty() || key.size() > gguf_key_bytes_max)
      return fail(Errc::bad_value, "key " + in_quotes(key) + ": length " + std::to_string(key.size()) +
                                       ", expected 1 to " + std::to_string(gguf_key_bytes_max));
    append_text(out.bytes, key);
    append(out.bytes, value.type);
    if (value.type == GgufType::string) append(out.bytes, static_cast<std::uint64_t>(value.bytes.size()));
    if (value.type == GgufType::array) {
      append(out.bytes, value.element);
      append(out.bytes, value.count);
    }
    out.bytes += value.bytes;
  }
  std::unordered_set<std::string_view> names;
  for (const auto& tensor : tensors_) {
    const std::string place = "tensor " + in_quotes(tensor.name);
    if (tensor.name.size() > gguf_name_bytes_max || !names.insert(tensor.name).second)
      return fail(Errc::bad_value,
                  place + ": expected a name of its own, at most " + std::to_string(gguf_name_bytes_max) + " bytes");
    if (!dtype_from_gguf(static_cast<std::uint32_t>(tensor.dtype)))
      return fail(Errc::unsupported, place + ": type " + std::string(name(tensor.dtype)) + " does not exist in GGUF");
    const auto& type = facts(tensor.dtype);
    const std::uint64_t columns = tensor.shape.empty() ? 1 : tensor.shape.back();
    if (tensor.shape.size() > gguf_dimensions_max || columns % type.block != 0)
      return fail(Errc::bad_value, place + ": rows of " + std::to_string(columns) + " in " +
                                       std::to_string(tensor.shape.size()) + " dimensions, expected a multiple of " +
                                       std::to_string(type.block) + " in at most " +
                                       std::to_string(gguf_dimensions_max));
    std::uint64_t bytes = row_bytes(tensor.dtype, columns);
    for (std::size_t i = 0; i + 1 < tensor.shape.size(); ++i) {
      if (!checked_mul(bytes, tensor.shape[i], bytes)) return fail(Errc::bad_value, place + ": too many elements");
    }
    if (bytes == 0) return fail(Errc::bad_value, place + ": has a dimension of 0");
    append_text(out.bytes, tensor.name);
    append(out.bytes, static_cast<std::uint32_t>(tensor.shape.size()));
    for (auto extent = tensor.shape.rbegin(); extent != tensor.shape.rend(); ++extent) append(out.bytes, *extent);
    append(out.bytes, static_cast<std::uint32_t>(tensor.dtype));
    out.data_bytes += padding(out.data_bytes, *aligned);
    append(out.bytes, out.data_bytes);
    if (!checked_add(out.data_bytes, bytes, out.data_bytes) || out.data_bytes > (std::uint64_t{1} << 62U))
      return fail(Errc::bad_value, place + ": the tensors have more than 2^62 bytes together");
  }
  out.bytes.append(padding(out.bytes.size(), *aligned), '\0');
  return out;
}

Result<std::uint64_t> GgufWriter::file_bytes() const {
  auto start = head();
  if (!start) return std::unexpected(with_context(path_, std::move(start.error())));
  auto aligned = alignment();
  return start->bytes.size() + start->data_bytes + padding(start->data_bytes, *aligned);
}

Result<void> GgufWriter::begin() {
  ASSAY_ASSERT(!file_);
  auto start = head();
  if (!start) return std::unexpected(with_context(path_, std::move(start.error())));
  alignment_ = *alignment();
  for (auto& tensor : tensors_) {
    tensor.bytes = row_bytes(tensor.dtype, tensor.shape.empty() ? 1 : tensor.shape.back());
    for (std::size_t i = 0; i + 1 < tensor.shape.size(); ++i) tensor.bytes *= tensor.shape[i];
  }
  auto file =
      OutputFile::create(path_, start->bytes.size() + start->data_bytes + padding(start->data_bytes, alignment_));
  if (!file) return std::unexpected(std::move(file.error()));
  file_.emplace(std::move(*file));
  return file_->write(start->bytes);
}

Result<void> GgufWriter::pad(std::uint64_t bytes) {
  const std::string zeros(padding(bytes, alignment_), '\0');
  return file_->write(zeros);
}

Result<void> GgufWriter::write(std::string_view tensor_name, std::span<const std::byte> bytes) {
  ASSAY_ASSERT(file_);
  const std::string place = path_ + ": tensor " + in_quotes(tensor_name);
  if (due_ == tensors_.size() || tensors_[due_].name != tensor_name) {
    return fail(Errc::bad_value, place + ": not due, expected " +
                                     (due_ == tensors_.size() ? "no more tensors" : in_quotes(tensors_[due_].name)));
  }
  const std::uint64_t left = tensors_[due_].bytes - due_written_;
  if (bytes.size() > left) {
    return fail(Errc::bad_value,
                place + ": " + std::to_string(bytes.size()) + " bytes more, expected at most " + std::to_string(left));
  }
  ASSAY_TRY(file_->write(bytes));
  due_written_ += bytes.size();
  if (bytes.size() < left) return {};
  ++due_;
  return pad(std::exchange(due_written_, 0));
}

Result<void> GgufWriter::finish() {
  ASSAY_ASSERT(file_);
  if (due_ < tensors_.size()) {
    return fail(Errc::bad_value, path_ + ": tensor " + in_quotes(tensors_[due_].name) + ": " +
                                     std::to_string(due_written_) + " bytes were written, expected " +
                                     std::to_string(tensors_[due_].bytes));
  }
  return file_->commit();
}

template void GgufWriter::set(std::string_view, const bool&);
template void GgufWriter::set(std::string_view, const std::uint8_t&);
template void GgufWriter::set(std::string_view, const std::int8_t&);
template void GgufWriter::set(std::string_view, const std::uint16_t&);
template void GgufWriter::set(std::string_view, const std::int16_t&);
template void GgufWriter::set(std::string_view, const std::uint32_t&);
template void GgufWriter::set(std::string_view, const std::int32_t&);
template void GgufWriter::set(std::string_view, const std::uint64_t&);
template void GgufWriter::set(std::string_view, const std::int64_t&);
template void GgufWriter::set(std::string_view, const float&);
template void GgufWriter::set(std::string_view, const double&);
template void GgufWriter::set(std::string_view, const std::string&);
template void GgufWriter::set(std::string_view, const std::string_view&);
template void GgufWriter::set(std::string_view, const std::vector<bool>&);
template void GgufWriter::set(std::string_view, const std::vector<std::uint8_t>&);
template void GgufWriter::set(std::string_view, const std::vector<std::int32_t>&);
template void GgufWriter::set(std::string_view, const std::vector<std::uint32_t>&);
template void GgufWriter::set(std::string_view, const std::vector<std::uint64_t>&);
template void GgufWriter::set(std::string_view, const std::vector<std::int64_t>&);
template void GgufWriter::set(std::string_view, const std::vector<float>&);
template void GgufWriter::set(std::string_view, const std::vector<double>&);
template void GgufWriter::set(std::string_view, const std::vector<std::string>&);
template void GgufWriter::set(std::string_view, const std::vector<std::string_view>&);

}  // namespace assay
