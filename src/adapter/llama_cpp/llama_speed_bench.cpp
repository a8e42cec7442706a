// Does the row of llama.cpp say what llama-bench says? The same file, threads and library, in turn: llama-bench, then
// our scheduler over the worker program; pp512 and tg128 as llama-bench defines them.
//
//   llama_speed_bench WORKER LLAMA_BENCH MODEL [ROUNDS [THREADS [DEVICE]]]
//
// Prints each round, the medians, the median of the rounds' ratios, and what the border adds to a token.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "adapter/worker/worker_backend.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/random.h"
#include "schedule/scheduler.h"

namespace assay {
namespace {

constexpr std::uint32_t prompt_tokens = 512;
constexpr std::uint32_t written_tokens = 128;

struct Speed {
  double prefill = 0;  // tok/s
  double decode = 0;
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

Result<Speed> by_llama_bench(const std::string& program, const std::string& model, const std::string& threads,
                             const std::string& device) {
  const std::string command = "'" + program + "' -m '" + model + "' -t " + threads + " -ngl " +
                              (device == "cpu" ? "0" : "99") +
                              " -p 512 -n 128 -r 1 -b 512 -ub 512 -fa 1 -o json 2>/dev/null";
  std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  if (!pipe) return fail(Errc::io, command);
  std::string text;
  for (int c = std::fgetc(pipe.get()); c != EOF; c = std::fgetc(pipe.get())) text += static_cast<char>(c);
  const auto json = parse_json(text, "llama-bench");
  if (!json) return std::unexpected(json.error());
  Speed speed;
  for (const Json& row : *json) (row.value("n_gen", 0) > 0 ? speed.decode : speed.prefill) = row.value("avg_ts", 0.0);
  if (speed.prefill <= 0 || speed.decode <= 0) return fail(Errc::bad_value, "llama-bench measured nothing");
  return speed;
}

// Nanoseconds of the token events of one request, after its submission.
Result<std::vector<std::int64_t>> run(schedule::Scheduler& scheduler, const Clock& clock, std::span<const Token> prompt,
                                      std::uint32_t output) {
  Request request;
  request.id = 1;
  request.prompt = prompt;
  request.output_tokens_max = output;
  const std::int64_t start = clock.now_ns();
  ASSAY_TRY(scheduler.submit(request));
  std::vector<std::int64_t> at;
  std::vector<Event> events(16);
  while (true) {
    const auto count = scheduler.poll(events, clock.now_ns() + 60'000'000'000);
    if (!count) return std::unexpected(count.error());
    for (const Event& event : std::span(events).first(*count)) {
      if (event.kind == Event::Kind::token) at.push_back(event.at_ns - start);
      if (event.kind == Event::Kind::failed) return fail(event.error, std::string(scheduler.detail(event).reason));
      if (event.kind == Event::Kind::finished) return at;
    }
  }
}

struct Turn {
  Speed speed;
  double border_us = 0;    // per token: of forward(), what is not the engine's
  double schedule_us = 0;  // per token: what is not forward(): scheduler and sampler
};

Result<Turn> by_worker(schedule::Scheduler& scheduler, const adapter::WorkerBackend& worker, const Clock& clock,
                       Random& random) {
  const auto prompt_of = [&](std::uint32_t count) {
    std::vector<Token> prompt(count);
    for (Token& token : prompt) token = static_cast<Token>(random.below(worker.facts().vocab));
    return prompt;
  };
  Turn turn;
  for (int pass = 0; pass < 2; ++pass) {  // llama-bench warms up with a whole prompt and one token, too
    const auto at = run(scheduler, clock, prompt_of(prompt_tokens), 1);
    if (!at) return std::unexpected(at.error());
    turn.speed.prefill = prompt_tokens / (static_cast<double>(at->front()) * 1e-9);
  }
  worker.border_cost();
  const auto at = run(scheduler, clock, prompt_of(1), written_tokens + 1);
  if (!at) return std::unexpected(at.error());
  const adapter::BorderCost cost = worker.border_cost();
  const double token_ns = static_cast<double>(at->back() - at->front()) / static_cast<double>(at->size() - 1);
  const auto calls = static_cast<double>(cost.calls);
  turn.speed.decode = 1e9 / token_ns;
  turn.border_us = static_cast<double>(cost.total_ns - cost.engine_ns) / calls * 1e-3;
  turn.schedule_us = (token_ns - static_cast<double>(cost.total_ns) / calls) * 1e-3;
  return turn;
}

// A worker of its own, as llama-bench is a process of its own each time: which memory a process was given moves its speed.
Result<Turn> by_new_worker(const adapter::WorkerOptions& options, const Clock& clock, Random& random, bool says_facts) {
  auto worker = adapter::start_worker(options, clock);
  if (!worker) return std::unexpected(worker.error());
  const BackendFacts& facts = (*worker)->facts();
  if (says_facts) std::printf("%s %s: %s\n", facts.name.c_str(), facts.version.c_str(), facts.build.c_str());
  schedule::Scheduler scheduler(**worker, clock, nullptr, {.keep_finished = false});
  return by_worker(scheduler, **worker, clock, random);
}

Result<void> compare(int argc, char** argv) {
  const std::string threads = argc > 5 ? argv[5] : "2";
  const int rounds = argc > 4 ? std::atoi(argv[4]) : 5;
  const std::string device = argc > 6 ? argv[6] : "cpu";
  const SteadyClock clock;
  adapter::WorkerOptions options;
  options.program = argv[1];
  options.load.model = argv[3];
  options.load.device = device;
  options.load.context = prompt_tokens + written_tokens;
  options.load.threads = static_cast<std::uint32_t>(std::atoi(threads.c_str()));
  Random random(1);
  std::vector<Speed> theirs;
  std::vector<Turn> ours;
  for (int round = 0; round < rounds; ++round) {
    for (int turn = 0; turn < 2; ++turn) {  // who is first alternates
      if ((turn + round) % 2 == 0) {
        const auto speed = by_llama_bench(argv[2], argv[3], threads, device);
        if (!speed) return std::unexpected(speed.error());
        theirs.push_back(*speed);
      } else {
        const auto done = by_new_worker(options, clock, random, round == 0);
        if (!done) return std::unexpected(done.error());
        ours.push_back(*done);
      }
    }
    std::printf(
        "round %2d  pp512 llama-bench %7.1f worker %7.1f   tg128 llama-bench %6.2f worker %6.2f   border %.0f us\n",
        round + 1, theirs.back().prefill, ours.back().speed.prefill, theirs.back().decode, ours.back().speed.decode,
        ours.back().border_us);
    std::fflush(stdout);
  }
  const auto line = [&](const char* name, double Speed::* what) {
    std::vector<double> a;
    std::vector<double> b;
    std::vector<double> ratio;
    for (std::size_t i = 0; i < ours.size(); ++i) {
      a.push_back(theirs[i].*what);
      b.push_back(ours[i].speed.*what);
      ratio.push_back(b.back() / a.back());
    }
    std::printf("median %s  llama-bench %7.2f  worker %7.2f  ratio %.4f\n", name, median(a), median(b), median(ratio));
    return median(b);
  };
  line("pp512", &Speed::prefill);
  const double decode = line("tg128", &Speed::decode);
  std::vector<double> border;
  std::vector<double> scheduling;
  for (const Turn& turn : ours) {
    border.push_back(turn.border_us);
    scheduling.push_back(turn.schedule_us);
  }
  std::printf("added to a token of %.0f us: %.0f us by the border, %.0f us by scheduler and sampler\n", 1e6 / decode,
              median(border), median(scheduling));
  return {};
}

}  // namespace
}  // namespace assay

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: llama_speed_bench WORKER LLAMA_BENCH MODEL [ROUNDS [THREADS [DEVICE]]]\n");
    return 2;
  }
  if (const auto done = assay::compare(argc, argv); !done) {
    std::fprintf(stderr, "%s\n", assay::to_string(done.error()).c_str());
    return 1;
  }
  return 0;
}
