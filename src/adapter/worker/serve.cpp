#include "adapter/worker/serve.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "adapter/worker/loaded_facts.h"
#include "adapter/worker/plain_text.h"
#include "adapter/worker/wire.h"
#include "base/clock.h"
#include "process/channel.h"
#include "process/shared_memory.h"

namespace assay::adapter {
namespace {

constexpr std::chrono::seconds end_grace{3};            // for the engine to let go when the host is gone
constexpr std::int64_t progress_every_ns = 50'000'000;  // at most 20 messages a second
constexpr std::size_t receive_bytes = 64 << 10;
// The next token's call comes this soon after an answer: to sleep and be woken would take about as long.
constexpr std::int64_t stays_awake_ns = 200'000;

// Runs a call into the engine; what it throws becomes an error. out_of_memory: what std::bad_alloc is called there.
template <class Call>
auto guarded(const char* doing, Errc out_of_memory, Call&& call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return fail(out_of_memory, std::string("out of memory in ") + doing);
  } catch (const std::exception& exception) {
    return fail(Errc::engine_lost, std::string("the engine threw in ") + doing + ": " + exception.what());
  } catch (...) {
    return fail(Errc::engine_lost, std::string("the engine threw something in ") + doing);
  }
}

// Ends this process when the host is gone and the engine does not return: nobody else may be left to kill it.
class EndWithHost final {
 public:
  explicit EndWithHost(int channel) {
    std::thread([state = state_, channel] {
      process::wait_closed(channel);
      std::unique_lock lock(state->mutex);
      if (!state->ended.wait_for(lock, end_grace, [&] { return state->over; })) std::_Exit(3);
    }).detach();  // it may sleep for as long as the process lives
  }
  ~EndWithHost() {
    const std::lock_guard lock(state_->mutex);
    state_->over = true;
    state_->ended.notify_all();
  }
  EndWithHost(const EndWithHost&) = delete;
  EndWithHost& operator=(const EndWithHost&) = delete;

 private:
  struct State {
    std::mutex mutex;  // guards over
    std::condition_variable ended;
    bool over = false;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

class Session final {
 public:
  Session(Descriptor channel, process::SharedMemory memory, const WorkerIdentity& identity, const MakeBackend& make)
      : channel_(std::move(channel)), memory_(std::move(memory)), identity_(identity), make_(make) {}

  // The exit code of the program.
  int run() {
    wire::Hello hello;
    hello.engine = plain_text(identity_.engine, wire::name_bytes_max);
    hello.version = plain_text(identity_.version, wire::name_bytes_max);
    hello.build = plain_text(identity_.build, wire::build_bytes_max);
    if (!send(0, hello)) return 0;
    while (true) {
      auto frame = receive();
      if (!frame) {
        std::fprintf(stderr, "worker: the host: %s\n", to_string(frame.error()).c_str());
        return 1;
      }
      if (!*frame || std::holds_alternative<wire::Close>((*frame)->message)) return 0;
      if (!send((*frame)->call, answer(**frame))) return 0;
    }
  }

 private:
  bool send(std::uint32_t call, const wire::Message& message) {
    out_.clear();
    wire::append(out_, call, message);
    return process::send_all(channel_.number(), out_).has_value();
  }

  // Nothing when the host has closed.
  Result<std::optional<wire::Frame>> receive() {
    while (true) {
      auto frame = wire::read(std::span(in_).subspan(in_begin_), wire::Sender::host);
      if (!frame) return std::unexpected(std::move(frame.error()));
      if (*frame) {
        in_begin_ += (*frame)->bytes;
        return frame;
      }
      in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(in_begin_));
      in_begin_ = 0;
      auto got = process::receive_some(channel_.number(), buffer_, process::Blocking::no);
      for (const std::int64_t start_ns = clock_.now_ns(); got && !got->end && got->bytes == 0;) {
        const bool awake = clock_.now_ns() - start_ns < stays_awake_ns;
        if (awake) std::this_thread::yield();
        got = process::receive_some(channel_.number(), buffer_, awake ? process::Blocking::no : process::Blocking::yes);
      }
      if (!got) return std::unexpected(got.error());
      if (got->end) return std::nullopt;
      in_.insert(in_.end(), buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(got->bytes));
    }
  }

  static wire::Message failed(const Error& error) {
    return wire::Failed{{error.code, error.at, plain_text(error.detail, wire::detail_bytes_max)}};
  }

