// The kernels of CudaReader in PTX, text that the driver compiles for whatever GPU is there.
#pragma once

#include <string>
#include <string_view>

namespace assay::host {

// How often a thread loads before it adds, and by which kind of load: of data that nobody writes (ld.global.nc), or that is
// used once (.cs) and need not stay in the caches.
struct CudaReadKernel {
  const char* name;
  const char* load;  // "ld.global.nc"
  unsigned loads;
};
inline constexpr CudaReadKernel cuda_read_kernels[] = {
    {"read_nc_1", "ld.global.nc", 1},   {"read_nc_4", "ld.global.nc", 4}, {"read_nc_8", "ld.global.nc", 8},
    {"read_nc_16", "ld.global.nc", 16}, {"read_cs_4", "ld.global.cs", 4}, {"read_cs_8", "ld.global.cs", 8},
};
inline constexpr std::string_view cuda_fill_kernel = "fill";

// One module with all of them, for PTX ISA 7.0 and compute capability 7.0 or newer:
//   fill(from, vectors): word i of 4 * vectors 32-bit words becomes i.
//   read_*(from, vectors, sums): a thread loads 16 bytes `loads` times, each a whole grid further, until all `vectors`
//     are read; its words and those of its 31 neighbours are added up in 32 bits and stored as sums[thread / 32]. Sums,
//     since four neighbouring indices fold to 0 by xor: a vector left out would not show.
// Blocks are a multiple of 32 threads.
std::string cuda_read_module();

}  // namespace assay::host
