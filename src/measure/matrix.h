// The matrix: one workload measured on every engine of this machine in interleaved rounds.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "device/host/host.h"
#include "engine/engine.h"
#include "measure/client.h"
#include "measure/parity.h"
#include "measure/statistics.h"

namespace assay::measure {

struct MatrixSettings {
  std::uint32_t prompt_tokens = 512;
  std::uint32_t output_tokens = 64;           // at least 2: decode speed needs a step
  std::uint32_t rounds = 5;                   // warm rounds; one cold round comes before them
  std::uint64_t seed = 1;                     // of the order of engines, the prompts and the bootstrap
  std::int64_t timeout_ns = 600'000'000'000;  // of one request
};

struct Artifact {
  std::string path;
  std::string synthesized;  // "qwen3-4b, seed 1" where the weights are random in that shape; empty: a real model
  std::string sha256;
  std::string quant;  // the type that holds most bytes: "q8_0"
  std::uint64_t bytes = 0;
  std::uint64_t bytes_per_token = 0;  // read for one decoded token, without keys and values
};

struct Ceilings {
  double read_gb_s = 0;    // all threads, memory far beyond the caches
  double int8_gmac_s = 0;  // all threads, 8-bit multiply-adds in registers
};

// What is measured. An engine that could not be made has none, and a reason.
struct Contestant {
  std::string engine;  // "direct"
  std::string device;
  std::string version;
  std::string build;
  std::string kv;
  std::uint32_t context = 0;
  std::uint32_t threads = 0;
  std::uint32_t batch = 0;
  Engine* running = nullptr;  // idle; null: refused
  std::string reason;         // why refused
  std::optional<Parity> parity;
  std::string parity_reason;  // why there is none
};

struct Row {
  Contestant contestant;
  enum class Status : std::uint8_t { ok, refused, failed } status = Status::ok;
  std::string reason;
  Estimate ttft_ms, prefill_tok_s, decode_tok_s;  // over warm rounds
  std::optional<Timing> cold;                     // the first round: code and caches are cold
  std::vector<Timing> rounds;
  std::uint64_t memory_peak_bytes = 0;  // of this process after the row's rounds; 0: not told
  std::int64_t swap_delta_bytes = 0;    // swapped out during the row's rounds, whole machine
  bool swap_known = false;
  std::optional<double> energy_j_per_token;  // nothing where the machine does not tell
  // Cores kept busy by other processes during the row's rounds; NaN where the machine does not tell.
  double others_cpu = std::numeric_limits<double>::quiet_NaN();
  device::Pressure::Level pressure = device::Pressure::Level::unknown;  // worst seen
};

struct Matrix {
  device::HostFacts machine;
  Ceilings ceilings;
  MatrixSettings settings;
  Artifact artifact;
  std::string contract;  // name, or "" for the built-in workload
  std::vector<Row> rows;
  std::string command;
  std::int64_t started_unix_s = 0;
};

// Decode speed as a share of reading the weights at the measured bandwidth; NaN where one is missing.
double share_of_limit(const Row& row, const Artifact& artifact, const Ceilings& ceilings);

// More than a tenth of a core taken by others makes a row noisy.
inline constexpr double noisy_cores = 0.1;

// A fresh prompt of settings.prompt_tokens tokens for (round, row); must differ in its first token's neighbourhood so
// that no cache helps.
using MakePrompt = std::function<std::vector<Token>(Random& random)>;
// Called before each request; false stops everything with Errc::cancelled.
using MatrixProgress = std::function<bool(std::uint32_t done, std::uint32_t total, const std::string& engine)>;

// Measures every contestant in interleaved rounds of seeded random order. A contestant that fails is marked, and the
// others go on. Errc::bad_value: settings out of range; Errc::cancelled.
Result<std::vector<Row>> measure_rows(std::vector<Contestant> contestants, const MatrixSettings& settings,
                                      const Clock& clock, const MakePrompt& make_prompt,
                                      const MatrixProgress& progress);

}  // namespace assay::measure
