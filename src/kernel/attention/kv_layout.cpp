#include "kernel/attention/kv_layout.h"

#include <array>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "kernel/attention/variants.h"
#include "tensor/dtype.h"

namespace assay::kernel {

std::string_view name(KvType type) { return type == KvType::f16 ? "f16" : "q8_0"; }

std::optional<KvType> kv_type_from_name(std::string_view wanted) {
  if (wanted == "f16") return KvType::f16;
  if (wanted == "q8_0") return KvType::q8_0;
  return std::nullopt;
}

void kv_store(Isa isa, const KvLayout& layout, std::byte* plane, std::uint32_t slot, std::span<const float> key,
              std::span<const float> value) {
  ASSAY_ASSERT(slot < kv_page_positions && key.size() == layout.head_dim && value.size() == layout.head_dim);
  ASSAY_ASSERT(layout.type == KvType::f16 || layout.head_dim % 32 == 0);
  std::byte* values = plane + layout.values_at();
  const auto& kernels = attention_kernels(isa);
  if (layout.type == KvType::f16) {
    kernels.store_f16(key.data(), layout.head_dim, plane + slot * 2, kv_page_positions * 2);
    kernels.store_f16(value.data(), layout.head_dim, values + std::size_t{slot} * layout.head_dim * 2, 2);
    return;
  }
  const std::size_t elements = std::size_t{kv_page_positions} * layout.head_dim;
  for (std::uint32_t at = 0; at < layout.head_dim; at += 32) {
    std::array<std::int8_t, 32> q;
    const auto put_scale = [&](std::byte* plane_part, float d) {
      const std::uint16_t bits = float_to_half(d);
      std::memcpy(plane_part + elements + (at / 32 * kv_page_positions + slot) * 2, &bits, 2);
    };
    put_scale(plane, kernels.quantize_32(key.data() + at, q.data()));
    for (std::uint32_t i = 0; i < 32; i += 4) {
      std::memcpy(plane + (std::size_t{at + i} / 4 * kv_page_positions + slot) * 4, q.data() + i, 4);
    }
    put_scale(values, kernels.quantize_32(value.data() + at, q.data()));
    std::memcpy(values + std::size_t{slot} * layout.head_dim + at, q.data(), 32);
  }
}

namespace {

float load_half(const std::byte* at) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, at, 2);
  return half_to_float(bits);
}

}  // namespace

void kv_load(const KvLayout& layout, const std::byte* plane, std::uint32_t slot, std::span<float> key,
             std::span<float> value) {
  ASSAY_ASSERT(slot < kv_page_positions && key.size() == layout.head_dim && value.size() == layout.head_dim);
  const std::byte* values = plane + layout.values_at();
  const std::size_t elements = std::size_t{kv_page_positions} * layout.head_dim;
  for (std::size_t d = 0; d < layout.head_dim; ++d) {
    if (layout.type == KvType::f16) {
      key[d] = load_half(plane + (d * kv_page_positions + slot) * 2);
      value[d] = load_half(values + (slot * std::size_t{layout.head_dim} + d) * 2);
      continue;
    }
    const std::size_t scale_at = elements + (d / 32 * kv_page_positions + slot) * 2;
    const std::byte k = plane[(d / 4 * kv_page_positions + slot) * 4 + d % 4];
    const std::byte v = values[slot * std::size_t{layout.head_dim} + d];
    key[d] = load_half(plane + scale_at) * static_cast<float>(static_cast<std::int8_t>(k));
    value[d] = load_half(values + scale_at) * static_cast<float>(static_cast<std::int8_t>(v));
  }
}

}  // namespace assay::kernel
