// Is an engine's worker right on this machine? It computes small models whose logits are known.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "adapter/installed/install.h"
#include "base/clock.h"

namespace assay::cli {

struct ProofOptions {
  std::string worker;                // program
  std::vector<std::string> devices;  // as in its manifest
  std::vector<std::string> loads;
  bool chooses_flash_attention = true;            // the engine computes with and without, as it is told
  std::filesystem::path folder;                   // models are written here, one at a time, and removed
  bool every_kind = true;                         // else the first model on the first device: a prompt and a few tokens
  std::int64_t step_timeout_ns = 60'000'000'000;  // of loading, and of each forward
};

// Models done, of so many; asked a few times a second. false ends it with Errc::cancelled.
using ProofProgress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

// Each model on each device, the CPU first; what the engine widens to another type when it loads is held on the first alone: a prompt of 72 tokens in one batch, one of 23 behind it, then 8 tokens one by one; logits
// within twice the bound of parity (on a GPU four times), in prefill and in decode. Whatever the engine does wrong (dies, hangs, differs, refuses) is
// Verdict::failure, in words; an error is the proof's own.
Result<adapter::Verdict> prove_engine(const ProofOptions& options, const Clock& clock, const ProofProgress& progress);

// The same for an installed engine, briefly: its first model on the first of its devices. The failure, in words, or "".
Result<std::string> try_engine(const adapter::Manifest& manifest, const Clock& clock,
                               const std::function<bool()>& go_on);

}  // namespace assay::cli
