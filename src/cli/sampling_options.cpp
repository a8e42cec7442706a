#include "cli/sampling_options.h"

#include <array>
#include <initializer_list>
#include <limits>
#include <random>
#include <utility>

#include "cli/number_option.h"
#include "schedule/sampler.h"
#include "schedule/sampling_limits.h"

namespace assay::cli {
namespace {

// Where an option's name is not the setting's with dashes.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> names = {{
    {"sampling temperature", "--temp"},
    {"output_tokens_min", "--min-tokens"},
    {"output_tokens_max", "--max-tokens"},
    {"stop_texts", "--stop"},
    {"sampling ", "--"},
}};

std::string stop_misfit(std::string& text) {
  if (!text.empty() && text.size() <= schedule::stop_text_bytes_max) return "";
  return (text.empty() ? "met an empty text" : "met " + std::to_string(text.size()) + " bytes") +
         ", expected a text of 1 to " + std::to_string(schedule::stop_text_bytes_max) + " bytes";
}

}  // namespace

void add_generation_options(CLI::App& command, GenerationOptions& options) {
  Sampling& s = options.sampling;
  add_number(command, "-n,--max-tokens", options.max_tokens, {.least = 1}, "most tokens of an answer")
      ->capture_default_str();
  add_number(command, "--min-tokens", options.min_tokens, {}, "no stop before so many tokens")->capture_default_str();
  command.add_option("--stop", options.stop, "text that ends an answer and is not shown; may come several times")
      ->allow_extra_args(false)
      ->check(CLI::Validator(stop_misfit, ""));
  command
      .add_option("--seed", options.seed,
                  "of the random choice: same seed, same engine, same text; a new one each time where it is not given")
      ->transform(CLI::Validator([](std::string& text) { return misfit(text, WholeRange{}); }, describe(WholeRange{})))
      ->type_name("UINT")
      ->group("Sampling");
  const auto whole = [&](const char* name, std::uint32_t& value, WholeRange range, const char* help) {
    add_number(command, name, value, range, help)->capture_default_str()->group("Sampling");
  };
  const auto real = [&](const char* name, float& value, RealRange range, const char* help) {
    add_number(command, name, value, range, help)->capture_default_str()->group("Sampling");
  };
  const RealRange share{.least = 0, .most = 1};
  const RealRange penalty{.least = -schedule::penalty_max, .most = schedule::penalty_max};
  real("--temp,--temperature", s.temperature, {.least = 0, .most = schedule::temperature_max},
       "0: always the most likely token");
  whole("--top-k", s.top_k, {}, "keep the k most likely; 0: off");
  real("--top-p", s.top_p, share, "keep the fewest whose probability reaches p; 1: off");
  real("--min-p", s.min_p, share, "keep those with at least this share of the most likely; 0: off");
  real("--typical-p", s.typical_p, share, "locally typical sampling; 1: off");
  real("--repetition-penalty", s.repetition_penalty,
       {.least = 0, .most = schedule::repetition_penalty_max, .above_least = true}, "1: off");
  real("--presence-penalty", s.presence_penalty, penalty, "0: off");
  real("--frequency-penalty", s.frequency_penalty, penalty, "0: off");
  whole("--penalty-window", s.penalty_window, {}, "last tokens that the penalties look at; 0: all");
  real("--dry-multiplier", s.dry_multiplier, {.least = 0, .most = schedule::dry_multiplier_max},
       "penalty for repeating what came before; 0: off");
  real("--dry-base", s.dry_base, {.least = 1, .most = schedule::dry_base_max},
       "growth of that penalty with the length of the repeat");
  whole("--dry-allowed-length", s.dry_allowed_length, {.least = 1}, "repeats up to this length are free");
  real("--xtc-probability", s.xtc_probability, share, "chance to leave out the top choices; 0: off");
  real("--xtc-threshold", s.xtc_threshold, {.least = 0, .most = schedule::xtc_threshold_max},
       "what counts as a top choice");
  command.add_option("--mirostat", s.mirostat, "2: version 2; 0: off")
      ->check(CLI::IsMember(std::vector<std::string>{"0", "2"}))
      ->capture_default_str()
      ->group("Sampling");
  real("--mirostat-tau", s.mirostat_tau, {.least = 0, .most = schedule::mirostat_tau_max, .above_least = true},
       "target surprise");
  real("--mirostat-eta", s.mirostat_eta, share, "learning rate");
}

Result<void> check_generation(const GenerationOptions& options) {
  if (options.min_tokens > options.max_tokens) {
    return fail(Errc::bad_value, "--min-tokens: met " + std::to_string(options.min_tokens) +
                                     ", expected at most --max-tokens, " + std::to_string(options.max_tokens));
  }
  if (options.stop.size() > schedule::stop_texts_max) {
    return fail(Errc::bad_value, "--stop: met " + std::to_string(options.stop.size()) + " texts, expected at most " +
                                     std::to_string(schedule::stop_texts_max));
  }
  auto done = schedule::check_sampling(options.sampling, std::numeric_limits<std::uint32_t>::max());
  if (!done) return std::unexpected(with_option_names(std::move(done.error())));
  return {};
}

Error with_option_names(Error error) {
  for (const auto& [theirs, ours] : names) {
    if (!error.detail.starts_with(theirs)) continue;
    error.detail.replace(0, theirs.size(), ours);
    const auto end = error.detail.find_first_of(": ");
    for (std::size_t i = 0; i < end && i < error.detail.size(); ++i) {
      if (error.detail[i] == '_') error.detail[i] = '-';
    }
    break;
  }
  return error;
}

std::uint64_t chosen_seed(const GenerationOptions& options) {
  return options.seed ? *options.seed : std::random_device()();
}

void refuse_idle_settings(const CLI::App& command, const GenerationOptions& options) {
  const Sampling& s = options.sampling;
  const auto needs = [&](std::initializer_list<const char*> idle, bool used, const char* what) {
    for (const char* name : idle) {
      const CLI::Option* option = command.get_option(name);
      if (option->count() == 0 || used) continue;
      throw CLI::ValidationError(std::string(name) + " " + option->results().front() + " changes nothing without " +
                                 what);
    }
  };
  const bool draws = s.temperature > 0;
  needs({"--top-k", "--top-p", "--min-p"}, draws, "--temp above 0: the most likely token is taken each time");
  const bool penalises = s.repetition_penalty != 1 || s.presence_penalty != 0 || s.frequency_penalty != 0;
  needs({"--penalty-window"}, penalises, "a penalty");
  needs({"--dry-base", "--dry-allowed-length"}, s.dry_multiplier > 0, "--dry-multiplier");
  needs({"--xtc-threshold"}, s.xtc_probability > 0, "--xtc-probability");
  needs({"--mirostat-tau", "--mirostat-eta"}, s.mirostat != 0, "--mirostat");
}

}  // namespace assay::cli
