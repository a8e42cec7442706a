// How fast an NVIDIA GPU reads its own memory, by a kernel of ours in PTX text that the driver's library compiles; the
// library is opened at run time, assay does not link to it, and no toolkit is needed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"

namespace assay::host {

struct CudaReadSettings {
  // Of the buffer that each pass reads. 0: 4 GiB, at least 64 times the L2 cache, at most a quarter of what is free.
  std::uint64_t bytes = 0;
  int passes = 8;                  // timed together, so that what a launch costs is hidden behind the one before
  int rounds = 3;                  // of the best ways; the best counts: a ceiling is what the device can do
  std::size_t ways_each_time = 3;  // how many of the ways are tried again, fastest first, when all were tried once
};

struct CudaRead {
  double gb_s = 0;
  std::string pattern;  // "2112 blocks of 512 threads, 8 loads each"
};

// One way of reading, as it was found at first.
struct CudaWay {
  std::string pattern;
  double gb_s = 0;
};

// A context on the first GPU that CUDA shows, and the kernels in it. One thread at a time calls it; other threads must
// not rely on a current context of theirs. Its buffer is held only while it reads.
class CudaReader {
 public:
  // Errc::not_found: no such library. Errc::unsupported: it lacks a function, shows no GPU, or does not take the kernels,
  // in the driver's words.
  static Result<std::unique_ptr<CudaReader>> open(const std::string& library = "libcuda.so.1");
  virtual ~CudaReader() = default;

  virtual std::string name() const = 0;           // "NVIDIA H200"
  virtual std::uint64_t cache_bytes() const = 0;  // L2

  // Bytes read a second, best of several patterns. Every pattern's first pass is checked: the sum of all words read
  // must be that of all words written. Errc::unsupported: no memory, or a call fails, in the driver's words; Errc::bug: a kernel
  // did not read what it says.
  virtual Result<CudaRead> read(const Clock& clock, const CudaReadSettings& settings = {}) = 0;

  // All ways in the order tried, with the speeds of the first time; empty before read().
  virtual const std::vector<CudaWay>& ways() const = 0;
};

}  // namespace assay::host
