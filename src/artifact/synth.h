// Random weights of a real shape as an ordinary GGUF: speed does not depend on the weights' values, so a machine can be
// measured before a model is downloaded.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "artifact/hash.h"
#include "artifact/stored_type.h"
#include "base/error.h"
#include "checkpoint/model_config.h"
#include "device/cpu/thread_pool.h"
#include "tensor/dtype.h"

namespace assay::artifact {

struct SynthOptions {
  ModelConfig config;  // see shapes.h
  DType type = DType::q4_0;
  HeadType head = HeadType::usual;
  std::uint64_t seed = 1;
};

struct WrittenModel {
  std::uint64_t file_bytes = 0;
  std::uint64_t tensors = 0;
  std::vector<std::string> notes;  // what is not as named, for people: a type that rows could not have
};

// Bytes of the tensors, for progress; the file is a little larger.
std::uint64_t synth_bytes(const SynthOptions& options);

// Writes the file. Matrices are normal(0, 1 / sqrt(columns)), gains 1 + normal(0, 0.1), biases normal(0, 0.1). The bytes
// depend on the options alone, not on the number of threads. Errors: the config's (check_config), set_synth_vocabulary's,
// GgufWriter's (Errc::full names the bytes needed and free before anything is written), Errc::cancelled.
Result<WrittenModel> synthesize(const SynthOptions& options, const std::string& path, device::ThreadPool& pool,
                                const ByteProgress& progress = {});

}  // namespace assay::artifact
