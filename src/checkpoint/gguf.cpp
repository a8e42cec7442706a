#include "checkpoint/gguf.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <optional>
#include <utility>

#include "base/text.h"
#include "checkpoint/gguf_part.h"

namespace assay {
namespace {

// NAME-00002-of-00005.gguf taken apart.
struct SplitName {
  std::string stem;
  std::uint64_t number;  // from 1
  std::uint64_t count;
};

std::optional<std::uint64_t> five_digits(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.size() != 5 || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<SplitName> split_name(std::string_view path) {
  constexpr std::string_view pattern = "-00000-of-00000.gguf";
  if (path.size() <= pattern.size()) return std::nullopt;
  const std::string_view tail = path.substr(path.size() - pattern.size());
  const auto number = five_digits(tail.substr(1, 5));
  const auto count = five_digits(tail.substr(10, 5));
  if (tail[0] != '-' || tail.substr(6, 4) != "-of-" || tail.substr(15) != ".gguf" || !number || !count)
    return std::nullopt;
  return SplitName{std::string(path.substr(0, path.size() - pattern.size())), *number, *count};
}

std::string part_path(const SplitName& split, std::uint64_t number) {
  std::array<char, 64> tail{};
  std::snprintf(tail.data(), tail.size(), "-%05llu-of-%05llu.gguf", static_cast<unsigned long long>(number),
                static_cast<unsigned long long>(split.count));
  return split.stem + tail.data();
}

const GgufValue* find_in(std::span<const GgufEntry> metadata, std::string_view key) {
  for (const auto& entry : metadata) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

// The number behind a split.* key of one part; `fallback` where the part has no such key.
Result<std::uint64_t> split_number(const GgufPart& part, std::string_view key, std::uint64_t fallback) {
  const GgufValue* value = find_in(part.metadata, key);
  if (value == nullptr) return fallback;
  auto number = gguf_cast<std::uint64_t>(*value);
  if (!number) return std::unexpected(with_context("key " + in_quotes(key), std::move(number.error())));
  return number;
}

// The value for people: a text in quotes, anything else by its type.
std::string in_words(const GgufValue& value) {
  const auto text = gguf_cast<std::string_view>(value);
  return text ? in_quotes(*text) : "of another value or type";
}

// Later parts need not say what they are part of; what they do say must be what the first one says.
Result<void> check_same_model(std::span<const GgufEntry> first, std::span<const GgufEntry> other,
                              const std::string& first_path, const std::string& path) {
  for (const GgufEntry& entry : other) {
    if (!entry.key.starts_with("general.") || entry.key == "general.alignment") continue;
    const GgufValue* value = find_in(first, entry.key);
    if (value == nullptr) continue;
    if (value->type == entry.value.type && std::ranges::equal(value->bytes, entry.value.bytes)) continue;
    return fail(Errc::bad_value,
                path + ": is a part of another model: its key " + in_quotes(entry.key) + " is " +
                    in_words(entry.value) + ", expected " + in_words(*value) + " as in " + first_path,
                entry.value.at);
  }
  return {};
}

}  // namespace

// Reads one more file. The first one gives metadata; the others must belong to it.
Result<void> Gguf::add_part(std::span<const std::byte> bytes, const std::string& path) {
  auto part = read_gguf_part(bytes);
  if (!part) return std::unexpected(with_context(path, std::move(part.error())));
  const auto index = static_cast<std::uint32_t>(files_.size());
  for (auto& tensor : part->tensors) {
    tensor.part = index;
    if (!tensor_index_.emplace(tensor.name, tensors_.size()).second)
      return fail(Errc::bad_value, path + ": tensor " + in_quotes(tensor.name) + " stands in another part too",
                  tensor.entry_at);
    tensors_.push_back(std::move(tensor));
  }
  if (index == 0) {
    version_ = part->version;
    alignment_ = part->alignment;
    metadata_ = std::move(part->metadata);
    for (std::size_t i = 0; i < metadata_.size(); ++i) key_index_.emplace(metadata_[i].key, i);
  } else {
    auto number = split_number(*part, "split.no", UINT64_MAX);
    if (!number) return std::unexpected(with_context(path, std::move(number.error())));
    auto count = split_number(*part, "split.count", 0);
    if (!count) return std::unexpected(with_context(path, std::move(count.error())));
    auto expected = get<std::uint64_t>("split.count");
    if (!expected) return std::unexpected(std::move(expected.error()));
    if (*number != index || *count != *expected) {
      return fail(Errc::bad_value, path + ": is part " + std::to_string(*number) + " of " + std::to_string(*count) +
                                       " by its keys split.no (from 0) and split.count, expected part " +
                                       std::to_string(index) + " of " + std::to_string(*expected));
    }
    ASSAY_TRY(check_same_model(metadata_, part->metadata, files_.front(), path));
  }
  files_.push_back(path);
  bytes_ += bytes.size();
  return {};
}

Result<Gguf> Gguf::parse(std::span<const std::byte> bytes, std::string_view name) {
  Gguf gguf;
  ASSAY_TRY(gguf.add_part(bytes, std::string(name)));
  auto count = gguf.maybe<std::uint64_t>("split.count");
  if (!count) return std::unexpected(std::move(count.error()));
  if (count->value_or(1) > 1) {
    return fail(Errc::unsupported, std::string(name) + ": is one of " + std::to_string(**count) +
                                       " parts by its key split.count, expected a whole file");
  }
  return gguf;
}

Result<Gguf> Gguf::open(const std::string& path) {
  const auto split = split_name(path);
  const std::string first = split && split->number >= 1 && split->number <= split->count ? part_path(*split, 1) : path;
  Gguf gguf;
  auto file = MappedFile::open(first);
  if (!file && first == path) return std::unexpected(std::move(file.error()));
  if (!file) return std::unexpected(with_context("first part of " + path, std::move(file.error())));
  gguf.mapped_.push_back(std::move(*file));
  ASSAY_TRY(gguf.add_part(gguf.mapped_.back().bytes(), first));

  auto declared = gguf.maybe<std::uint64_t>("split.count");
  if (!declared) return std::unexpected(std::move(declared.error()));
  const std::uint64_t count = declared->value_or(1);
  if (count <= 1) {
    if (first == path) return gguf;
    return fail(Errc::bad_value, first + ": has no key split.count, expected the first of " +
                                     std::to_string(split->count) + " parts as its name says");
  }
  auto number = gguf.maybe<std::uint64_t>("split.no");
  if (!number) return std::unexpected(std::move(number.error()));
  if (!split || split->count != count || number->value_or(0) != 0) {
    return fail(Errc::bad_value, first + ": is part " + std::to_string(number->value_or(0)) + " (from 0) of " +
                                     std::to_string(count) +
                                     " by its keys; expected parts named NAME-00001-of-0000N.gguf beside each other");
  }
  for (std::uint64_t i = 2; i <= count; ++i) {
    const std::string next = part_path(*split, i);
    auto mapped = MappedFile::open(next);
    if (!mapped)
      return std::unexpected(
          with_context("part " + std::to_string(i) + " of " + std::to_string(count), std::move(mapped.error())));
    gguf.mapped_.push_back(std::move(*mapped));
    ASSAY_TRY(gguf.add_part(gguf.mapped_.back().bytes(), next));
  }
  auto total = gguf.maybe<std::uint64_t>("split.tensors.count");
  if (!total) return std::unexpected(std::move(total.error()));
  if (*total && **total != gguf.tensors_.size()) {
    return fail(Errc::bad_value, first + ": " + std::to_string(gguf.tensors_.size()) +
                                     " tensors in all parts, expected " + std::to_string(**total) +
                                     " by the key split.tensors.count");
  }
  return gguf;
}

const GgufValue* Gguf::find(std::string_view key) const {
  const auto found = key_index_.find(key);
  return found == key_index_.end() ? nullptr : &metadata_[found->second].value;
}

const GgufTensor* Gguf::tensor(std::string_view tensor_name) const {
  const auto found = tensor_index_.find(tensor_name);
  return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

void Gguf::drop_pages() const {
  for (const MappedFile& file : mapped_) file.drop_pages();
}

std::unexpected<Error> Gguf::missing(std::string_view key) const {
  return fail(Errc::not_found, files_.front() + ": no metadata key " + in_quotes(key));
}

Error Gguf::in_key(std::string_view key, Error error) const {
  return with_context(files_.front() + ": key " + in_quotes(key), std::move(error));
}

}  // namespace assay
