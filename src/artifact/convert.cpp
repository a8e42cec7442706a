#include "artifact/convert.h"

#include <array>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>

#include "artifact/gguf_tokenizer.h"
#include "artifact/tensor_stream.h"
#include "artifact/texts.h"
#include "artifact/value_check.h"
#include "base/mapped_file.h"
#include "checkpoint/gguf_export.h"
#include "checkpoint/gguf_writer.h"
#include "checkpoint/tensor_list.h"
#include "kernel/quant/dequantize.h"
#include "kernel/quant/quantize.h"

namespace assay::artifact {
namespace {

namespace fs = std::filesystem;

struct Planned {
  ExpectedTensor tensor;
  StoredType stored;
  const TensorView* source = nullptr;  // null: the RoPE factors of a folder's config
};

std::vector<Planned> plan(const Checkpoint& in, const ConvertOptions& options) {
  std::vector<Planned> out;
  const bool scaled = in.config().ropes[0].scaling.kind == RopeScaling::Kind::llama3;
  for (auto& tensor : expected_tensors(in.config())) {
    const TensorView* source = in.tensor(tensor.name);
    if (source == nullptr && !(tensor.role == Role::rope_factors && scaled)) continue;
    StoredType stored = stored_type(in.config(), tensor, options.type, options.head);
    out.push_back({std::move(tensor), std::move(stored), source});
  }
  return out;
}

std::uint64_t bytes_of(const Planned& one) {
  std::uint64_t elements = 1;
  for (const std::uint64_t extent : one.tensor.shape) elements *= extent;
  return row_bytes(one.stored.type, elements);
}

// What says how the old file lay on the disk.
bool is_about_the_file(std::string_view key) {
  return key.starts_with("split.") || key == "general.alignment" || key == "general.file_type" ||
         key == "general.quantization_version";
}

Result<std::vector<std::string>> set_metadata(const Checkpoint& in, Vocabulary vocabulary, GgufWriter& writer) {
  const bool none = vocabulary == Vocabulary::none;
  if (none) writer.set("tokenizer.ggml.model", "no_vocab");
  if (const Gguf* gguf = in.gguf()) {
    for (const GgufEntry& entry : gguf->metadata()) {
      const bool dropped = is_about_the_file(entry.key) || (none && entry.key.starts_with("tokenizer."));
      if (!dropped) writer.set(entry.key, entry.value);
    }
    return std::vector<std::string>();
  }
  ModelConfig config = in.config();
  if (config.model_name.empty()) config.model_name = fs::absolute(in.folder()).lexically_normal().filename().string();
  ASSAY_TRY(set_gguf_config(writer, config));
  if (none) return std::vector<std::string>();
  auto notes = set_gguf_tokenizer(in, writer);
  if (!notes) return notes;
  const auto templates = find_chat_templates(in);
  if (!templates) return std::unexpected(templates.error());
  std::vector<std::string> names;
  for (const auto& [name, text] : *templates) {
    writer.set("tokenizer.chat_template" + (name == "default" ? std::string() : "." + name), text);
    if (name != "default") names.push_back(name);
  }
  if (!names.empty()) writer.set("tokenizer.chat_templates", names);
  return notes;
}

// A row as it is read, and as it reads back; one for each thread.
struct Scratch {
  std::vector<float> values;
  std::vector<float> back;
};

// Rows of `one`, converted.
class Rows {
 public:
  Rows(const Planned& one, const ModelConfig& config, std::vector<Scratch>& scratch)
      : one_(one),
        reorders_(gguf_reorders(config, one.tensor.role)),
        head_dim_(attention_of(config.layers.front()).head_dim),
        scratch_(scratch),
        check_(one.tensor.name, one.stored.type) {}

  // After every row: what could not be converted.
  Result<void> result() const { return check_.result(); }

