#include "checkpoint/gguf_part.h"

#include <algorithm>
#include <bit>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/bytes.h"
#include "base/text.h"

namespace assay {
namespace {

// The least bytes that one entry takes: what a count is held against before anything is reserved.
constexpr std::uint64_t metadata_entry_bytes_min = 8 + 4 + 1;    // key length, type, one byte
constexpr std::uint64_t tensor_entry_bytes_min = 8 + 4 + 4 + 8;  // name length, dimensions, type, offset
// Lists grow as entries are really met; a count alone reserves no more than this.
constexpr std::uint64_t reserve_max = 4096;

Result<std::uint32_t> read_version(ByteReader& reader) {
  auto magic = reader.text(gguf_magic.size(), "magic");
  if (!magic) return std::unexpected(std::move(magic.error()));
  if (*magic != gguf_magic)
    return fail(Errc::bad_value, "not a GGUF file: met " + in_quotes(*magic) + ", expected \"GGUF\"");
  auto version = reader.read<std::uint32_t>("version");
  if (!version) return std::unexpected(std::move(version.error()));
  if (*version == 2 || *version == 3) return version;
  if (*version == 1) return fail(Errc::unsupported, "GGUF version 1; expected 2 or 3 (convert the file anew)", 4);
  if (*version != 0 && (*version & 0xFFFFU) == 0)
    return fail(Errc::unsupported, "big-endian GGUF; expected little-endian", 4);
  return fail(Errc::unsupported, "GGUF version " + std::to_string(*version) + "; expected 2 or 3", 4);
}

Result<std::uint64_t> read_count(ByteReader& reader, std::string_view what) {
  const std::uint64_t at = reader.position();
  auto count = reader.read<std::uint64_t>(what);
  if (!count) return std::unexpected(std::move(count.error()));
  if (*count > static_cast<std::uint64_t>(INT64_MAX))
    return fail(Errc::bad_value, std::string(what) + ": met " + std::to_string(*count) + ", expected less than 2^63",
                at);
  return count;
}

// A length-prefixed string of at most `bytes_max`.
Result<std::string_view> read_string(ByteReader& reader, std::string_view what, std::uint64_t bytes_max) {
  const std::uint64_t at = reader.position();
  auto length = reader.read<std::uint64_t>(what);
  if (!length) return std::unexpected(std::move(length.error()));
  if (*length > bytes_max) {
    return fail(
        Errc::bad_value,
        std::string(what) + ": length " + std::to_string(*length) + ", expected at most " + std::to_string(bytes_max),
        at);
  }
  return reader.text(*length, what);
}

Result<GgufType> read_type(ByteReader& reader) {
  const std::uint64_t at = reader.position();
  auto id = reader.read<std::uint32_t>("value type");
  if (!id) return std::unexpected(std::move(id.error()));
  if (*id > static_cast<std::uint32_t>(GgufType::f64))
    return fail(Errc::unsupported, "value type " + std::to_string(*id) + ", expected 0 to 12", at);
  return static_cast<GgufType>(*id);
}

// Walks over `count` array elements; what they are was read before.
Result<void> skip_elements(ByteReader& reader, GgufType element, std::uint64_t count, std::uint32_t depth) {
  const std::uint64_t each = gguf_scalar_bytes(element);
  if (each != 0) {
    std::uint64_t total = 0;
    if (!checked_mul(count, each, total)) total = UINT64_MAX;
    return reader.skip(total, "array of " + std::to_string(count) + " " + std::string(name(element)));
  }
  // At least the length (8), or type and count (12), of every element must be there.
  const std::uint64_t least = element == GgufType::string ? 8 : 12;
  if (count > reader.remaining() / least)
    return reader.skip(UINT64_MAX, "array of " + std::to_string(count) + " " + std::string(name(element)) + "s");
  for (std::uint64_t i = 0; i < count; ++i) {
    if (element == GgufType::string) {
      auto text = read_string(reader, "string in array", UINT64_MAX);
      if (!text) return std::unexpected(std::move(text.error()));
      continue;
    }
    if (depth >= gguf_array_depth_max)
      return fail(Errc::unsupported, "arrays nested deeper than " + std::to_string(gguf_array_depth_max),
                  reader.position());
    auto inner = read_type(reader);
    if (!inner) return std::unexpected(std::move(inner.error()));
    auto inner_count = read_count(reader, "array length");
    if (!inner_count) return std::unexpected(std::move(inner_count.error()));
    ASSAY_TRY(skip_elements(reader, *inner, *inner_count, depth + 1));
  }
  return {};
}

Result<GgufValue> read_value(ByteReader& reader, std::span<const std::byte> bytes) {
  GgufValue value;
  auto type = read_type(reader);
  if (!type) return std::unexpected(std::move(type.error()));
  value.type = *type;
  value.at = reader.position();
  if (*type == GgufType::string) {
    auto text = read_string(reader, "string", UINT64_MAX);
    if (!text) return std::unexpected(std::move(text.error()));
    value.bytes = std::as_bytes(std::span(*text));
    return value;
  }
  if (*type == GgufType::array) {
    auto element = read_type(reader);
    if (!element) return std::unexpected(std::move(element.error()));
    auto count = read_count(reader, "array length");
    if (!count) return std::unexpected(std::move(count.error()));
    value.element = *element;
    value.count = *count;
    const std::uint64_t begin = reader.position();
    ASSAY_TRY(skip_elements(reader, *element, *count, 1));
    value.bytes = bytes.subspan(begin, reader.position() - begin);
    return value;
  }
  auto scalar = reader.view(gguf_scalar_bytes(*type), name(*type));
  if (!scalar) return std::unexpected(std::move(scalar.error()));
  value.bytes = *scalar;
  return value;
}

Result<void> read_metadata(ByteReader& reader, std::span<const std::byte> bytes, std::uint64_t count, GgufPart& part) {
  part.metadata.reserve(std::min(count, reserve_max));
  std::unordered_set<std::string_view> seen;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string place = "metadata entry " + std::to_string(i);
    const std::uint64_t at = reader.position();
    auto key = read_string(reader, "key", gguf_key_bytes_max);
    if (!key) return std::unexpected(with_context(place, std::move(key.error())));
    if (key->empty()) return fail(Errc::bad_value, place + ": empty key", at);
    if (!seen.insert(*key).second)
      return fail(Errc::bad_value, place + ": key " + in_quotes(*key) + " stands twice", at);
    auto value = read_value(reader, bytes);
    if (!value) return std::unexpected(with_context("key " + in_quotes(*key), std::move(value.error())));
    part.metadata.push_back({*key, *value});
  }
  return {};
}

Result<void> read_alignment(GgufPart& part) {
  for (const auto& [key, value] : part.metadata) {
    if (key != "general.alignment") continue;
    auto number = gguf_cast<std::uint64_t>(value);
    if (!number) return std::unexpected(with_context("key \"general.alignment\"", std::move(number.error())));
    if (!std::has_single_bit(*number) || *number < gguf_alignment_min || *number > gguf_alignment_max) {
      return fail(Errc::bad_value,
                  "key \"general.alignment\": met " + std::to_string(*number) + ", expected a power of two from " +
                      std::to_string(gguf_alignment_min) + " to " + std::to_string(gguf_alignment_max),
                  value.at);
    }
    part.alignment = *number;
  }
  return {};
}

// Ids that the format once had; files with them still lie around.
std::string_view removed_type(std::uint32_t id) {
  switch (id) {
    case 4:
      return "q4_2";
    case 5:
      return "q4_3";
    case 31:
      return "q4_0_4_4";
    case 32:
      return "q4_0_4_8";
    case 33:
      return "q4_0_8_8";
    case 36:
      return "iq4_nl_4_4";
    case 37:
      return "iq4_nl_4_8";
    case 38:
      return "iq4_nl_8_8";
    default:
      return {};
  }
}

Result<DType> tensor_type(std::uint32_t id, std::uint64_t at) {
  if (const auto dtype = dtype_from_gguf(id)) return *dtype;
  if (const auto old = removed_type(id); !old.empty()) {
    return fail(Errc::unsupported,
                "type id " + std::to_string(id) + " (" + std::string(old) + "), which was removed from the format", at);
  }
  return fail(Errc::unsupported, "unknown type id " + std::to_string(id), at);
}

// Shape and data bytes of one entry; the data itself is placed when the data section's start is known.
struct Entry {
  std::uint64_t offset = 0;  // in the data section
  std::uint64_t bytes = 0;
};

Result<Entry> read_tensor(ByteReader& reader, GgufTensor& tensor) {
  std::uint64_t at = reader.position();
  auto dimensions = reader.read<std::uint32_t>("number of dimensions");
  if (!dimensions) return std::unexpected(std::move(dimensions.error()));
  if (*dimensions > gguf_dimensions_max) {
    return fail(Errc::bad_value,
                std::to_string(*dimensions) + " dimensions, expected at most " + std::to_string(gguf_dimensions_max),
                at);
  }
  for (std::uint32_t i = 0; i < *dimensions; ++i) {
    at = reader.position();
    auto extent = reader.read<std::uint64_t>("dimension");
    if (!extent) return std::unexpected(std::move(extent.error()));
    if (*extent == 0) return fail(Errc::bad_value, "dimension " + std::to_string(i) + " is 0, expected 1 or more", at);
    tensor.view.shape.insert(tensor.view.shape.begin(), *extent);
  }
  at = reader.position();
  auto id = reader.read<std::uint32_t>("type");
  if (!id) return std::unexpected(std::move(id.error()));
  auto dtype = tensor_type(*id, at);
  if (!dtype) return std::unexpected(std::move(dtype.error()));
  tensor.view.dtype = *dtype;
  const auto& type = facts(*dtype);
  const std::uint64_t columns = tensor.view.columns();
  if (columns % type.block != 0) {
    return fail(Errc::bad_value,
                "rows of " + std::to_string(columns) + " elements, expected a multiple of " +
                    std::to_string(type.block) + " for type " + std::string(type.name),
                tensor.entry_at);
  }
  Entry entry;
  bool fits = checked_mul(columns / type.block, type.block_bytes, entry.bytes);
  std::uint64_t elements = columns;
  for (std::size_t i = 0; i + 1 < tensor.view.shape.size(); ++i) {
    fits = fits && checked_mul(entry.bytes, tensor.view.shape[i], entry.bytes) &&
           checked_mul(elements, tensor.view.shape[i], elements);
  }
  if (!fits || elements > static_cast<std::uint64_t>(INT64_MAX))
    return fail(Errc::bad_value, "the dimensions multiply to more than 2^63", tensor.entry_at);
  auto offset = reader.read<std::uint64_t>("data offset");
  if (!offset) return std::unexpected(std::move(offset.error()));
  entry.offset = *offset;
  return entry;
}

Result<void> place(std::span<const std::byte> bytes, const Entry& entry, const GgufPart& part, GgufTensor& tensor) {
  if (entry.offset % part.alignment != 0) {
    return fail(Errc::bad_value,
                "data offset " + std::to_string(entry.offset) + ", expected a multiple of the alignment " +
                    std::to_string(part.alignment),
                tensor.entry_at);
  }
  std::uint64_t end = 0;
  const bool fits = checked_add(part.data_at, entry.offset, tensor.at) && checked_add(tensor.at, entry.bytes, end);
  if (!fits || end > bytes.size()) {
    return fail(Errc::truncated,
                std::to_string(entry.bytes) + " bytes of data at offset " + std::to_string(entry.offset) +
                    " of the data section, which has " + std::to_string(bytes.size() - part.data_at) + " bytes",
                tensor.entry_at);
  }
  tensor.view.data = bytes.subspan(tensor.at, entry.bytes);
  return {};
}

std::string tensor_place(const GgufTensor& tensor) { return "tensor " + in_quotes(tensor.name); }

Result<void> refuse_overlaps(const GgufPart& part) {
  std::vector<const GgufTensor*> order;
  order.reserve(part.tensors.size());
  for (const auto& tensor : part.tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->at < b->at; });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const std::uint64_t end = order[i - 1]->at + order[i - 1]->view.data.size();
    if (order[i]->at >= end) continue;
    return fail(Errc::bad_value,
                tensor_place(*order[i]) + ": begins at byte " + std::to_string(order[i]->at) + ", inside " +
                    tensor_place(*order[i - 1]) + ", which ends at byte " + std::to_string(end),
                order[i]->entry_at);
  }
  return {};
}

}  // namespace

