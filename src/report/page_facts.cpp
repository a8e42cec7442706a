#include <cmath>
#include <vector>

#include "report/format.h"
#include "report/page_parts.h"

namespace assay::measure::report {
namespace {

// A list of names and values; empty values are left out.
class Facts {
 public:
  void add(std::string_view name, std::string_view value) {
    if (!value.empty()) out_ += "<dt>" + escaped(name) + "</dt><dd>" + escaped(value) + "</dd>";
  }
  void count(std::string_view name, std::uint64_t value) {
    if (value > 0) add(name, std::to_string(value));
  }
  void size(std::string_view name, std::uint64_t value) {
    if (value > 0) add(name, bytes(static_cast<double>(value)));
  }
  void figure(std::string_view name, double value, std::string_view unit) {
    if (std::isfinite(value) && value > 0) add(name, number(value) + "\u202f" + std::string(unit));
  }
  void code(std::string_view name, std::string_view value) {
    if (!value.empty()) out_ += "<dt>" + escaped(name) + "</dt><dd class=\"mono\">" + escaped(value) + "</dd>";
  }
  std::string under(std::string_view heading, std::string_view css_class = {}) const {
    if (out_.empty()) return {};
    const std::string style = css_class.empty() ? "" : " class=\"" + std::string(css_class) + "\"";
    return "<div><h3" + style + ">" + escaped(heading) + "</h3><dl>" + out_ + "</dl></div>";
  }

