// What a measurement leaves behind: plain values, one Matrix for one run. record_json.h writes and reads them,
// docs/record.md is the page for users. Whatever was not measured or is not told by the machine is NaN, 0 with a reason
// beside it, or an empty optional: never a guess.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/backend.h"
#include "host/host.h"
#include "record/parity.h"
#include "record/statistics.h"

namespace assay::measure {

inline constexpr double not_told = std::numeric_limits<double>::quiet_NaN();

// One request as its client saw it, by the client's monotonic clock. Tokens are counted by our tokenizer or by the
// server's usage, never by chunks.
struct Timing {
  std::int64_t sent_ns = 0;   // the request is handed over; queue time is inside TTFT
  std::int64_t first_ns = 0;  // the first token has come
  std::int64_t last_ns = 0;   // the last one has
  std::uint32_t prompt_tokens = 0;
  std::uint32_t cached_tokens = 0;
  std::uint32_t output_tokens = 0;
  // Of output_tokens those that came at first_ns: 1, but where an engine gives pieces of text. 0: not known.
  std::uint32_t first_tokens = 1;
  // Times between tokens; NaN where tokens come in pieces. The 99th percentile needs percentile_values_min of them.
  double gap_p50_ms = not_told;
  double gap_p99_ms = not_told;
  double gap_max_ms = not_told;

  double ttft_ms() const { return static_cast<double>(first_ns - sent_ns) * 1e-6; }
  double total_ms() const { return static_cast<double>(last_ns - sent_ns) * 1e-6; }  // end to end
  // (n - first_tokens) / (t_last - t_first), tokens per second; NaN where nothing came after the first.
  double decode_tok_s() const;
  // Uncached prompt tokens / TTFT, tokens per second; NaN where half of the prompt or more came from a cache.
  double prefill_tok_s() const;
};

// How late something was that should have taken no time, over all samples; or times between tokens.
struct Delay {
  double p50_ms = not_told;
  double p99_ms = not_told;  // NaN below percentile_values_min samples, where it would be the largest
  double max_ms = not_told;
  std::uint64_t samples = 0;
};

// The stand-in for an editor beside the model.
struct Foreground {
  Delay timer{};  // a thread that asks to be woken every 5 ms: lateness of its wake-ups
  Delay pages{};  // a thread that touches pages of its own and takes fresh ones: time for one lot
};

// What else the machine did while a row ran.
struct Noise {
  double others_cpu_cores = not_told;  // cores kept busy by processes that are neither assay nor its engines
  double stolen_cores = not_told;      // by other guests of the same hardware
  double cpu_stall = not_told;         // share of the time in which some task waited for a core, 0..1 (Linux PSI)
  double memory_stall = not_told;      // ... for memory
  double mhz = not_told;               // mean clock
  double celsius = not_told;           // hottest CPU sensor seen
  host::Pressure::Level pressure = host::Pressure::Level::unknown;  // worst seen
};

struct Energy {
  double j_per_token = not_told;  // of the whole chip, idle power included, per output token of the row's requests
  // From two intervals, request sent to first token and first to last token; NaN where they are too short for the meter.
  double j_per_prompt_token = not_told;  // uncached ones
  double j_per_output_token = not_told;  // those behind the first
  double watts = not_told;               // mean over the row's requests
  std::string source{};                  // "RAPL package-0 + dram", "NVML GPU 0"
  std::string reason{};                  // why there is none
};

struct Memory {
  std::uint64_t peak_bytes = 0;          // largest sum seen over the processes that run the engine; 0: not told
  std::string source{};                  // "PSS of worker 4711", "phys_footprint of assay"
  std::uint64_t device_peak_bytes = 0;   // of the accelerator, by these processes; 0: none or not told
  std::uint64_t harness_bytes = 0;       // of assay itself, taken off peak_bytes: the engine runs in the same process
  std::optional<MemoryUse> predicted{};  // before anything was loaded, for the row's requests: see plan_memory()
  std::optional<MemoryUse> accounted{};  // what the engine said that it holds, after its rounds
  std::int64_t swap_in_bytes = 0;        // whole machine, during the row's requests
  std::int64_t swap_out_bytes = 0;
  std::int64_t load_swap_out_bytes = 0;  // whole machine, while the engine was loaded
  std::uint64_t swapped_bytes = 0;       // of the engine's processes, out in swap at the end of their rounds
  bool swap_known = false;