  void fill(const RowChunk& chunk, std::span<std::byte> out) {
    const TensorView& source = *one_.source;
    const std::size_t row = row_bytes(one_.stored.type, source.columns());
    const bool copies = source.dtype == one_.stored.type;
    auto& [values, back] = scratch_[chunk.worker];
    values.resize(source.columns());
    back.resize(source.columns());
    for (std::uint64_t i = 0; i < chunk.rows; ++i) {
      const std::uint64_t r = chunk.first_row + i;
      const bool matrix = source.shape.size() > 1;
      const std::uint64_t from = reorders_ && matrix ? gguf_source_row(r, head_dim_) : r;
      const auto to = out.subspan(i * row, row);
      kernel::dequantize_row(source, from, values);
      if (!check_.take_source(from, values)) {
        std::memset(to.data(), 0, to.size());
        continue;
      }
      if (copies && (matrix || !reorders_)) {
        std::memcpy(to.data(), source.data.data() + from * row, row);
        continue;
      }
      if (reorders_ && !matrix) reorder(values);
      kernel::quantize_row(one_.stored.type, values, to);
      kernel::dequantize_row(one_.stored.type, to, back);
      check_.take_written(from, values, back);
    }
  }

 private:
  // A bias has one element for each row.
  void reorder(std::vector<float>& values) const {
    const std::vector<float> old = values;
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = old[gguf_source_row(i, head_dim_)];
  }

  const Planned& one_;
  bool reorders_;
  std::uint32_t head_dim_;
  std::vector<Scratch>& scratch_;
  ValueCheck check_;
};

bool is_quantized(DType type) { return type != DType::f32 && type != DType::f16 && type != DType::bf16; }

std::vector<std::string> notes_of(const std::vector<Planned>& tensors) {
  std::vector<std::string> notes;
  std::set<std::string> before;
  for (const Planned& one : tensors) {
    if (!one.stored.note.empty()) notes.push_back(one.stored.note);
    if (one.source != nullptr && is_quantized(one.source->dtype) && one.source->dtype != one.stored.type &&
        one.stored.type != DType::f32)
      before.emplace(name(one.source->dtype));
  }
  for (const std::string& type : before)
    notes.push_back("tensors were " + type + " before: the error of " + type + " stays in what is written");
  return notes;
}

}  // namespace

std::uint64_t convert_bytes(const Checkpoint& in, const ConvertOptions& options) {
  std::uint64_t bytes = 0;
  for (const Planned& one : plan(in, options)) bytes += bytes_of(one);
  return bytes;
}

Result<WrittenModel> convert(const Checkpoint& in, const ConvertOptions& options, const std::string& path,
                             device::ThreadPool& pool, const ByteProgress& progress) {
  for (const std::string& file : in.files()) {
    std::error_code ignored;
    if (fs::equivalent(file, path, ignored))
      return fail(Errc::bad_value, path + ": is a file of the model to convert, expected another name");
  }
  const CutFileGuard guard;
  GgufWriter writer(path);
  auto notes = set_metadata(in, options.vocabulary, writer);
  if (!notes) return std::unexpected(std::move(notes.error()));
  writer.set("general.file_type", gguf_file_type(options.type));
  writer.set("general.quantization_version", std::uint32_t{2});
  const std::vector<Planned> tensors = plan(in, options);
  for (const Planned& one : tensors) writer.add(one.tensor.name, one.stored.type, one.tensor.shape);
  WrittenModel out{.file_bytes = 0, .tensors = tensors.size(), .notes = std::move(*notes)};
  for (std::string& note : notes_of(tensors)) out.notes.push_back(std::move(note));
  const auto bytes = writer.file_bytes();
  if (!bytes) return std::unexpected(bytes.error());
  out.file_bytes = *bytes;
  ASSAY_TRY(writer.begin());

  std::vector<Scratch> scratch(pool.threads());
  TensorStream stream(writer, pool, progress);
  for (const Planned& one : tensors) {
    if (one.source == nullptr) {
      const std::vector<float> factors = gguf_rope_factors(in.config());
      ASSAY_TRY(stream.write(
          one.tensor.name, one.stored.type, one.tensor.shape,
          [&](const RowChunk&, std::span<std::byte> row) { std::memcpy(row.data(), factors.data(), row.size()); }));
      continue;
    }
    Rows rows(one, in.config(), scratch);
    ASSAY_TRY(stream.write(one.tensor.name, one.stored.type, one.tensor.shape,
                           [&](const RowChunk& chunk, std::span<std::byte> to) { rows.fill(chunk, to); }));
    if (auto good = rows.result(); !good) {
      ASSAY_TRY(guard.check());  // zeros in place of what is gone are not the model's
      return std::unexpected(std::move(good.error()));
    }
  }
  ASSAY_TRY(guard.check());
  ASSAY_TRY(writer.finish());
  return out;
}

}  // namespace assay::artifact