 private:
  std::string out_;
};

std::string list_text(const std::vector<std::string>& items) {
  std::string out;
  for (std::size_t i = 0; i < items.size() && i < list_max; ++i) out += (i == 0 ? "" : ", ") + clean(items[i], 200);
  if (items.size() > list_max) out += ", … (" + std::to_string(items.size() - list_max) + " more)";
  return out.size() > text_max ? clean(out) : out;
}

std::string numbers_text(const std::vector<std::uint32_t>& values) {
  std::vector<std::string> out;
  for (const std::uint32_t value : values) {
    if (out.size() <= list_max) out.push_back(std::to_string(value));
  }
  return list_text(out);
}

std::string machine(const Matrix& matrix) {
  const host::HostFacts& m = matrix.machine;
  const Environment& e = matrix.environment;
  Facts out;
  out.add("Chip", m.chip);
  out.count("Cores", m.cores);
  out.add("Architecture", m.architecture);
  out.size("Memory", m.memory_bytes);
  out.size("Largest cache", m.cache_bytes);
  out.add("Accelerators", list_text(e.accelerators));
  out.add("System", m.os);
  out.add("Kernel", m.kernel);
  out.add("Power source", m.power_source);
  out.add("Clock governor", e.governor);
  out.add("Hyper-threads", m.smt);
  out.count("NUMA nodes", m.numa_nodes);
  out.add("Microcode", m.microcode);
  out.add("Virtual machine of", m.hypervisor);
  out.code("Machine", m.machine_id);
  out.figure("Reading memory", matrix.ceilings.read_gb_s, "GB/s, measured in this run");
  out.figure("GPU reading its memory", matrix.ceilings.device_gb_s, "GB/s, measured in this run");
  out.figure("8-bit multiply-adds", matrix.ceilings.int8_gmac_s, "GMAC/s, measured in this run");
  out.figure("Idle wake-up, p99", e.idle.timer.p99_ms, "ms");
  if (std::isfinite(e.noise.others_cpu_cores)) {
    out.add("Idle, others took", number(e.noise.others_cpu_cores) + " cores");
  }
  out.figure("Idle power", e.idle_watts, "W");
  out.add("Energy", e.energy_source.empty() ? (e.energy_reason.empty() ? "" : "n/a: " + clean(e.energy_reason))
                                            : clean(e.energy_source));
  return out.under("Machine");
}

std::string artifact(const Matrix& matrix) {
  const Artifact& a = matrix.artifact;
  Facts out;
  out.add("File", a.path);
  if (!a.synthesized.empty()) out.add("Weights", "random, " + clean(a.synthesized));
  out.add("Quantization", a.quant);
  out.size("Size", a.bytes);
  out.size("Read per token", a.bytes_per_token);
  out.code("SHA-256", a.sha256);
  return out.under("Weights");
}

std::string workload(const Matrix& matrix) {
  const MatrixSettings& s = matrix.settings;
  const LoadOptions& l = matrix.load;
  const Environment& e = matrix.environment;
  Facts out;
  out.add("Contract", matrix.contract.empty() ? "none: the built-in workload" : clean(matrix.contract));
  out.count("Prompt tokens", s.prompt_tokens);
  out.count("Output tokens", s.output_tokens);
  out.add("Rounds", std::to_string(s.rounds) + ", after one cold round");
  out.add("Seed", std::to_string(s.seed));
  out.add("Context sweep", numbers_text(s.sweep_context));
  out.add("Streams sweep", numbers_text(s.sweep_streams));
  if (s.soak_s > 0) out.add("Soak", seconds(s.soak_s) + " for each engine");
  if (s.arrivals_per_s > 0) out.add("Open loop", number(s.arrivals_per_s) + " requests/s for " + seconds(s.arrivals_s));
  out.count("Parity positions", s.parity_positions);
  out.count("Context", l.context);
  out.add("Threads", l.threads == 0 ? "one per core" : std::to_string(l.threads));
  out.count("Batch", l.batch);
  out.add("Keys and values", l.kv);
  out.add("Engines asked for", list_text(l.engines));
  out.code("Commit", e.assay_commit);
  out.add("Compiler flags", clean(e.compiler_flags));
  out.add("Assay", clean(matrix.environment.assay_version, 80) +
                       (matrix.environment.assay_build.empty() ? "" : ", " + clean(matrix.environment.assay_build)));
  return out.under("Settings");
}

std::string engine(const Matrix& matrix, const Naming& naming, std::size_t i) {
  const Subject& s = matrix.rows[i].subject;
  Facts out;
  out.add("Version", s.version);
  out.add("Build", s.build);
  out.add("Device", s.device);
  out.count("Context", s.context);
  out.count("Sequences", s.sequences);
  out.count("Threads", s.threads);
  out.count("Batch", s.batch);
  out.add("Keys and values", s.kv);
  out.add("Activations", s.activations);
  out.add("Settings", list_text(s.settings));
  const Memory& memory = matrix.rows[i].memory;
  out.add("Memory counted by", memory.source);
  out.add("Energy counted by", matrix.rows[i].energy.source);
  return out.under(naming.labels[i], "");
}

}  // namespace

std::string facts(const Matrix& matrix, const Naming& naming) {
  std::string out = machine(matrix) + "<div class=\"stacked\">" + artifact(matrix) + "</div>" + workload(matrix);
  for (std::size_t i = 0; i < naming.shown(); ++i) {
    if (matrix.rows[i].prompts == Prompts::fresh) out += engine(matrix, naming, i);
  }
  return "<div class=\"facts\">" + out + "</div>";
}

std::string linked_term(std::string_view term, std::string_view word) {
  return "<a class=\"term\" href=\"#def-" + std::string(term) + "\">" + escaped(word) + "</a>";
}

std::string definitions(const Matrix& matrix) {
  std::string out;
  const auto define = [&](std::string_view id, std::string_view term, std::string_view meaning) {
    out += "<div><dt id=\"def-" + std::string(id) + "\">" + escaped(term) + "</dt><dd>" + escaped(meaning, 1200) +
           "</dd></div>";
  };
  const auto any = [&](auto has) {
    for (const Row& row : matrix.rows) {
      if (has(row)) return true;
    }
    return false;
  };
  define("clock", "One clock",
         "The client's monotonic clock, the same path for every engine: from handing over a request to each token "
         "received.");
  define("ttft", "TTFT", "Time to first token: request handed over to the first token. Time in a queue is inside.");
  define("decode", "Decode",
         "(n - tokens that came first) / (last token - first token): n - 1, but where an engine gives pieces of text. "
         "n is counted by the tokenizer or the server, never in chunks.");
  define("prefill", "Prefill",
         "Uncached prompt tokens / TTFT. It says less than TTFT, so it stands beside it. None where the prompt was "
         "cached, or where TTFT is no longer than one and a half decode steps.");
  if (any([](const Row& r) { return r.gap_ms.n > 0; })) {
    define("gap", "Between tokens",
           "From one token to the next, as the client receives them; none where an engine gives several tokens in one "
           "piece. The median of each request's median, and the 99th percentile of all, or of fewer than 100 the "
           "largest.");
  }
  if (any([](const Row& r) { return r.total_ms.n > 0; })) {
    define("total", "End to end", "Request handed over to its last token.");
  }
  if (any([](const Row& r) { return r.marginal_prefill_tok_s.n > 0; })) {
    define("marginal", "Prefill, marginal",
           "What one more prompt token costs: 1 / the slope of TTFT over prompt length, from the context sweep.");
  }
  define("interval", "Interval",
         "A pair of order statistics around the median, with the coverage that the binomial distribution gives it: "
         "96.9 % of 6 rounds. Fewer have a range, from which nothing follows. Engines take turns in a seeded random "
         "order, so ratios are taken round by round. The first, cold round is apart. Nothing is dropped.");
  if (any([](const Row& r) { return std::isfinite(share_of_limit(r)); })) {
    define("limit", "Of limit",
           "A token must read every weight once, and the keys and values of all positions before it. Decode speed "
           "times those bytes, over the memory bandwidth measured in the same round; the median of the rounds.");
  }
  if (any([](const Row& r) { return r.subject.parity.has_value(); })) {
    define(
        "parity", "Parity",
        "Same weights and tokens in, same logits out? Compared with a double-precision reference at fixed positions "
        "of a fixed text: positions with the same first choice (top-1), largest difference of a logit (max_abs), mean "
        "KL in nats. The bound comes from trying: the reference runs again with its inputs rounded as this engine "
        "says it rounds them, and what that does to its logits is what max_abs is held against. Where the reference's "
        "first two choices lie closer together than twice the bound, either may come first: a near tie. The root mean "
        "square of the differences may be at most 1.5 "
        "times that of the tries (times its rounding). Decode is the last positions one by one; itself is the engine "
        "against itself at the workload's length, one by one against one batch, bit for bit where it says so. A row "
        "outside its bound is marked, never hidden.");
  }
  if (any([](const Row& r) {
        return r.memory.peak_bytes > 0 || r.memory.device_peak_bytes > 0 || r.memory.predicted;
      })) {
    define(
        "memory", "Memory",
        "Largest footprint of the processes that run the engine, as the system counts it (PSS on Linux, "
        "phys_footprint on macOS), and what they hold of a GPU's memory. Predicted is what the engine itself accounts "
        "for: weights, keys and values, the rest.");
  }
  if (any([](const Row& r) { return std::isfinite(tail_of_delay(r.foreground.timer).ms); })) {
    define("foreground", "Foreground",
           "A stand-in for an editor: one thread wants to be woken every 5 ms, another touches pages. Their delays "
           "while the engine works: the 99th percentile, or of fewer than 100 values the largest.");
  }
  if (any([](const Row& r) { return r.drift.has_value(); })) {
    define("drift", "Drift",
           "Decode speed of the last tenth of a long session over the first tenth, at equal context, and the slope "
           "between them.");
  }
  if (any([](const Row& r) {
        return std::isfinite(r.energy.j_per_token) || std::isfinite(r.energy.j_per_prompt_token) ||
               std::isfinite(r.energy.j_per_output_token);
      })) {
    define("energy", "Energy",
           "Of the whole chip, idle power included, per output token. n/a where the machine does not tell; never a "
           "guess.");
  }
  return "<dl class=\"define\">" + out + "</dl>";
}

}  // namespace assay::measure::report
