// What this machine can do at most: the two rates that every speed is held against, one thread each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "kernel/isa.h"

namespace assay::kernel {

// Reads all bytes once with the widest loads of the Isa and no other work; returns a value that depends on every byte.
// memory is 64-byte aligned and a multiple of 512 bytes (asserted).
std::uint64_t read_all(Isa isa, std::span<const std::byte> memory);

// Multiplies and adds 8-bit integers in registers, with as many independent chains as hide the latency: maddubs and
// madd on AVX2, VPDPBUSD on AVX-512. Runs `rounds` rounds; gives the multiply-adds done and a value to keep them alive.
struct Int8Work {
  std::uint64_t macs;
  std::int32_t kept;
};
Int8Work int8_work(Isa isa, std::uint64_t rounds);

}  // namespace assay::kernel
