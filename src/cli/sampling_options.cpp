#include "cli/sampling_options.h"

namespace assay::cli {

void add_generation_options(CLI::App& command, GenerationOptions& options) {
  Sampling& s = options.sampling;
  command.add_option("-n,--max-tokens", options.max_tokens, "most tokens of an answer")
      ->check([](const std::string& text) { return text == "0" ? "met 0, expected at least 1" : ""; })
      ->capture_default_str();
  command.add_option("--min-tokens", options.min_tokens, "no stop before so many tokens");
  command.add_option("--stop", options.stop, "text that ends an answer and is not shown; may come several times")
      ->allow_extra_args(false);
  const auto add = [&](const char* name, auto& value, const char* help) {
    command.add_option(name, value, help)->capture_default_str()->group("Sampling");
  };
  add("--temp,--temperature", s.temperature, "0: always the most likely token");
  add("--seed", s.seed, "same seed, same engine, same text");
  add("--top-k", s.top_k, "keep the k most likely; 0: off");
  add("--top-p", s.top_p, "keep the fewest whose probability reaches p; 1: off");
  add("--min-p", s.min_p, "keep those with at least this share of the most likely; 0: off");
  add("--typical-p", s.typical_p, "locally typical sampling; 1: off");
  add("--repetition-penalty", s.repetition_penalty, "1: off");
  add("--presence-penalty", s.presence_penalty, "0: off");
  add("--frequency-penalty", s.frequency_penalty, "0: off");
  add("--penalty-window", s.penalty_window, "last tokens that the penalties look at; 0: all");
  add("--dry-multiplier", s.dry_multiplier, "penalty for repeating what came before; 0: off");
  add("--dry-base", s.dry_base, "growth of that penalty with the length of the repeat");
  add("--dry-allowed-length", s.dry_allowed_length, "repeats up to this length are free");
  add("--xtc-probability", s.xtc_probability, "chance to leave out the top choices; 0: off");
  add("--xtc-threshold", s.xtc_threshold, "what counts as a top choice");
  add("--mirostat", s.mirostat, "2: version 2; 0: off");
  add("--mirostat-tau", s.mirostat_tau, "target surprise");
  add("--mirostat-eta", s.mirostat_eta, "learning rate");
}

}  // namespace assay::cli
