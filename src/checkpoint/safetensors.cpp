#include "checkpoint/safetensors.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "base/bytes.h"
#include "base/json.h"
#include "base/text.h"

namespace assay {
namespace {

constexpr std::size_t dimensions_max = 8;  // models have at most 4; keeps a header's lists short

struct DTypeRow {
  std::string_view name;
  DType dtype;
};
constexpr std::array dtypes{
    DTypeRow{"F32", DType::f32},      DTypeRow{"F16", DType::f16}, DTypeRow{"BF16", DType::bf16},
    DTypeRow{"F64", DType::f64},      DTypeRow{"I8", DType::i8},   DTypeRow{"I16", DType::i16},
    DTypeRow{"I32", DType::i32},      DTypeRow{"I64", DType::i64}, DTypeRow{"U8", DType::u8},
    DTypeRow{"U16", DType::u16},      DTypeRow{"U32", DType::u32}, DTypeRow{"U64", DType::u64},
    DTypeRow{"BOOL", DType::boolean},
};

struct Entry {
  std::string name;
  std::string dtype;
  Shape shape;
  std::vector<std::uint64_t> offsets;  // two: begin and end in the data section
  bool has_dtype = false;
  bool has_shape = false;
  bool has_offsets = false;
};

// Reads the header as it is parsed: memory grows with what is there, and the first odd thing ends it.
class HeaderHandler final : public nlohmann::json_sax<Json> {
 public:
  std::vector<Entry> entries;
  std::vector<std::pair<std::string, std::string>> metadata;
  std::string problem;
  std::size_t problem_at = 0;  // where the JSON itself is broken

  bool start_object(std::size_t) override {
    if (place_ == Place::before) return go(Place::names);
    if (place_ == Place::tensor_begin) return go(Place::fields);
    if (place_ == Place::metadata_begin) return go(Place::metadata);
    return odd("an object");
  }
  bool end_object() override {
    if (place_ == Place::names) return go(Place::after);
    if (place_ == Place::metadata) return go(Place::names);
    if (place_ != Place::fields) return odd("the end of an object");
    const Entry& entry = entries.back();
    if (!entry.has_dtype || !entry.has_shape || !entry.has_offsets)
      return stop("expected the fields dtype, shape and data_offsets");
    if (entry.offsets.size() != 2) return stop("expected two data_offsets");
    return go(Place::names);
  }
  bool key(string_t& text) override {
    if (place_ == Place::names) {
      if (!names_.insert(text).second) return stop_plain("tensor " + in_quotes(text) + " stands twice");
      if (text == "__metadata__") return go(Place::metadata_begin);
      entries.emplace_back().name = text;
      return go(Place::tensor_begin);
    }
    if (place_ == Place::metadata) {
      metadata.emplace_back(text, "");
      return true;
    }
    Entry& entry = entries.back();
    if (text == "dtype") return field(entry.has_dtype, Place::dtype);
    if (text == "shape") return field(entry.has_shape, Place::shape_begin);
    if (text == "data_offsets") return field(entry.has_offsets, Place::offsets_begin);
    return stop("unknown field " + in_quotes(text));
  }
  bool string(string_t& text) override {
    if (place_ == Place::metadata) {
      metadata.back().second = text;
      return true;
    }
    if (place_ != Place::dtype) return odd("a string");
    entries.back().dtype = text;
    return go(Place::fields);
  }
  bool start_array(std::size_t) override {
    if (place_ == Place::shape_begin) return go(Place::shape);
    if (place_ == Place::offsets_begin) return go(Place::offsets);
    return odd("a list");
  }
  bool end_array() override { return go(Place::fields); }
  bool number_unsigned(number_unsigned_t number) override {
    if (place_ == Place::shape) {
      entries.back().shape.push_back(number);
      return entries.back().shape.size() <= dimensions_max ||
             stop("expected at most " + std::to_string(dimensions_max) + " dimensions");
    }
    if (place_ != Place::offsets) return odd("a number");
    entries.back().offsets.push_back(number);
    return entries.back().offsets.size() <= 2 || stop("expected two data_offsets");
  }
  bool number_integer(number_integer_t number) override { return odd("the number " + std::to_string(number)); }
  bool number_float(number_float_t, const string_t& text) override { return odd("the number " + text); }
  bool null() override { return odd("null"); }
  bool boolean(bool) override { return odd("a bool"); }
  bool binary(binary_t&) override { return odd("binary data"); }
  bool parse_error(std::size_t at, const std::string&, const nlohmann::detail::exception&) override {
    problem_at = at;
    problem = "header: expected JSON";
    return false;
  }

