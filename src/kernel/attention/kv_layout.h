// How keys and values of one kv head lie in memory: planes of 32 positions, the unit that a page table points to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "kernel/isa.h"

namespace assay::kernel {

enum class KvType : std::uint8_t {
  f16,   // IEEE halves
  q8_0,  // 32 neighbours along head_dim share a half d = max|x| / 127; an element is d * q, q in -127..127
};

std::string_view name(KvType type);  // "f16", "q8_0"
std::optional<KvType> kv_type_from_name(std::string_view name);

inline constexpr std::uint32_t kv_page_positions = 32;
inline constexpr std::uint32_t kv_head_dim_max = 1024;  // q8_0 scales of a page are widened on the stack

// A plane holds the keys and values of one layer and one kv head for 32 consecutive positions, in this order:
//   f16    keys (head_dim, 32), values (32, head_dim)
//   q8_0   keys (head_dim / 4, 32, 4) bytes, their d (head_dim / 32, 32); values (32, head_dim) bytes, d (head_dim / 32, 32)
// Keys lie with positions side by side, so that scores come out in lanes without a sum across a register; values lie with
// dimensions side by side, so that the output does. Both are read front to back. q8_0 keys keep four dimensions of a
// position together, which is what 4-way byte products want.
struct KvLayout {
  KvType type = KvType::f16;
  std::uint32_t head_dim = 0;  // q8_0: a multiple of 32

  std::size_t values_at() const { return plane_bytes() / 2; }  // byte offset of the values in a plane
  // f16: 128 * head_dim, q8_0: 68 * head_dim.
  std::size_t plane_bytes() const {
    const std::size_t elements = std::size_t{2} * kv_page_positions * head_dim;
    return type == KvType::f16 ? elements * 2 : elements + elements / 16;
  }
  // Both parts of a plane and the plane itself are multiples of 64 bytes for every head_dim that is allowed.
};

// Rounds key and value (head_dim each) to the layout's type and puts them at `slot` (0..31) of a plane. f16: to nearest
// even, beyond 65504 infinity. q8_0: q = x * (1 / d) rounded to nearest, ties away from 0, with d not yet rounded.
// Every Isa stores the same bytes, for values that are numbers.
void kv_store(Isa isa, const KvLayout& layout, std::byte* plane, std::uint32_t slot, std::span<const float> key,
              std::span<const float> value);

// The stored key and value of a slot, exactly.
void kv_load(const KvLayout& layout, const std::byte* plane, std::uint32_t slot, std::span<float> key,
             std::span<float> value);

// The planes of one sequence for one layer and kv head. Page i of the list holds positions 32 i .. 32 i + 31.
struct KvPages {
  KvLayout layout;
  const std::byte* base = nullptr;       // the plane in page number 0
  std::size_t page_stride = 0;           // bytes from a page's plane to that of the next page number
  std::span<const std::uint32_t> pages;  // page numbers, in order of position

  const std::byte* plane(std::size_t index) const { return base + pages[index] * page_stride; }
};

}  // namespace assay::kernel