  wire::Message answer(const wire::Frame& frame) {
    Result<wire::Message> result = fail(Errc::bad_value, std::string(wire::name(frame.message)) + " before load");
    if (const auto* load = std::get_if<wire::Load>(&frame.message)) {
      result = this->load(frame.call, *load);
    } else if (backend_ != nullptr) {
      result = std::visit([&](const auto& message) { return serve(message); }, frame.message);
    }
    return result ? std::move(*result) : failed(result.error());
  }

  Result<wire::Message> load(std::uint32_t call, const wire::Load& message) {
    if (backend_ != nullptr) return fail(Errc::bad_value, "a second load: one worker has one model");
    const auto json = parse_json_unique(message.settings, "load settings");
    if (!json) return std::unexpected(json.error());
    const auto settings = load_settings_from_json(*json);
    if (!settings) return std::unexpected(settings.error());
    std::int64_t told_ns = clock_.now_ns();
    const LoadProgress progress = [&](double share) {
      const std::int64_t now_ns = clock_.now_ns();
      if (now_ns - told_ns < progress_every_ns) return true;
      told_ns = now_ns;
      return send(call, wire::Loading{share >= 0 ? std::min(share, 1.0) : 0.0});
    };
    auto made = guarded("load", Errc::full, [&] { return make_(*settings, progress); });
    if (!made) return std::unexpected(std::move(made.error()));
    if (*made == nullptr) return fail(Errc::bug, "the engine loaded nothing and called it a success");
    LoadedFacts loaded{(*made)->facts(), (*made)->memory()};
    const Json told = to_json(loaded);
    // Told only what the host will believe, so that the error names the engine's key here and not a protocol there.
    ASSAY_TRY(loaded_facts_from_json(told));
    if (std::uint64_t{loaded.facts.vocab} * sizeof(float) > memory_.bytes().size()) {
      return fail(Errc::unsupported, "a vocabulary of " + std::to_string(loaded.facts.vocab) +
                                         " tokens: one row of logits is larger than the shared memory");
    }
    wire::Loaded answer{told.dump()};
    if (answer.facts.size() > wire::facts_bytes_max) return fail(Errc::bug, "facts longer than a message may be");
    backend_ = std::move(*made);
    return answer;
  }

  // The first `count` numbers of the shared memory.
  std::span<float> numbers(std::size_t count) const {
    return {reinterpret_cast<float*>(memory_.bytes().data()), count};
  }

  // Everything that the engine would index by is within its bounds; what breaks the order is the backend's to refuse.
  Result<void> check(const Slot& slot, std::uint32_t embeddings) const {
    const BackendFacts& facts = backend_->facts();
    if (slot.source == Source::embedding && facts.embedding == 0) return {};
    const std::uint32_t most = slot.source == Source::token ? facts.vocab : embeddings;
    if (slot.seq < facts.sequences && slot.pos < facts.context && slot.token >= 0 &&
        static_cast<std::uint32_t>(slot.token) < most) {
      return {};
    }
    return fail(Errc::bad_value, (slot.source == Source::token ? "token " : "embedding ") + std::to_string(slot.token) +
                                     " at position " + std::to_string(slot.pos) + " of sequence " +
                                     std::to_string(slot.seq) + ": expected below " + std::to_string(most) + ", " +
                                     std::to_string(facts.context) + ", " + std::to_string(facts.sequences));
  }

  Result<wire::Message> serve(const wire::Forward& message) {
    const BackendFacts& facts = backend_->facts();
    if (message.slots.size() > facts.batch) {
      return fail(Errc::bad_value,
                  std::to_string(message.slots.size()) + " slots, expected at most " + std::to_string(facts.batch));
    }
    for (const Slot& slot : message.slots) ASSAY_TRY(check(slot, message.embeddings));
    const std::size_t most = memory_.bytes().size() / sizeof(float);
    const auto too_many = [&](std::size_t rows, const char* what) {
      return fail(Errc::bad_value, std::to_string(rows) + " rows " + what + ", expected no more than the " +
                                       std::to_string(memory_.bytes().size()) + " bytes of the shared memory");
    };
    // Facts bound both widths, and the kind's rule the slots: no product overflows.
    if (message.embeddings > most / std::max(facts.embedding, 1U)) return too_many(message.embeddings, "of embeddings");
    Batch batch(message.slots, numbers(std::size_t{message.embeddings} * facts.embedding), message.turns);
    const std::size_t logits = batch.count(Want::logits) * facts.vocab;
    const std::size_t hidden = batch.count(Want::hidden) * facts.hidden;
    if (logits + hidden > most) return too_many(batch.count(Want::logits) + batch.count(Want::hidden), "of results");
    const std::int64_t start_ns = clock_.now_ns();
    ASSAY_TRY(guarded("forward", Errc::engine_lost, [&] { return backend_->start(batch); }));
    const Rows rows{.logits = numbers(logits), .hidden = numbers(logits + hidden).subspan(logits)};
    ASSAY_TRY(guarded("forward", Errc::engine_lost, [&] { return backend_->finish(rows); }));
    return wire::Done{static_cast<std::uint32_t>(batch.count(Want::logits)),
                      static_cast<std::uint32_t>(batch.count(Want::hidden)), clock_.now_ns() - start_ns};
  }

