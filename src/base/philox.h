// Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2,
// 3", SC'11). A number is a function of key and counter alone: nothing is carried from draw to draw, so draws can be made
// again, in any order, and on any device. Plain 32-bit arithmetic and plain values only.
#pragma once

#include <cstdint>

namespace assay {

struct PhiloxCounter {
  std::uint32_t word[4];
};

struct PhiloxKey {
  std::uint32_t word[2];
};

// 128 uniform bits. Ten rounds, as the paper's crush-resistant default; the key is raised by the Weyl constants between.
constexpr PhiloxCounter philox(PhiloxCounter counter, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xd2511f53U} * counter.word[0];
    const std::uint64_t b = std::uint64_t{0xcd9e8d57U} * counter.word[2];
    counter = {{static_cast<std::uint32_t>(b >> 32) ^ counter.word[1] ^ key.word[0], static_cast<std::uint32_t>(b),
                static_cast<std::uint32_t>(a >> 32) ^ counter.word[3] ^ key.word[1], static_cast<std::uint32_t>(a)}};
    key.word[0] += 0x9e3779b9U;
    key.word[1] += 0xbb67ae85U;
  }
  return counter;
}

// What the choice of one token draws numbers for. A new use takes a new value: the old draws stay what they are.
enum class DrawUse : std::uint32_t { token = 0, xtc = 1 };

// Uniform in [0, 1), 53 bits: the draw of a request with `seed` for the token at `position` of its sequence. Key: the seed,
// low word first; counter: position, use, 0, 0; the number: the first two words, the first one low.
constexpr double uniform_draw(std::uint64_t seed, std::uint32_t position, DrawUse use) {
  const PhiloxCounter bits = philox({{position, static_cast<std::uint32_t>(use), 0, 0}},
                                    {{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)}});
  return static_cast<double>((std::uint64_t{bits.word[1]} << 32 | bits.word[0]) >> 11) * 0x1.0p-53;
}

}  // namespace assay
