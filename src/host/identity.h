// Which machine this is, so that two records of the same chip can be told apart. Parts are kept pure for tests.
#pragma once

#include <string>
#include <string_view>

#include "host/host.h"

namespace assay::host {

// Fills machine_id, microcode, hypervisor, smt, numa_nodes and caches_bytes.
void add_identity(HostFacts& facts);

// The first 16 hex digits of the SHA-256 of an id that systems ask to keep to themselves (machine-id(5)): equal for equal
// machines, and no way back. Empty for nothing but white space.
std::string hashed_id(std::string_view id);

// A number with a unit, "49152K" or "32M", as bytes; 0 where it is none.
std::uint64_t cache_size(std::string_view text);

}  // namespace assay::host