  std::uint64_t total_peak_bytes() const { return peak_bytes + device_peak_bytes; }
};

// What the border to a worker process costs.
struct Border {
  double total_us_per_call = not_told;   // a forward pass as our side sees it; decoding, one pass is one token
  double engine_us_per_call = not_told;  // of that the worker's own time in its engine
  std::uint64_t calls = 0;
};

// One depth of the context sweep: a prompt of `depth` tokens, then decoding behind it.
struct ContextPoint {
  std::uint32_t depth = 0;
  std::string reason{};  // why it was left out; empty: measured
  Estimate ttft_ms{}, prefill_tok_s{}, decode_tok_s{};
  Estimate share_of_limit{};             // as the row's, at this depth
  std::uint64_t kv_bytes_per_token = 0;  // keys and values that one decoded token reads here; 0: not known
  std::uint64_t memory_peak_bytes = 0;
  std::uint64_t device_peak_bytes = 0;
  std::optional<Timing> cold{};  // the first request of this depth; not among the rounds
  std::vector<Timing> rounds{};
};

// One width of the concurrency sweep: so many requests sent at once, as often as there are rounds.
struct StreamPoint {
  std::uint32_t streams = 0;
  std::string reason{};     // why it was left out
  Estimate total_tok_s{};   // output speed with prefill: all output tokens / (first sent .. last token), over rounds
  Estimate decode_tok_s{};  // of one stream: medians of rounds, since the streams of a round are one sample
  Estimate ttft_ms{};       // likewise
  double ttft_ms_p99 = not_told;  // over all requests; NaN below percentile_values_min
  double ttft_ms_max = not_told;
  std::uint64_t memory_peak_bytes = 0;
  std::optional<Timing> cold{};  // one of the first ones sent together; not among the rounds
  std::vector<Timing> rounds{};  // every request, round by round
};

// What was stopped in its midst, an open loop or a soak, has a reason that begins so; a matrix that goes on begins it anew.
inline constexpr std::string_view stopped_part = "stopped on request";

// Requests sent at random moments whether or not earlier ones have ended.
struct OpenLoop {
  double rate_per_s = 0;
  std::uint32_t sent = 0;
  std::uint32_t failed = 0;
  Estimate ttft_ms{}, decode_tok_s{};  // medians of blocks of neighbours, which are one sample
  double ttft_ms_p95 = not_told;       // over all requests; NaN below 20
  double ttft_ms_p99 = not_told;       // ... below percentile_values_min
  double ttft_ms_max = not_told;
  Delay late{};                    // of our own sends against their plan: what the client adds to the figures above
  std::string reason{};            // why these figures say nothing: our own sends were late, too few requests
  std::vector<Timing> requests{};  // those that ended well, in the order of their plan
};

// One request of a soak and the machine behind it.
struct DriftPoint {
  double at_s = 0;
  double decode_tok_s = not_told;
  double ttft_ms = not_told;
  double mhz = not_told;
  double celsius = not_told;
  double watts = not_told;
  double memory_stall = not_told;  // since the point before
  double others_cpu_cores = not_told;
  std::int64_t swap_in_bytes = 0;
  std::int64_t swap_out_bytes = 0;
  std::uint64_t memory_bytes = 0;
};

// Requests of one length, one after another, for a long time.
struct Drift {
  double seconds = 0;
  std::uint64_t requests = 0;
  std::uint32_t prompt_tokens = 0;
  std::uint32_t output_tokens = 0;
  double first_tenth_tok_s = not_told;  // median decode speed of the requests of the first tenth of the time
  double last_tenth_tok_s = not_told;
  Estimate ratio{};                     // last over first: one value, no interval
  Estimate slope_percent_per_minute{};  // of the first tenth's speed, over pairs of blocks
  std::string reason{};                 // why it ended early or says nothing
  std::vector<DriftPoint> points{};     // at most drift_points_max, evenly thinned
};
inline constexpr std::size_t drift_points_max = 2000;
// Nothing is said of a shorter soak than this: what warms up and what wears out is not told apart.
inline constexpr double drift_seconds_min = 120;
// The slope is taken over pairs of blocks of time, and engines take turns as long as a block: neighbours in time are
// alike. 12 blocks are 6 pairs, whose interval covers 96.9 %; more and shorter ones call noise that lasts for seconds a
// drift (simulated: 12 blocks 5 % of steady soaks, 24 blocks 7 %, 40 blocks 11 %, where half of the noise is left after 7 s).
inline constexpr std::uint32_t drift_blocks = 12;

// Which rows carry which prompts.
enum class Prompts : std::uint8_t {
  fresh,   // begin with tokens that no request before had: no prefix cache helps
  cached,  // the same prompt again but for its last token
};

struct MatrixSettings {
  std::uint32_t prompt_tokens = 512;
  std::uint32_t output_tokens = 64;            // at least 2: decode speed needs a step
  std::uint32_t rounds = interval_values_min;  // warm rounds; one cold round comes before them
  std::uint64_t seed = 1;                      // of the order of engines, the prompts and the bootstrap
  std::int64_t timeout_ns = 600'000'000'000;   // of one request
  double budget_s = 30;                        // of one request: an engine that would need more gets shorter ones
  bool cached_rows = false;                    // a second row per engine, with prompts whose beginning is cached
  std::vector<std::uint32_t> sweep_context{};  // prompt lengths, rising
  std::vector<std::uint32_t> sweep_streams{};  // requests at once, rising
  std::uint32_t sweep_rounds = 3;  // a sweep is there for the shape of its curve: ranges of 3, in half the time of 6
  double soak_s = 0;               // of each engine
  double arrivals_per_s = 0;       // 0: closed loop only
  double arrivals_s = 30;          // length of the open-loop part
  std::uint32_t parity_positions = 32;  // 0: no parity
  double parity_budget_s = 20;          // of the double-precision reference
};

// What was loaded and how, so that the run can be repeated.
struct LoadOptions {
  std::string model{};  // as it was named; "" for the shipped one
  std::string shape{};  // random weights instead
  std::string config{};
  std::string quant{};
  std::uint64_t shape_seed = 0;
  std::uint32_t context = 0;
  std::uint32_t threads = 0;
  std::uint32_t batch = 0;
  std::string kv{};
  std::vector<std::string> engines{};  // chosen by name; empty: all
};

struct Artifact {
  std::string path{};
  std::string synthesized{};  // "qwen3-4b, seed 1" where the weights are random in that shape; empty: a real model
  std::string sha256{};
  std::string quant{};  // the type that holds most bytes: "q8_0"
  std::uint64_t bytes = 0;
  std::uint64_t bytes_per_token = 0;  // read for one decoded token, without keys and values
};

// What the machine can do at most.
struct Ceilings {
  double read_gb_s = 0;                  // all threads, memory far beyond the caches
  double int8_gmac_s = 0;                // all threads, 8-bit multiply-adds in registers
  double device_gb_s = not_told;         // of an NVIDIA GPU where a row runs on one: reading its memory
  std::string read_pattern{};            // how the best read: "avx512, 2 streams, 2 KiB ahead"
  std::string int8_path{};               // what multiplied: "amx int8"
  std::uint64_t device_cache_bytes = 0;  // L2 of that GPU
  std::string device_pattern{};          // how the GPU read best: "132 x 16 blocks of 512 threads, 8 loads each"
  // Cores that the probe's threads asked for and did not get while it read; above noisy_cores the machine was busy, and
  // so the figures may be too low.
  double cores_missing = not_told;
};

// The ceilings as one entrant of a round, at its place in the round's random order.
struct CeilingRound {
  std::uint32_t round = 0;  // as the rows': 1 is the first after the cold one
  std::uint32_t depth = 0;  // of the context sweep that the round belongs to; 0: to the rounds proper
  double at_s = 0;          // since the measurement began
  Ceilings ceilings{};
};

// A turn of one engine in the soaks, which take turns in seeded order.
struct SoakTurn {
  std::uint32_t row = 0;  // index in rows
  double at_s = 0;        // since the soaks began
  double seconds = 0;
};

// What the machine was like before anything ran.
struct Environment {
  std::string assay_version{};
  std::string assay_build{};
  std::string assay_commit{};    // of the sources, "-dirty" where they were changed; "" where it is not known
  std::string compiler_flags{};  // of the program as a whole; kernels add their instruction set
  std::vector<std::string> accelerators{};  // "NVIDIA H200, 139.8 GiB, driver 570.86"
  std::string governor{};                   // of the CPU clock: "performance"; "" where it is not told
  Foreground idle{};
  Noise noise{};
  double idle_watts = not_told;
  std::string energy_source{};
  std::string energy_reason{};
};

// The engine of a row, as a record keeps it.
struct Subject {
  std::string engine{};  // "direct"
  std::string device{};
  std::string version{};
  std::string build{};
  std::string kv{};
  std::string activations{};
  std::uint32_t context = 0;
  std::uint32_t sequences = 0;
  std::uint32_t threads = 0;
  std::uint32_t batch = 0;
  bool text_only = false;               // token counts are estimates, no parity
  std::vector<std::string> settings{};  // whatever else moves speed: "flash_attention=true", "ubatch=512"
  std::vector<std::string> notes{};     // "blk.0.ffn_down.weight: q6_k widened to f16"
  std::optional<Parity> parity{};
  std::string parity_reason{};  // why there is none
  std::string
      way{};  // of several in which it is run: "flash attention on"; empty: there is one, or they are joined (see Way)
};

// One of several ways to run an engine, measured beside the others in the same rounds. The row shows the engine at its
// best: each phase is that of the way which was quickest at it.
struct Way {
  std::string name{};  // "flash attention off"
  std::vector<std::string> settings{};
  std::string reason{};  // why it was not measured to the end; empty: it was
  bool gives_prefill = false;
  bool gives_decode = false;                            // and all but prefill and TTFT
  Estimate ttft_ms{}, prefill_tok_s{}, decode_tok_s{};  // over rounds
  std::uint64_t memory_peak_bytes = 0;                  // 0: not told
  std::vector<Timing> rounds{};
};

struct Row {
  Subject subject{};
  enum class Status : std::uint8_t { ok, refused, failed } status = Status::ok;
  std::string reason{};
  Prompts prompts = Prompts::fresh;
  std::uint32_t prompt_tokens = 0;  // of its requests; differ from the settings' where lengths were adapted
  std::uint32_t output_tokens = 0;
  std::string adapted{};     // "64 prompt, 8 output: 512 and 64 would take about 240 s"; or empty
  double load_s = not_told;  // from asking for the engine to its being ready
  Estimate ttft_ms{}, prefill_tok_s{}, decode_tok_s{};  // over rounds
  std::string prefill_reason{};                         // why there is no prefill speed
  Estimate marginal_prefill_tok_s{};                    // 1 / slope of TTFT over prompt length in the context sweep
  Estimate total_ms{};                                  // request sent to last token
  Estimate gap_ms{};                                    // a request's median time between tokens, over rounds
  Delay between_tokens{};                               // all times between tokens of all rounds
  std::uint64_t kv_bytes_per_token = 0;  // keys and values that one decoded token reads at the mean depth; 0: not known
  Estimate share_of_limit{};             // per round: bytes read per second over that round's read ceiling
  std::string share_reason{};            // why there is none
  std::optional<Timing> first{};         // the very first request, a short one: code and pages are cold
  std::optional<Timing> cold{};          // round 0: the first one of full length
  std::vector<Timing> rounds{};
  std::vector<Way> ways{};  // empty: there is one
  Memory memory{};
  Energy energy{};
  Foreground foreground{};
  Noise noise{};
  std::optional<Border> border{};
  std::vector<ContextPoint> context_sweep{};
  std::vector<StreamPoint> stream_sweep{};
  std::optional<OpenLoop> open_loop{};
  std::optional<Drift> drift{};
};

// A run that was stopped and gone on with later.
struct Resumed {
  std::uint64_t times = 0;
  std::int64_t unix_s = 0;  // the last time
  double after_s = 0;       // seconds of the run before that; its timings go on from there
};

struct Matrix {
  std::string command{};
  std::int64_t started_unix_s = 0;
  double seconds = 0;  // the whole run
  host::HostFacts machine{};
  Environment environment{};
  Ceilings ceilings{};
  std::vector<CeilingRound> ceiling_rounds{};  // each time that they were taken; `ceilings` is the best of them
  std::vector<SoakTurn> soak_turns{};
  std::string contract{};  // name, or "" for the built-in workload
  MatrixSettings settings{};
  LoadOptions load{};
  Artifact artifact{};
  std::vector<Row> rows{};
  std::string unfinished{};  // why it ended before its end; empty: it did not
  std::optional<Resumed> resumed{};
};

// The machine was busy while these were taken.
bool busy(const Ceilings& ceilings);

// At which the weights of this row can be read at most, in GB/s; NaN: nobody measured that.
double read_ceiling(const Row& row, const Ceilings& ceilings);

// The median share; NaN where there is none: row.share_reason says why.
inline double share_of_limit(const Row& row) {
  return row.share_of_limit.n == 0 ? not_told : row.share_of_limit.median;
}

// The best that any round saw, each figure with how it was reached.
Ceilings best_ceilings(const std::vector<CeilingRound>& rounds);

// Fills what follows from a record's requests: every Estimate, percentile and share of rows, sweeps, open loop and soak.
// Called where a measurement ends, and for a record of an earlier version, whose figures meant something else.
void derive(Matrix& matrix);

// What the prompt cost is hidden where TTFT is hardly longer than the step that gives its first tokens: a server that
// spends nothing on the prompt, or a prompt so short that it is one step as well. Below this many steps there is no
// prefill speed; half a step is what sending, queueing and noise take.
inline constexpr double prefill_steps_min = 1.5;

// Why a row is noisy, one sentence each; empty: quiet, or the machine does not tell.
std::vector<std::string> noise_reasons(const Noise& noise);
// Nothing where the machine does not tell what others do.
std::optional<bool> noisy(const Noise& noise);

// More than this makes a row noisy.
inline constexpr double noisy_cores = 0.1;          // taken by others, or stolen
inline constexpr double noisy_memory_stall = 0.01;  // of the time

}  // namespace assay::measure
