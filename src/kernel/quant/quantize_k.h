// Blocks of 256 with two levels of scales: see quantize.h.
#pragma once

#include "kernel/quant/blocks.h"

namespace assay::kernel {

void encode(const float* x, BlockQ2_K& b);
void encode(const float* x, BlockQ3_K& b);
void encode(const float* x, BlockQ4_K& b);
void encode(const float* x, BlockQ5_K& b);
void encode(const float* x, BlockQ6_K& b);
void encode(const float* x, BlockIQ4_XS& b);

}  // namespace assay::kernel
