// assay parity: logits of direct or an installed engine against the double-precision reference.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>

#include "base/mapped_file.h"
#include "base/npy.h"
#include "cli/interrupt.h"
#include "cli/model_options.h"
#include "cli/outputs.h"
#include "measure/parity_run.h"
#include "model/reference.h"
#include "record/printed.h"
#include "record/record_json.h"

namespace assay::cli {
namespace {

constexpr std::uint32_t self_tokens_default = 512 + measure::decode_steps;  // the matrix's prompt, and what is decoded
constexpr std::size_t text_bytes_max = std::size_t{16} << 20;               // far beyond what the reference can do

struct ParityOptions {
  ModelOptions model;
  std::string text_file;
  std::vector<Token> tokens;
  std::uint32_t positions = 0;
  std::string dump;
  std::string logits_of = "engine";
  std::optional<std::uint32_t> self_tokens;
  bool force = false;
};

Result<std::vector<Token>> tokens_of(const LoadedModel& model, const ParityOptions& options) {
  if (!options.tokens.empty()) {
    for (const Token token : options.tokens) {
      if (token < 0 || static_cast<std::uint32_t>(token) >= model.weights.config.vocab) {
        return fail(Errc::bad_value, "--tokens: " + std::to_string(token) + ", expected 0.." +
                                         std::to_string(model.weights.config.vocab - 1));
      }
    }
    return options.tokens;
  }
  std::string text(measure::standard_text());
  if (!options.text_file.empty()) {
    auto read = read_text_file(options.text_file, text_bytes_max);
    if (!read) return std::unexpected(std::move(read.error()));
    text = std::move(*read);
    if (text.empty()) return fail(Errc::bad_value, options.text_file + ": is empty, expected a text");
  }
  return model.tokenizer->encode(text);
}

// "direct", "llama.cpp 0.3.36 (cpu)".
std::string words(const BackendFacts& facts) {
  return facts.name == "direct" ? facts.name : facts.name + " " + facts.version + " (" + facts.device + ")";
}

Result<void> dump(const Session& session, const LoadedModel& model, const ParityOptions& options,
                  std::span<const Token> tokens, std::span<const std::uint32_t> positions) {
  std::vector<float> values;
  if (options.logits_of == "reference") {
    const auto threads = chosen_threads(options.model.threads);
    if (!threads) return std::unexpected(threads.error());
    device::ThreadPool pool(*threads);
    Progress progress(session.clock, session.progress(), "reference", 100, "%");
    progress.begin();
    const auto logits = model::reference_logits(model.weights, tokens, positions,
                                                {.pool = &pool, .stop = &session.stop}, [&](double share) {
                                                  progress.update(static_cast<std::uint64_t>(share * 100));
                                                  return !session.stop.asked();
                                                });
    progress.finish();
    if (!logits) return std::unexpected(logits.error());
    values.assign(logits->begin(), logits->end());
  } else {
    auto logits = measure::backend_logits(*model.backend, tokens, positions, model.weights.config.vocab);
    if (!logits) return std::unexpected(std::move(logits.error()));
    values = std::move(*logits);
  }
  return write_npy(options.dump, values, positions.size(), model.weights.config.vocab);
}

// The same figures for each way of feeding the text, side by side.
void print_parity(const measure::Parity& parity) {
  const measure::Agreement* decode = parity.decode ? &*parity.decode : nullptr;
  std::printf("          %12s%s\n", "prefill", decode != nullptr ? "        decode, one by one" : "");
  const auto line = [&](const char* name, const char* format, auto value) {
    std::printf("%-10s", name);
    for (const measure::Agreement* each : {static_cast<const measure::Agreement*>(&parity), decode}) {
      if (each != nullptr) std::printf("%*s", each == decode ? 26 : 12, measure::printed(format, value(*each)).c_str());
    }
    std::printf("\n");
  };
  using measure::Agreement;
  line("positions", "%.0f", [](const Agreement& a) { return static_cast<double>(a.positions); });
  line("top-1", "%.2f %%", [](const Agreement& a) { return 100 * a.top1_share(); });
  line("max_abs", "%.4g", [](const Agreement& a) { return a.max_abs; });
  line("bound", "%.4g", [](const Agreement& a) { return a.bound; });
  line("rms", "%.4g", [](const Agreement& a) { return a.rms; });
  line("tried rms", "%.4g", [](const Agreement& a) { return a.tried_rms; });
  line("KL", "%.3g", [](const Agreement& a) { return a.kl_mean; });
  std::printf(
      "the difference is %.2f times the rounding that it states%s; two tries of that rounding lie %.0f %% apart\n",
      parity.rms_times(),
      decode != nullptr ? (", " + measure::printed("%.2f", decode->rms_times()) + " in decode").c_str() : "",
      100 * parity.spread);
  if (parity.self) {
    const measure::SelfAgreement& self = *parity.self;
    std::printf("behind %zu tokens, %zu decoded against one batch: ", self.tokens - self.positions, self.positions);
    if (self.max_abs == 0) {
      std::printf("every bit is equal\n");
    } else {
      std::printf(
          "max_abs %.4g%s\n", self.max_abs,
          self.bound == 0 ? ", every bit must be equal" : (", bound " + measure::printed("%.4g", self.bound)).c_str());
    }
  }
  std::printf("%s\n", parity.holds() ? "holds: rounding explains every difference"
                                     : ("DOES NOT HOLD: " + parity.complaint()).c_str());
}

Result<void> parity(Session& session, ParityOptions& options) {
  if (options.logits_of != "engine" && options.logits_of != "reference") {
    return fail(Errc::bad_value, "--logits-of is \"" + options.logits_of + "\", expected engine or reference");
  }
  ASSAY_TRY(check_output("--dump", options.dump, options.force));
  const Interrupt interrupt(session.stop);
  auto model = load_model(session, options.model, options.tokens.empty() ? Parts::all : Parts::no_tokenizer);
  if (!model) return std::unexpected(std::move(model.error()));
  const LoadedModel& loaded = **model;
  const auto tokens = tokens_of(loaded, options);
  if (!tokens) return std::unexpected(tokens.error());
  const BackendFacts& facts = loaded.backend->facts();
  const auto positions = measure::spread_positions(static_cast<std::uint32_t>(tokens->size()), options.positions);
  if (!options.dump.empty()) {
    ASSAY_TRY(dump(session, loaded, options, *tokens, positions));
    if (session.json) {
      session.print({{"dump", options.dump}, {"rows", positions.size()}, {"vocab", loaded.weights.config.vocab}});
    } else {
      std::printf("%s: (%zu, %u) float32 logits of %s\n", options.dump.c_str(), positions.size(),
                  loaded.weights.config.vocab, options.logits_of == "engine" ? words(facts).c_str() : "the reference");
    }
    return {};
  }
  const auto rounding = measure::rounding_from(facts);
  if (!rounding) return std::unexpected(rounding.error());
  const auto threads = chosen_threads(options.model.threads);
  if (!threads) return std::unexpected(threads.error());
  device::ThreadPool pool(*threads);
  const std::size_t self_tokens = std::min(options.self_tokens.value_or(self_tokens_default), facts.context);
  Progress progress(session.clock, session.progress(), "reference", 100, "%");
  progress.begin();
  const auto result = measure::run_parity(
      *loaded.backend, loaded.weights, *rounding, *tokens, positions,
      [&](double share) {
        progress.update(static_cast<std::uint64_t>(share * 100));
        return !session.stop.asked();
      },
      &pool, &session.stop, self_tokens);
  progress.finish();
  if (!result) return std::unexpected(result.error());
  if (session.json) {
    Json out = measure::to_json(*result);
    out["model"] = loaded.path;
    out["engine"] = facts.name;
    out["version"] = facts.version;
    out["build"] = facts.build;
    out["device"] = facts.device;
    out["activations"] = facts.activations;
    out["kv"] = facts.kv_type;
    out["text_tokens"] = tokens->size();
    session.print(out);
  } else {
    std::printf("%s against the double-precision reference: %zu positions of %zu tokens, vocabulary %u\n",
                words(facts).c_str(), result->positions, tokens->size(), loaded.weights.config.vocab);
    print_parity(*result);
  }
  if (!result->holds()) session.finish(Exit::no);
  return {};
}

}  // namespace

void add_parity(CLI::App& app, Session& session) {
  auto options = std::make_shared<ParityOptions>();
  CLI::App* command = app.add_subcommand("parity", "logits of an engine against the double-precision reference");
  command->footer(
      "Exit code 1 where a difference is beyond its bound.\n"
      "Examples:\n  assay parity --positions 32\n  assay parity --engine llama.cpp\n  assay parity --tokens 1,2,3 "
      "--dump logits.npy");
  add_model_options(*command, options->model);
  add_engine_option(*command, options->model);
  CLI::Option* text =
      command->add_option("--text", options->text_file, "file with the text to compare on (default: a built-in one)");
  command->add_option("--tokens", options->tokens, "token ids instead of a text")
      ->delimiter(',')
      ->check([](const std::string& id) { return id.empty() ? "met nothing, expected ids such as 1,2,3" : ""; })
      ->excludes(text);
  command->add_option("--positions", options->positions, "compare at so many positions, spread evenly (default: all)");
  command->add_option("--self-length", options->self_tokens,
                      "hold the engine against itself on a text of so many tokens: decode behind a prefill against one "
                      "batch (default: 528; 0: not)");
  CLI::Option* dump = command->add_option("--dump", options->dump,
                                          "write the logits as float32 (positions, vocab) to this .npy file instead");
  command->add_flag("--force", options->force, "write over a file that is there")->needs(dump);
  command->add_option("--logits-of", options->logits_of, "what --dump writes: engine or reference")
      ->capture_default_str()
      ->needs(dump);
  command->callback([options, &session] {
    if (const auto done = parity(session, *options); !done) session.fail(done.error());
  });
}

}  // namespace assay::cli