  Result<wire::Message> serve(const wire::Decode& message) {
    std::vector<Draw> draws;
    draws.reserve(message.orders.size());
    for (const auto& [draw, stop] : message.orders) {
      ASSAY_TRY(check({draw.seq, draw.pos, draw.token}, 0));
      draws.push_back(draw);
      draws.back().stop = stop;
    }
    wire::TellDrawn told;
    told.drawn.resize(draws.size() * message.steps);
    const std::int64_t start_ns = clock_.now_ns();
    const auto steps =
        guarded("decode", Errc::engine_lost, [&] { return backend_->decode(draws, message.steps, told.drawn); });
    if (!steps) return std::unexpected(steps.error());
    if (*steps > message.steps) {
      return fail(Errc::engine_lost, "the engine computed " + std::to_string(*steps) + " steps, expected at most " +
                                         std::to_string(message.steps));
    }
    told.steps = static_cast<std::uint32_t>(*steps);
    told.engine_ns = clock_.now_ns() - start_ns;
    return told;
  }

  template <class Call>
  Result<wire::Message> timed(const char* doing, Call&& call) {
    const std::int64_t start_ns = clock_.now_ns();
    ASSAY_TRY(guarded(doing, Errc::engine_lost, call));
    return wire::Done{0, 0, clock_.now_ns() - start_ns};
  }

  Result<wire::Message> serve(const wire::Forget& m) {
    return timed("forget", [&] { return backend_->forget(m.seq, m.from, m.to); });
  }
  Result<wire::Message> serve(const wire::Share& m) {
    return timed("share", [&] { return backend_->share(m.from, m.to, m.upto); });
  }
  Result<wire::Message> serve(const wire::AskMemory&) {
    return guarded("memory", Errc::engine_lost,
                   [&]() -> Result<wire::Message> { return wire::TellMemory{backend_->memory()}; });
  }
  // The reader lets only the host's kinds through, and load and close are dealt with before.
  template <class Other>
  Result<wire::Message> serve(const Other&) {
    return fail(Errc::bug, "a message that nobody serves");
  }

  const Descriptor channel_;
  const process::SharedMemory memory_;
  const WorkerIdentity& identity_;
  const MakeBackend& make_;
  const SteadyClock clock_;
  std::unique_ptr<Backend> backend_;
  std::vector<std::byte> in_;  // received, from in_begin_ on not yet read
  std::size_t in_begin_ = 0;
  std::vector<std::byte> out_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(receive_bytes);
};

}  // namespace

int serve_worker(int argc, char** argv, const WorkerIdentity& identity, const MakeBackend& make) {
  auto channel = argc == 2 && std::string_view(argv[1]) == wire::worker_flag
                     ? process::adopt_channel(wire::worker_socket)
                     : Result<Descriptor>(fail(Errc::bad_value, "started by hand"));
  auto memory = channel ? process::SharedMemory::adopt(wire::worker_memory)
                        : Result<process::SharedMemory>(std::unexpected(channel.error()));
  if (!channel || !memory) {
    std::fprintf(
        stderr,
        "This is a worker of assay: it computes with %s %s (%s), speaks protocol version %d, and is started by\n"
        "assay, not by hand (%s).\n",
        identity.engine.c_str(), identity.version.c_str(), identity.build.c_str(), wire::protocol_version,
        memory.error().detail.c_str());
    return 2;
  }
  // Into a pipe: what an engine printed last is wanted most when it crashes.
  std::setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  try {
    const EndWithHost end_with_host(channel->number());
    return Session(std::move(*channel), std::move(*memory), identity, make).run();
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "worker: %s\n", exception.what());
    return 1;
  }
}

}  // namespace assay::adapter
