// Every field of a record, once: name, member, meaning. The writer, the reader and the schema walk the same list
// (record_json.cpp), so they cannot disagree.
#pragma once

#include <array>
#include <concepts>
#include <type_traits>

#include "record/record.h"

namespace assay::measure::fields {

template <class T, class U>
concept Is = std::same_as<std::remove_const_t<T>, U>;

template <class T>
struct EnumNames;  // values in their order
template <>
struct EnumNames<Row::Status> {
  static constexpr std::array names{"ok", "refused", "failed"};
};
template <>
struct EnumNames<Prompts> {
  static constexpr std::array names{"fresh", "cached"};
};
template <>
struct EnumNames<host::Pressure::Level> {
  static constexpr std::array names{"unknown", "normal", "warning", "critical"};
};

template <class V>
void visit(V& v, Is<Timing> auto& t) {
  v("sent_ns", t.sent_ns, "request handed over, nanoseconds since the measurement began");
  v("first_ns", t.first_ns, "first token received");
  v("last_ns", t.last_ns, "last token received");
  v("prompt_tokens", t.prompt_tokens, "tokens of the prompt");
  v("cached_tokens", t.cached_tokens, "of them taken from a cache");
  v("output_tokens", t.output_tokens, "tokens received");
  v.added("first_tokens", t.first_tokens, "of them at first_ns; 0: not known");
  v("gap_p50_ms", t.gap_p50_ms, "median time between tokens; null where they come in pieces");
  v("gap_p99_ms", t.gap_p99_ms, "99th percentile; null below 100 of them");
  v("gap_max_ms", t.gap_max_ms, "largest");
  v.derived("ttft_ms", t.ttft_ms(), "first_ns - sent_ns");
  v.derived("total_ms", t.total_ms(), "last_ns - sent_ns");
  v.derived("prefill_tok_s", t.prefill_tok_s(), "uncached prompt tokens / TTFT; null where most came from a cache");
  v.derived("decode_tok_s", t.decode_tok_s(), "(output_tokens - first_tokens) / (last_ns - first_ns)");
}

template <class V>
void visit(V& v, Is<Estimate> auto& e) {
  v("median", e.median, "median");
  v("low", e.low, "lower end of its interval, an order statistic; the least value where coverage is below 0.95");
  v("high", e.high, "upper end; the greatest value");
  v("n", e.n, "independent values: rounds, blocks or pairs");
  v("coverage", e.coverage,
    "share of such intervals that hold the true median; below 0.95 they are a range of n values");
}

template <class V>
void visit_agreement(V& v, auto& p) {
  v.derived("top1", p.top1_share(), "share of the positions where both choose the same token");
  v("kl", p.kl_mean, "mean of KL(reference || engine), nats");
  v("max_abs", p.max_abs, "largest difference of a logit");
  v("bound", p.bound, "what max_abs is held against: tried on this model and text");
  v("positions", p.positions, "positions compared");
  v("unexplained", p.unexplained, "other top-1 although the reference's gap is beyond twice the bound");
  v.derived("holds", std::optional(p.holds()), "max_abs <= bound, nothing unexplained, rms_times <= 1.5");
  v("top1_equal", p.top1_equal, "positions where both choose the same token");
  v("rms", p.rms, "root mean square difference of all logits");
  v("kl_max", p.kl_max, "largest KL of a position, nats");
  v("tried_rms", p.tried_rms, "root mean square of what the rounding that the engine states did when it was tried");
  v.derived("rms_times", p.rms_times(), "rms over tried_rms: so many times the rounding that it states");
}

template <class V>
void visit(V& v, Is<Agreement> auto& p) {
  visit_agreement(v, p);
}

template <class V>
void visit(V& v, Is<SelfAgreement> auto& p) {
  v("tokens", p.tokens, "of the text");
  v("positions", p.positions, "the last ones, one by one against one batch");
  v("top1_equal", p.top1_equal, "positions where both ways choose the same token");
  v("max_abs", p.max_abs, "largest difference of a logit");
  v("rms", p.rms, "root mean square difference of all logits");
  v("bound", p.bound, "what max_abs is held against; 0: every bit must be equal");
  v("tried_rms", p.tried_rms, "what rms is held against, times 1.5, where bits may differ");
  v.derived("holds", std::optional(p.holds()), "within the bound and the rms");
}

// The agreement itself is that of the prefill; holds: in decode and against itself too.
template <class V>
void visit(V& v, Is<Parity> auto& p) {
  visit_agreement(v, p);
  v("bound_spread", p.spread, "how far the two tries of the rounding lie apart, as a share of their rms");
  v.nullable("nearer_to", p.nearer_to, "a model wrong by less than rounding to which the logits lie nearer");
  v("decode", p.decode, "the last positions of the text one by one");
  v("self", p.self, "the engine against itself at the workload's length");
}

template <class V>
void visit(V& v, Is<host::HostFacts> auto& f) {
  v("chip", f.chip, "as the system calls it");
  v("architecture", f.architecture, "x86_64, arm64");
  v("cores", f.cores, "logical ones that assay may use");
  v("memory_bytes", f.memory_bytes, "of the machine or the container's limit");
  v("cache_bytes", f.cache_bytes, "largest cache of a core; 0: not told");
  v("os", f.os, "operating system");
  v("kernel", f.kernel, "kernel");
  v("power_source", f.power_source, "ac, battery or unknown");
  v.nullable("machine_id", f.machine_id, "hash of the system's own id of this installation");
  v.nullable("microcode", f.microcode, "of the CPU");
  v.nullable("hypervisor", f.hypervisor, "that this machine is a guest of");
  v.nullable("smt", f.smt, "whether cores run two threads: on, off, notsupported");
  v.added("numa_nodes", f.numa_nodes, "0: not told");
  v.added("caches_bytes", f.caches_bytes, "all last-level caches of the cores together; 0: not told");
}

template <class V>
void visit(V& v, Is<Delay> auto& d) {
  v("p50_ms", d.p50_ms, "median");
  v("p99_ms", d.p99_ms, "99th percentile");
  v("max_ms", d.max_ms, "largest");
  v("samples", d.samples, "how many");
}

template <class V>
void visit(V& v, Is<Foreground> auto& f) {
  v("timer", f.timer, "lateness of a thread that asks to be woken every 5 ms");
  v("pages", f.pages, "time in which a thread touches 16 pages of its own and 16 fresh ones");
}

template <class V>
void visit(V& v, Is<Noise> auto& n) {
  v("others_cpu_cores", n.others_cpu_cores, "cores kept busy by other processes");
  v("stolen_cores", n.stolen_cores, "cores taken by other guests of the hardware");
  v("cpu_stall", n.cpu_stall, "share of the time in which some task waited for a core");
  v("memory_stall", n.memory_stall, "share of the time in which some task waited for memory");
  v("mhz", n.mhz, "mean clock of the cores");
  v("celsius", n.celsius, "hottest CPU sensor seen");
  v("pressure", n.pressure, "memory pressure, worst seen");
}

template <class V>
void visit(V& v, Is<Energy> auto& e) {
  v("j_per_token", e.j_per_token, "joules of the whole chip, idle power included, per output token");
  v("j_per_prompt_token", e.j_per_prompt_token, "of the time to the first token, per uncached prompt token");
  v("j_per_output_token", e.j_per_output_token, "of the time behind it, per output token behind the first");
  v("watts", e.watts, "mean power");
  v("source", e.source, "what was read");
  v("reason", e.reason, "why there is no figure");
}

template <class V>
void visit(V& v, Is<MemoryUse> auto& m) {
  v("weights", m.weights, "bytes");
  v("kv", m.kv, "bytes of keys and values");
  v("scratch", m.scratch, "bytes of everything else");
}

template <class V>
void visit(V& v, Is<Memory> auto& m) {
  v("peak_bytes", m.peak_bytes, "largest footprint of the engine's processes; 0: not told");
  v("source", m.source, "which count of which processes");
  v("device_peak_bytes", m.device_peak_bytes,
    "largest use of the accelerator's memory by these processes; 0: none or not told");
  v.added("harness_bytes", m.harness_bytes, "of assay itself, taken off peak_bytes where it shares the process");
  v("predicted", m.predicted, "before anything was loaded, for the row's requests");
  v("accounted", m.accounted, "what the engine said that it holds, after its rounds");
  v("swap_in_bytes", m.swap_in_bytes, "whole machine, during the row's requests");
  v("swap_out_bytes", m.swap_out_bytes, "whole machine, during the row's requests");
  v.added("load_swap_out_bytes", m.load_swap_out_bytes, "whole machine, while the engine was loaded");
  v.added("swapped_bytes", m.swapped_bytes, "of the engine's processes, in swap at the end of their rounds");
  v("swap_known", m.swap_known, "whether the machine tells swap");
}

template <class V>
void visit(V& v, Is<Border> auto& b) {
  v("total_us_per_call", b.total_us_per_call, "a forward pass as assay sees it; decoding, one pass is one token");
  v("engine_us_per_call", b.engine_us_per_call, "of that inside the engine, by the worker's clock");
  v("calls", b.calls, "forward passes");
}

template <class V>
void visit(V& v, Is<Way> auto& w) {
  v("name", w.name, "what is different");
  v("settings", w.settings, "as the row's");
  v.nullable("reason", w.reason, "why it was not measured to the end");
  v("gives_prefill", w.gives_prefill, "the row's TTFT and prefill speed are this way's");
  v("gives_decode", w.gives_decode, "all else of the row is this way's");
  v("ttft_ms", w.ttft_ms, "over rounds");
  v("prefill_tok_s", w.prefill_tok_s, "over rounds");
  v("decode_tok_s", w.decode_tok_s, "over rounds");
  v("memory_peak_bytes", w.memory_peak_bytes, "0: not told");
  v("rounds", w.rounds, "every request");
}

template <class V>
void visit(V& v, Is<ContextPoint> auto& p) {
  v("depth", p.depth, "tokens of the prompt");
  v("reason", p.reason, "why it was left out; empty: measured");
  v("ttft_ms", p.ttft_ms, "over rounds");
  v("prefill_tok_s", p.prefill_tok_s, "over rounds");
  v("decode_tok_s", p.decode_tok_s, "behind that prompt, over rounds");
  v("share_of_limit", p.share_of_limit, "as the row's, at this depth");
  v.added("kv_bytes_per_token", p.kv_bytes_per_token, "keys and values that one decoded token reads; 0: not known");
  v("memory_peak_bytes", p.memory_peak_bytes, "0: not told");
  v.added("device_peak_bytes", p.device_peak_bytes, "of the accelerator; 0: none or not told");
  v("cold", p.cold, "the first request of this depth, which is none of the rounds");
  v("rounds", p.rounds, "every request");
}

template <class V>
void visit(V& v, Is<StreamPoint> auto& p) {
  v("streams", p.streams, "requests sent at once");
  v("reason", p.reason, "why it was left out; empty: measured");
  v("total_tok_s", p.total_tok_s,
    "output speed with prefill: all output tokens / (first sent to last token), over rounds");
  v("decode_tok_s", p.decode_tok_s, "of one stream: medians of rounds");
  v("ttft_ms", p.ttft_ms, "medians of rounds");
  v("ttft_ms_p99", p.ttft_ms_p99, "over all requests; null below 100");
  v("ttft_ms_max", p.ttft_ms_max, "over all requests");
  v("memory_peak_bytes", p.memory_peak_bytes, "0: not told");
  v("cold", p.cold, "one of the first requests sent together, which are none of the rounds");
  v("rounds", p.rounds, "every request, round by round");
}

template <class V>
void visit(V& v, Is<OpenLoop> auto& o) {
  v("rate_per_s", o.rate_per_s, "requests per second, Poisson");
  v("sent", o.sent, "requests");
  v("failed", o.failed, "of them refused or failed");
  v("ttft_ms", o.ttft_ms, "from the planned moment: medians of blocks of neighbours");
  v("decode_tok_s", o.decode_tok_s, "of one request: medians of blocks of neighbours");
  v("ttft_ms_p95", o.ttft_ms_p95, "over all requests; null below 20");
  v("ttft_ms_p99", o.ttft_ms_p99, "over all requests; null below 100");
  v("ttft_ms_max", o.ttft_ms_max, "over all requests");
  v("late", o.late, "of our own sends against their plan");
  v.nullable("reason", o.reason, "why these figures say nothing");
  v.added("requests", o.requests, "those that ended well, in the order of their plan");
}

template <class V>
void visit(V& v, Is<DriftPoint> auto& p) {
  v("at_s", p.at_s, "end of the request, seconds since the soak began");
  v("decode_tok_s", p.decode_tok_s, "of this request");
  v("ttft_ms", p.ttft_ms, "of this request");
  v("mhz", p.mhz, "mean clock");
  v("celsius", p.celsius, "hottest CPU sensor");
  v("watts", p.watts, "since the point before");
  v("memory_stall", p.memory_stall, "share of the time since the point before");
  v("others_cpu_cores", p.others_cpu_cores, "since the point before");
  v("swap_in_bytes", p.swap_in_bytes, "since the point before");
  v("swap_out_bytes", p.swap_out_bytes, "since the point before");
  v("memory_bytes", p.memory_bytes, "of the engine's processes; 0: not told");
}

template <class V>
void visit(V& v, Is<Drift> auto& d) {
  v("seconds", d.seconds, "length");
  v("requests", d.requests, "how many");
  v("prompt_tokens", d.prompt_tokens, "of each");
  v("output_tokens", d.output_tokens, "of each");
  v("first_tenth_tok_s", d.first_tenth_tok_s, "median decode speed in the first tenth of the time");
  v("last_tenth_tok_s", d.last_tenth_tok_s, "in the last");
  v("ratio", d.ratio, "last over first");
  v("slope_percent_per_minute", d.slope_percent_per_minute, "of the first tenth's speed, over pairs of blocks");
  v("reason", d.reason, "why it ended early or says nothing");
  v("points", d.points, "evenly thinned to at most 2000");
}

template <class V>
void visit(V& v, Is<MatrixSettings> auto& s) {
  v("prompt_tokens", s.prompt_tokens, "of a request");
  v("output_tokens", s.output_tokens, "of a request");
  v("rounds", s.rounds, "after the cold one");
  v("seed", s.seed, "of order, prompts and intervals");
  v("timeout_ns", s.timeout_ns, "of one request");
  v("budget_s", s.budget_s, "of one request; an engine that needs more gets shorter ones");
  v("cached_rows", s.cached_rows, "whether there are rows with cached prompts");
  v("sweep_context", s.sweep_context, "prompt lengths");
  v("sweep_streams", s.sweep_streams, "requests at once");
  v("sweep_rounds", s.sweep_rounds, "of each point");
  v("soak_s", s.soak_s, "seconds for each engine; 0: none");
  v("arrivals_per_s", s.arrivals_per_s, "open loop; 0: none");
  v("arrivals_s", s.arrivals_s, "length of the open-loop part");
  v("parity_positions", s.parity_positions, "0: none");
  v("parity_budget_s", s.parity_budget_s, "of the reference");
}

template <class V>
void visit(V& v, Is<LoadOptions> auto& o) {
  v("model", o.model, "as it was named; empty: the shipped one");
  v("shape", o.shape, "random weights in this shape");
  v("config", o.config, "or in the shape of this config.json");
  v("quant", o.quant, "type of the random weights");
  v("shape_seed", o.shape_seed, "of the random weights");
  v("context", o.context, "0: the model's");
  v("threads", o.threads, "0: one per core");
  v("batch", o.batch, "most tokens in one forward pass");
  v("kv", o.kv, "type of keys and values");
  v("engines", o.engines, "chosen by name; empty: all");
}

template <class V>
void visit(V& v, Is<Artifact> auto& a) {
  v("path", a.path, "of the file or folder");
  v("sha256", a.sha256, "what sha256sum prints");
  v("quant", a.quant, "the type of most bytes");
  v("bytes", a.bytes, "of all tensors");
  v("bytes_per_token", a.bytes_per_token, "read for one decoded token, without keys and values");
  v.nullable("synthesized", a.synthesized, "shape and seed of random weights");
}

template <class V>
void visit(V& v, Is<Ceilings> auto& c) {
  v("read_gb_s", c.read_gb_s, "all threads, memory far beyond the caches");
  v("int8_gmac_s", c.int8_gmac_s, "all threads, 8-bit multiply-adds in registers");
  v("device_gb_s", c.device_gb_s, "of an NVIDIA GPU, where a row runs on one: reading its memory");
  v.added("read_pattern", c.read_pattern, "how the best read");
  v.added("int8_path", c.int8_path, "which instructions multiplied");
  v.added("device_cache_bytes", c.device_cache_bytes, "L2 of that GPU; 0: no row runs on one");
  v.added("device_pattern", c.device_pattern, "how the GPU read best");
  v("cores_missing", c.cores_missing, "cores that the probe's threads did not get: the machine was busy");
}

template <class V>
void visit(V& v, Is<CeilingRound> auto& c) {
  v("round", c.round, "the round of the engines beside it; 0: the cold one");
  v("depth", c.depth, "of the context sweep that the round belongs to; 0: to the rounds proper");
  v("at_s", c.at_s, "seconds since the measurement began");
  v("ceilings", c.ceilings, "as they were then");
}

template <class V>
void visit(V& v, Is<SoakTurn> auto& t) {
  v("row", t.row, "index in rows");
  v("at_s", t.at_s, "seconds since the soaks began");
  v("seconds", t.seconds, "length");
}

template <class V>
void visit(V& v, Is<Environment> auto& e) {
  v("assay_version", e.assay_version, "");
  v("assay_build", e.assay_build, "compiler");
  v.nullable("assay_commit", e.assay_commit, "of the sources");
  v.nullable("compiler_flags", e.compiler_flags, "of the program as a whole");
  v("accelerators", e.accelerators, "name, memory, driver");
  v("governor", e.governor, "of the CPU clock; empty: not told");
  v("idle", e.idle, "the foreground probe before anything ran");
  v("noise", e.noise, "and the machine meanwhile");
  v("idle_watts", e.idle_watts, "and its power");
  v("energy_source", e.energy_source, "what tells energy");
  v("energy_reason", e.energy_reason, "why nothing does");
}

template <class V>
void visit(V& v, Is<Row> auto& r) {
  auto& s = r.subject;
  v("engine", s.engine, "name of the engine");
  v("device", s.device, "cpu, cuda, metal");
  v("version", s.version, "of the engine");
  v("build", s.build, "of the engine");
  v("status", r.status, "refused: could not be started; failed: broke off");
  v.nullable("reason", r.reason, "of a status that is not ok");
  v("prompts", r.prompts, "fresh: no cache helps; cached: all but the last token is cached");
  v("prompt_tokens", r.prompt_tokens, "of this row's requests");
  v("output_tokens", r.output_tokens, "of this row's requests");
  v.nullable("adapted", r.adapted, "why they differ from the workload's");
  v("load_s", r.load_s, "from asking for the engine to its being ready");
  v("ttft_ms", r.ttft_ms, "request handed over to first token");
  v("prefill_tok_s", r.prefill_tok_s, "uncached prompt tokens / TTFT");
  v.nullable("prefill_reason", r.prefill_reason, "why there is none");
  v("marginal_prefill_tok_s", r.marginal_prefill_tok_s, "1 / slope of TTFT over prompt length in the context sweep");
  v("decode_tok_s", r.decode_tok_s, "output speed behind the first token");
  v("total_ms", r.total_ms, "request handed over to last token");
  v("gap_ms", r.gap_ms, "a request's median time between tokens, over rounds");
  v.added("between_tokens", r.between_tokens, "all times between tokens of all rounds");
  v("drift", r.drift, "over a long session");
  v("parity", s.parity, "logits against the reference");
  v.nullable("parity_reason", s.parity_reason, "why there is none");
  v.derived("memory_peak_bytes", r.memory.peak_bytes == 0 ? not_told : static_cast<double>(r.memory.peak_bytes),
            "memory.peak_bytes");
  v.derived("swap_delta_bytes", r.memory.swap_known ? static_cast<double>(r.memory.swap_out_bytes) : not_told,
            "memory.swap_out_bytes");
  v.derived("energy_j_per_token", r.energy.j_per_token, "energy.j_per_token");
  v.derived("share_of_limit", share_of_limit(r), "limit_share.median");
  v("limit_share", r.share_of_limit, "per round: weights and keys and values read per second over the read ceiling");
  v.nullable("share_reason", r.share_reason, "why there is none");
  v.added("kv_bytes_per_token", r.kv_bytes_per_token,
          "keys and values that one decoded token reads at the mean depth; 0: not known");
  v("context", s.context, "positions that one sequence may reach");
  v("sequences", s.sequences, "that may live at once");
  v("threads", s.threads, "on the CPU; 0: not told");
  v("batch", s.batch, "most tokens in one forward pass; 0: not told");
  v("kv", s.kv, "type of keys and values");
  v("activations", s.activations, "what a quantized matrix's input is rounded to");
  v("text_only", s.text_only, "token counts are estimates, no parity");
  v("settings", s.settings, "whatever else moves speed");
  v.added("way", s.way,
          "of several in which the engine is run, in a row of its own until the run is finished; else empty");
  v("notes", s.notes, "what the engine says of this model");
  v.derived("others_cpu_cores", r.noise.others_cpu_cores, "noise.others_cpu_cores");
  v.derived("noisy", noisy(r.noise), "whether something else took the machine");
  v("noise", r.noise, "what else the machine did");
  v("memory", r.memory, "as the system counts it");
  v("energy", r.energy, "as the chip counts it");
  v("foreground", r.foreground, "an editor beside the model");
  v("border", r.border, "cost of the process border");
  v("first", r.first, "the very first request, a short one");
  v("cold_round", r.cold, "round 0, the first of full length");
  v("rounds", r.rounds, "every other request");
  v.added("ways", r.ways, "in which the engine was run beside each other; empty: one way");
  v("context_sweep", r.context_sweep, "speed against the length of the prompt");
  v("stream_sweep", r.stream_sweep, "speed against requests at once");
  v("open_loop", r.open_loop, "requests at random moments");
}

template <class V>
void visit(V& v, Is<Resumed> auto& r) {
  v("times", r.times, "how often");
  v("unix_s", r.unix_s, "the last time, seconds since 1970");
  v("after_s", r.after_s, "seconds of the run before that");
}

template <class V>
void visit(V& v, Is<Matrix> auto& m) {
  v.version();
  v("command", m.command, "as it was typed");
  v("started_unix_s", m.started_unix_s, "seconds since 1970");
  v("seconds", m.seconds, "the whole run");
  v.nullable("unfinished", m.unfinished, "why it was stopped before its end; null: it was not");
  v("resumed", m.resumed, "a stopped run that was gone on with");
  v("machine", m.machine, "hardware and system");
  v("environment", m.environment, "before anything ran");
  v("ceilings", m.ceilings, "of the machine: the best that any round saw");
  v.added("ceiling_rounds", m.ceiling_rounds, "each time that they were taken: an entrant of every round");
  v.added("soak_turns", m.soak_turns, "in which the engines took turns in their soaks");
  v.nullable("contract", m.contract, "name; null: the built-in workload");
  v("workload", m.settings, "what was asked of every engine");
  v("load", m.load, "how the model was loaded");
  v("artifact", m.artifact, "the weights");
  v("rows", m.rows, "one for each engine, two with cached prompts");
}

}  // namespace assay::measure::fields
