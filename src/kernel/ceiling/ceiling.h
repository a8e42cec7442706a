// What one thread of this machine can do at most, in each way that it can: reading memory, and multiplying 8-bit integers.
// Nothing is computed for its own sake; the best way is a ceiling that every engine's speed is held against.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace assay::kernel {

// Reads all bytes once: loads of a width, from one or several streams side by side (parts of the memory, front to back),
// with or without asking for lines ahead. Returns a value that depends on every byte.
// memory: 64-byte aligned, bytes a multiple of read_granule.
using ReadMemory = std::uint64_t (*)(const std::byte* memory, std::size_t bytes);
inline constexpr std::size_t read_granule = 4096;

struct ReadPattern {
  std::string name;  // "avx512, 2 streams, 2 KiB ahead"
  ReadMemory read;
};

// Multiplies unsigned bytes of 3 with signed bytes of 5 in registers and adds the products up, in as many independent
// chains as hide the latency; nothing is loaded. rounds <= int8_rounds_max.
struct Int8Work {
  std::uint64_t macs = 0;  // multiply-adds done
  std::int64_t sum = 0;    // of all products, exactly: 15 * macs
};
using MultiplyInt8 = Int8Work (*)(std::uint64_t rounds);
inline constexpr std::uint64_t int8_rounds_max = std::uint64_t{1} << 20;  // sums in 32 bits stay exact

struct Int8Path {
  std::string name;  // "avx2 maddubs", "avx512 vnni", "amx int8"
  MultiplyInt8 multiply;
};

// What this machine runs, plain C++ first. Asks for AMX's permission where the processor has it (base/instructions.h).
std::vector<ReadPattern> read_patterns();
std::vector<Int8Path> int8_paths();

}  // namespace assay::kernel