 private:
  enum class Place : std::uint8_t {
    before,
    names,
    tensor_begin,
    fields,
    dtype,
    shape_begin,
    shape,
    offsets_begin,
    offsets,
    metadata_begin,
    metadata,
    after,
  };

  bool go(Place place) {
    place_ = place;
    return true;
  }
  bool field(bool& seen, Place place) {
    if (seen) return stop("a field stands twice");
    seen = true;
    return go(place);
  }
  bool stop_plain(std::string text) {
    problem = "header: " + std::move(text);
    return false;
  }
  bool stop(const std::string& text) {
    return stop_plain(entries.empty() ? text : "tensor " + in_quotes(entries.back().name) + ": " + text);
  }
  bool odd(const std::string& met) { return stop("met " + met + " where it is not expected"); }

  Place place_ = Place::before;
  std::unordered_set<std::string> names_;
};

Result<SafetensorsTensor> check_entry(Entry entry, std::uint64_t data_at, std::span<const std::byte> bytes) {
  const std::string place = "tensor " + in_quotes(entry.name);
  const auto row = std::ranges::find(dtypes, entry.dtype, &DTypeRow::name);
  if (row == dtypes.end()) return fail(Errc::unsupported, place + ": dtype " + in_quotes(entry.dtype));
  std::uint64_t size = facts(row->dtype).block_bytes;
  for (const auto extent : entry.shape) {
    if (!checked_mul(size, extent, size))
      return fail(Errc::bad_value, place + ": the shape multiplies to more than 2^64 bytes");
  }
  const std::uint64_t begin = entry.offsets[0];
  const std::uint64_t end = entry.offsets[1];
  const std::uint64_t data_size = bytes.size() - data_at;
  if (begin > end || end - begin != size) {
    return fail(Errc::bad_value, place + ": data_offsets " + std::to_string(begin) + " to " + std::to_string(end) +
                                     ", expected " + std::to_string(size) + " bytes by dtype and shape");
  }
  if (end > data_size) {
    return fail(Errc::truncated,
                place + ": data_offsets end at " + std::to_string(end) + ", but the data section has " +
                    std::to_string(data_size) + " bytes",
                data_at);
  }
  SafetensorsTensor tensor;
  tensor.at = data_at + begin;
  tensor.name = std::move(entry.name);
  tensor.view.dtype = row->dtype;
  tensor.view.shape = std::move(entry.shape);
  tensor.view.data = bytes.subspan(tensor.at, size);
  return tensor;
}

}  // namespace

Result<Safetensors> read_safetensors(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  auto length = reader.read<std::uint64_t>("header length");
  if (!length) return std::unexpected(std::move(length.error()));
  if (*length > safetensors_header_bytes_max) {
    return fail(Errc::bad_value, "not a safetensors file: header length " + std::to_string(*length) +
                                     ", expected at most " + std::to_string(safetensors_header_bytes_max));
  }
  auto text = reader.text(*length, "header");
  if (!text) return std::unexpected(std::move(text.error()));
  if (!text->starts_with('{'))
    return fail(Errc::bad_value,
                "not a safetensors file: header begins with " + in_quotes(text->substr(0, 1)) + ", expected \"{\"", 8);
  HeaderHandler handler;
  if (!Json::sax_parse(*text, &handler)) {
    const std::string problem = handler.problem.empty() ? "header: expected JSON" : handler.problem;
    return fail(Errc::bad_value, problem, 8 + handler.problem_at);
  }
  Safetensors file;
  file.metadata = std::move(handler.metadata);
  file.tensors.reserve(handler.entries.size());
  for (auto& entry : handler.entries) {
    auto tensor = check_entry(std::move(entry), reader.position(), bytes);
    if (!tensor) return std::unexpected(std::move(tensor.error()));
    file.tensors.push_back(std::move(*tensor));
  }
  std::ranges::stable_sort(file.tensors, {}, [](const auto& tensor) {
    return std::pair(tensor.at, tensor.view.data.size());  // an empty tensor stands before the one at its place
  });
  std::uint64_t end = reader.position();
  for (const auto& tensor : file.tensors) {
    if (tensor.at != end) {
      return fail(Errc::bad_value,
                  "tensor " + in_quotes(tensor.name) + ": begins at byte " + std::to_string(tensor.at) +
                      (tensor.at < end ? ", inside another tensor; expected byte " : ", after a gap; expected byte ") +
                      std::to_string(end),
                  tensor.at);
    }
    end += tensor.view.data.size();
  }
  if (end != bytes.size()) {
    return fail(Errc::bad_value,
                std::to_string(bytes.size() - end) + " bytes after the last tensor, expected the end of the file", end);
  }
  return file;
}

}  // namespace assay