Result<GgufPart> read_gguf_part(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  GgufPart part;
  auto version = read_version(reader);
  if (!version) return std::unexpected(std::move(version.error()));
  part.version = *version;
  auto tensor_count = read_count(reader, "tensor count");
  if (!tensor_count) return std::unexpected(std::move(tensor_count.error()));
  auto metadata_count = read_count(reader, "metadata count");
  if (!metadata_count) return std::unexpected(std::move(metadata_count.error()));
  if (*tensor_count > reader.remaining() / tensor_entry_bytes_min) {
    return fail(Errc::truncated,
                "tensor count " + std::to_string(*tensor_count) + ", but only " + std::to_string(reader.remaining()) +
                    " bytes follow",
                8);
  }
  if (*metadata_count > reader.remaining() / metadata_entry_bytes_min) {
    return fail(Errc::truncated,
                "metadata count " + std::to_string(*metadata_count) + ", but only " +
                    std::to_string(reader.remaining()) + " bytes follow",
                16);
  }
  ASSAY_TRY(read_metadata(reader, bytes, *metadata_count, part));
  ASSAY_TRY(read_alignment(part));

  std::vector<Entry> entries;
  entries.reserve(std::min(*tensor_count, reserve_max));
  part.tensors.reserve(std::min(*tensor_count, reserve_max));
  std::unordered_set<std::string_view> seen;
  for (std::uint64_t i = 0; i < *tensor_count; ++i) {
    GgufTensor tensor;
    tensor.entry_at = reader.position();
    auto tensor_name = read_string(reader, "tensor name", gguf_name_bytes_max);
    if (!tensor_name)
      return std::unexpected(with_context("tensor entry " + std::to_string(i), std::move(tensor_name.error())));
    tensor.name = *tensor_name;
    if (!seen.insert(tensor.name).second)
      return fail(Errc::bad_value, tensor_place(tensor) + ": stands twice", tensor.entry_at);
    auto entry = read_tensor(reader, tensor);
    if (!entry) return std::unexpected(with_context(tensor_place(tensor), std::move(entry.error())));
    entries.push_back(*entry);
    part.tensors.push_back(std::move(tensor));
  }
  const std::uint64_t padding = (part.alignment - reader.position() % part.alignment) % part.alignment;
  part.data_at = std::min<std::uint64_t>(reader.position() + padding, bytes.size());
  for (std::size_t i = 0; i < entries.size(); ++i) {
    auto placed = place(bytes, entries[i], part, part.tensors[i]);
    if (!placed) return std::unexpected(with_context(tensor_place(part.tensors[i]), std::move(placed.error())));
  }
  ASSAY_TRY(refuse_overlaps(part));
  return part;
}

}  // namespace assay
