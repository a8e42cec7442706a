#include "direct/cpu_model.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "kernel/quant/dequantize.h"

namespace assay::direct {
namespace {

std::vector<float> floats(const TensorView& tensor) {
  std::vector<float> out(tensor.columns());
  kernel::dequantize_row(tensor, 0, out);
  return out;
}

// Packs matrices one after the other, each on all threads; keeps the first error.
struct Packer {
  kernel::Isa isa;
  Arena& arena;
  device::ThreadPool& pool;
  const PackProgress& progress;
  const Stop* stop;
  std::uint64_t read = 0;
  std::uint64_t packed = 0;
  std::optional<Error> error = std::nullopt;

  kernel::PackedMatrix pack(const TensorView& tensor, const std::string& name) {
    if (error) return {};
    auto matrix = kernel::PackedMatrix::prepare(tensor, isa, &arena);
    if (!matrix) {
      error = with_context("tensor " + name, std::move(matrix.error()));
      return {};
    }
    constexpr std::size_t chunk = 8;  // panels; enough work to hide the claim of a chunk
    const std::size_t panels = matrix->panels();
    pool.run((panels + chunk - 1) / chunk, [&](std::size_t i) {
      if (!asked(stop)) matrix->pack_panels(tensor, i * chunk, std::min(panels, (i + 1) * chunk));
    });
    read += tensor.bytes();
    packed += matrix->bytes();
    if (asked(stop) || (progress && !progress(read)))
      error = Error{Errc::cancelled, 0, "loading stopped at tensor " + name};
    return std::move(*matrix);
  }
};

// `tensor` with its bytes in memory of the arena. Errc::full: memory is short.
Result<TensorView> copy_into(Arena& arena, const TensorView& tensor) {
  TensorView out = tensor;
  for (std::span<const std::byte>* part : {&out.data, &out.scales, &out.biases}) {
    if (part->empty()) continue;
    std::byte* memory = arena.allocate(part->size());
    if (memory == nullptr) return fail(Errc::full, "no memory for " + std::to_string(part->size()) + " bytes");
    std::memcpy(memory, part->data(), part->size());
    *part = {memory, part->size()};
  }
  return out;
}

}  // namespace

void CpuModel::embed(Token token, std::span<float> out) const {
  const auto index = static_cast<std::uint64_t>(token);
  if (model::present(embedding)) return kernel::dequantize_row(embedding, index, out);
  head.row(index, out);
}

Result<CpuModel> pack_model(const model::Weights& weights, kernel::Isa isa, device::ThreadPool& pool,
                            const PackProgress& progress, const Stop* stop) {
  CpuModel out;
  Packer packer{.isa = isa, .arena = out.arena, .pool = pool, .progress = progress, .stop = stop};
  out.config = weights.config;
  out.output_norm = floats(weights.output_norm);
  out.ropes = model::rope_frequencies(weights);
  out.steps = weights.steps;
  out.layers.reserve(weights.layers.size());
  for (std::size_t i = 0; i < weights.layers.size() && !packer.error; ++i) {
    CpuLayer layer;
    each_of_layers(weights.layers[i], layer, [&](Role role, const TensorView& from, auto& to) {
      if (!model::present(from)) return;
      if constexpr (std::is_same_v<decltype(to), kernel::PackedMatrix&>) {
        to = packer.pack(from, gguf_name(role, static_cast<std::uint32_t>(i)));
      } else {
        to = floats(from);
      }
    });
    out.layers.push_back(std::move(layer));
  }
  const std::string embedding_name(gguf_name(Role::embedding));
  out.head = packer.pack(weights.head, weights.config.tied_head ? embedding_name : std::string(gguf_name(Role::head)));
  if (packer.error) return std::unexpected(std::move(*packer.error));
  out.bytes = packer.packed;
  // Never from the file: one that is cut short or written anew while it is mapped would end this process (SIGBUS), or
  // change what the model says.
  if (weights.head.data.data() != weights.embedding.data.data()) {
    auto embedding = copy_into(out.arena, weights.embedding);
    if (!embedding) return std::unexpected(with_context("tensor " + embedding_name, std::move(embedding.error())));
    out.embedding = std::move(*embedding);
    out.bytes += out.embedding.bytes();
  }
  return out;
}

}  // namespace assay::direct
