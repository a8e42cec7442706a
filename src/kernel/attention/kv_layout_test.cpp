#include "kernel/attention/kv_layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "base/random.h"
#include "kernel/isas.h"
#include "kernel/quant/blocks.h"
#include "tensor/dtype.h"

namespace assay::kernel {
namespace {

std::vector<float> normals(std::size_t n, Random& random) {
  std::vector<float> values(n);
  for (auto& value : values) value = static_cast<float>(random.normal());
  return values;
}

TEST(KvLayout, parts_of_a_plane_stay_aligned_to_64_bytes) {
  EXPECT_EQ((KvLayout{KvType::f16, 128}.plane_bytes()), 16384U);
  EXPECT_EQ((KvLayout{KvType::q8_0, 128}.plane_bytes()), 8704U);
  for (std::uint32_t dim = 32; dim <= kv_head_dim_max; dim += 32) {
    for (const KvType type : {KvType::f16, KvType::q8_0}) {
      EXPECT_EQ((KvLayout{type, dim}.plane_bytes() % 64), 0U);
      EXPECT_EQ((KvLayout{type, dim}.values_at() % 64), 0U);
    }
  }
}

TEST(KvStore, every_slot_keeps_its_rounded_row_and_isas_store_the_same_bytes) {
  for (const KvLayout layout :
       {KvLayout{KvType::f16, 64}, KvLayout{KvType::f16, 36}, KvLayout{KvType::f16, 2}, KvLayout{KvType::q8_0, 32},
        KvLayout{KvType::q8_0, 96}, KvLayout{KvType::f16, 192}, KvLayout{KvType::f16, 256}, KvLayout{KvType::f16, 1023},
        KvLayout{KvType::f16, 1024}, KvLayout{KvType::q8_0, 256}, KvLayout{KvType::q8_0, 576},
        KvLayout{KvType::q8_0, 1024}}) {
    SCOPED_TRACE(std::string(name(layout.type)) + " " + std::to_string(layout.head_dim));
    std::vector<std::byte> first;
    for (const Isa isa : isas_here()) {
      Random random(3);
      std::vector<std::byte> plane(layout.plane_bytes() + 8, std::byte{0xA5});
      std::vector<std::vector<float>> keys;
      std::vector<std::vector<float>> values;
      for (std::uint32_t slot = 0; slot < kv_page_positions; ++slot) {
        keys.push_back(normals(layout.head_dim, random));
        values.push_back(normals(layout.head_dim, random));
        kv_store(isa, layout, plane.data(), slot, keys.back(), values.back());
      }
      for (std::size_t i = layout.plane_bytes(); i < plane.size(); ++i) EXPECT_EQ(plane[i], std::byte{0xA5});
      std::vector<float> key(layout.head_dim);
      std::vector<float> value(layout.head_dim);
      const auto expect_rounded = [&](const std::vector<float>& stored, const std::vector<float>& exact) {
        for (std::size_t d = 0; d < layout.head_dim; ++d) {
          if (layout.type == KvType::f16) {
            EXPECT_EQ(stored[d], half_to_float(float_to_half(exact[d])));
            continue;
          }
          const auto* block = exact.data() + d / 32 * 32;
          float most = 0;
          for (std::size_t i = 0; i < 32; ++i) most = std::max(most, std::abs(block[i]));
          const float q = std::round(exact[d] * (1.0F / (most / 127.0F)));
          EXPECT_EQ(stored[d], half_to_float(float_to_half(most / 127.0F)) * q);
        }
      };
      for (std::uint32_t slot = 0; slot < kv_page_positions; ++slot) {
        kv_load(layout, plane.data(), slot, key, value);
        expect_rounded(key, keys[slot]);
        expect_rounded(value, values[slot]);
      }
      if (first.empty()) first = plane;
      EXPECT_EQ(plane, first) << name(isa);
    }
  }
}

TEST(KvStore, rounds_ties_away_from_zero_and_survives_what_is_no_number) {
  const KvLayout layout{KvType::q8_0, 32};
  const float infinity = std::numeric_limits<float>::infinity();
  for (const Isa isa : isas_here()) {
    std::vector<std::byte> plane(layout.plane_bytes());
    std::vector<float> key(32, 0.5F);
    key[0] = 127;  // d = 1: every other element is a tie
    key[1] = -0.5F;
    key[2] = 2.5F;
    key[3] = 0.49999997F;
    kv_store(isa, layout, plane.data(), 0, key, std::vector<float>(32));
    std::vector<float> got(32);
    std::vector<float> value(32, 1.0F);
    kv_load(layout, plane.data(), 0, got, value);
    EXPECT_EQ(got[1], -1);
    EXPECT_EQ(got[2], 3);
    EXPECT_EQ(got[3], 0);
    EXPECT_EQ(got[4], 1);
    EXPECT_EQ(value, std::vector<float>(32));
    for (const float odd : {infinity, -infinity, std::numeric_limits<float>::quiet_NaN(), 1e-42F, 3e38F}) {
      kv_store(isa, layout, plane.data(), 1, std::vector<float>(32, odd), std::vector<float>(32, odd));
      kv_load(layout, plane.data(), 1, got, value);
      if (odd == 1e-42F) {
        EXPECT_EQ(got[0], 0);
      }
    }
  }
}

}  // namespace
}  // namespace assay::kernel
