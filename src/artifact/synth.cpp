#include "artifact/synth.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "artifact/random_rows.h"
#include "artifact/synth_vocabulary.h"
#include "artifact/tensor_stream.h"
#include "base/random.h"
#include "checkpoint/gguf_export.h"
#include "checkpoint/gguf_writer.h"
#include "checkpoint/tensor_list.h"

namespace assay::artifact {
namespace {

// A seed for one thing among many; neighbours give unrelated sequences.
std::uint64_t mix(std::uint64_t seed, std::uint64_t thing) {
  return Random(seed ^ (0xd1342543de82ef95ULL * (thing + 1))).bits();
}

std::uint64_t elements(const Shape& shape) {
  std::uint64_t n = 1;
  for (const std::uint64_t extent : shape) n *= extent;
  return n;
}

struct Planned {
  ExpectedTensor tensor;
  StoredType stored;
};

std::vector<Planned> plan(const SynthOptions& options) {
  std::vector<Planned> out;
  const bool factors = options.config.ropes[0].scaling.kind == RopeScaling::Kind::llama3;
  for (auto& tensor : expected_tensors(options.config)) {
    if (tensor.optional && !factors) continue;
    StoredType stored = stored_type(options.config, tensor, options.type, options.head);
    out.push_back({std::move(tensor), std::move(stored)});
  }
  return out;
}

std::vector<float> vector_values(const SynthOptions& options, const ExpectedTensor& tensor, std::uint64_t seed) {
  if (tensor.role == Role::rope_factors) return gguf_rope_factors(options.config);
  std::vector<float> values(tensor.shape[0]);
  Random random(seed);
  const double mean = kind_of(tensor.role) == TensorKind::bias ? 0 : 1;
  for (float& value : values) value = static_cast<float>(mean + 0.1 * random.normal());
  return values;
}

}  // namespace

std::uint64_t synth_bytes(const SynthOptions& options) {
  std::uint64_t bytes = 0;
  for (const Planned& one : plan(options)) bytes += row_bytes(one.stored.type, elements(one.tensor.shape));
  return bytes;
}

Result<WrittenModel> synthesize(const SynthOptions& options, const std::string& path, device::ThreadPool& pool,
                                const ByteProgress& progress) {
  GgufWriter writer(path);
  ASSAY_TRY(set_gguf_config(writer, options.config));
  writer.set("general.file_type", gguf_file_type(options.type));
  writer.set("general.quantization_version", std::uint32_t{2});
  writer.set("assay.synth.seed", options.seed);
  if (auto done = set_synth_vocabulary(writer, options.config.vocab); !done)
    return std::unexpected(with_context(path, std::move(done.error())));
  const std::vector<Planned> tensors = plan(options);
  WrittenModel out;
  out.tensors = tensors.size();
  std::map<std::pair<DType, std::uint64_t>, std::uint64_t> largest;  // (type, columns) to elements
  for (const Planned& one : tensors) {
    writer.add(one.tensor.name, one.stored.type, one.tensor.shape);
    if (!one.stored.note.empty()) out.notes.push_back(one.stored.note);
    auto& most = largest[{one.stored.type, one.tensor.shape.back()}];
    most = std::max(most, elements(one.tensor.shape));
  }
  const auto bytes = writer.file_bytes();
  if (!bytes) return std::unexpected(bytes.error());
  out.file_bytes = *bytes;
  ASSAY_TRY(writer.begin());

  std::map<std::pair<DType, std::uint64_t>, RandomRows> pools;
  TensorStream stream(writer, pool, progress);
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const auto& [tensor, stored] = tensors[i];
    const std::uint64_t seed = mix(options.seed, i);
    if (tensor.is_vector()) {
      const auto values = vector_values(options, tensor, seed);
      ASSAY_TRY(stream.write(tensor.name, stored.type, tensor.shape, [&](const RowChunk&, std::span<std::byte> row) {
        std::memcpy(row.data(), values.data(), row.size());
      }));
      continue;
    }
    const std::pair key{stored.type, tensor.shape.back()};
    auto rows = pools.find(key);
    if (rows == pools.end()) {
      constexpr std::uint64_t smallest_piece = 32;
      rows = pools.try_emplace(key, key.first, key.second, largest[key] / smallest_piece, options.seed, pool).first;
    }
    ASSAY_TRY(
        stream.write(tensor.name, stored.type, tensor.shape, [&](const RowChunk& chunk, std::span<std::byte> out_rows) {
          rows->second.fill(mix(seed, chunk.index), out_rows);
        }));
  }
  ASSAY_TRY(writer.finish());
  return out;
}

}  // namespace assay::artifact
