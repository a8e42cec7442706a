// Reading, in a width that the including file chooses: it defines `Vector` (GCC's vector type of uint64_t) and includes
// this file inside its own unnamed namespace. No header with inline functions: this is compiled for one instruction set.

// GCC 12 takes a function that only prefetches for one without effect and drops the calls; asm volatile it keeps.
inline __attribute__((always_inline)) void ask_for(const std::byte* address) {
#if defined(__x86_64__)
  __asm__ volatile("prefetcht0 %0" : : "m"(*address));
#elif defined(__aarch64__)
  __asm__ volatile("prfm pldl1keep, %0" : : "Q"(*address));
#endif
}

// `streams` parts side by side, `ahead` bytes asked for beforehand (0: none). A prefetch past the end reads nothing.
template <std::size_t streams, std::size_t ahead>
std::uint64_t read_memory(const std::byte* memory, std::size_t bytes) {
  constexpr std::size_t step = 512 / streams;  // bytes of each stream in one turn
  constexpr std::size_t lanes = step / sizeof(Vector);
  const std::size_t part = bytes / streams;
  constexpr std::size_t chains = 8;  // within the 16 registers of every x86
  Vector sums[chains] = {};
  for (std::size_t at = 0; at < part; at += step) {
#pragma GCC unroll 16
    for (std::size_t s = 0; s < streams; ++s) {
      const std::byte* from = memory + s * part + at;
      if constexpr (ahead != 0) {
#pragma GCC unroll 16
        for (std::size_t line = 0; line < step; line += 64) ask_for(from + ahead + line);
      }
#pragma GCC unroll 32
      for (std::size_t i = 0; i < lanes; ++i) {
        sums[(s * lanes + i) % chains] ^= *reinterpret_cast<const Vector*>(from + i * sizeof(Vector));
      }
    }
  }
  Vector all = {};
#pragma GCC unroll 8
  for (std::size_t i = 0; i < chains; ++i) all ^= sums[i];
  std::uint64_t out = 0;
  for (std::size_t j = 0; j < sizeof(Vector) / 8; ++j) out ^= all[j];
  return out;
}

constexpr std::size_t kib = 1024;
constexpr ReadWay read_ways[] = {{"", read_memory<1, 0>},
                                 {", 1 KiB ahead", read_memory<1, kib>},
                                 {", 2 KiB ahead", read_memory<1, 2 * kib>},
                                 {", 4 KiB ahead", read_memory<1, 4 * kib>},
                                 {", 8 KiB ahead", read_memory<1, 8 * kib>},
                                 {", 2 streams", read_memory<2, 0>},
                                 {", 2 streams, 2 KiB ahead", read_memory<2, 2 * kib>},
                                 {", 4 streams", read_memory<4, 0>},
                                 {", 4 streams, 2 KiB ahead", read_memory<4, 2 * kib>}};
