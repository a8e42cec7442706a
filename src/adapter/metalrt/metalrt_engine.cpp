#include "adapter/metalrt/metalrt_engine.h"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "adapter/metalrt/worker_link.h"
#include "base/text.h"
#include "engine/event_queue.h"

namespace assay::adapter::metalrt {
namespace {

std::string seconds(std::int64_t ns) {
  const std::int64_t ms = ns / 1'000'000;
  return ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms";
}

struct Waiting {
  RequestId id = 0;
  Generate ask;
};

// The request that the library works on.
struct Running {
  RequestId id = 0;
  std::uint32_t output_tokens_max = 0;
  std::int64_t deadline_ns = 0;  // for the next sign of life
  bool spoke = false;            // a piece has come
  bool told_end = false;         // cancelled: its last event is out, the library has not returned yet
};

class WorkerEngine final : public MetalrtEngine {
 public:
  WorkerEngine(MetalrtOptions options, std::unique_ptr<WorkerLink> link, const Opened& opened, const Clock& clock,
               const schedule::Detokenize& detokenize)
      : options_(std::move(options)), link_(std::move(link)), clock_(clock), detokenize_(detokenize) {
    const auto has = [&](std::string_view capability) {
      return std::ranges::find(opened.capabilities, capability) != opened.capabilities.end();
    };
    raw_ = has("raw");
    counts_ = has("counting");
    facts_.backend.name = "metalrt";
    facts_.backend.version = "ABI 2";
    facts_.backend.build = options_.library + (opened.model.empty() ? "" : " model " + opened.model);
    facts_.backend.device = opened.device.empty() ? "metal" : opened.device;
    facts_.backend.context = opened.context;
    facts_.backend.sequences = 1;
    facts_.backend.notes.emplace_back("text only: token counts are estimates, no parity");
    if (!raw_) facts_.backend.notes.emplace_back("the library puts its own chat template around every prompt");
    if (!raw_ && !has("streaming")) {
      facts_.backend.notes.emplace_back("no streaming: the first piece is the whole answer");
    }
    if (!has("freeing")) facts_.backend.notes.emplace_back("the library cannot free its results: they add up");
    facts_.text_only = true;
    facts_.has_seed = false;
    facts_.has_logits = false;
    facts_.queue_max = options_.requests_max;
  }

  ~WorkerEngine() override { link_->close(options_.stop_timeout_ns); }

  const Facts& facts() const override { return facts_; }

  Result<void> submit(const Request& request) override {
    if (link_->lost()) return std::unexpected(*link_->lost());
    ASSAY_TRY(check(request));
    if (is_live(request.id)) return fail(Errc::bad_value, "request " + std::to_string(request.id) + " is still live");
    if (waiting_.size() + (running_ ? 1 : 0) >= options_.requests_max) {
      return fail(Errc::full, "at most " + std::to_string(options_.requests_max) + " requests may wait");
    }
    Waiting one;
    one.id = request.id;
    const auto text = detokenize_.start();
    for (const Token token : request.prompt) text->push(token, one.ask.prompt);
    text->finish(one.ask.prompt);
    if (one.ask.prompt.empty()) {
      return fail(Errc::bad_value, "the prompt's tokens have no text, and the library takes only text");
    }
    if (one.ask.prompt.size() > prompt_bytes_max) {
      return fail(Errc::bad_value, "the prompt has " + std::to_string(one.ask.prompt.size()) +
                                       " bytes, expected at most " + std::to_string(prompt_bytes_max));
    }
    if (one.ask.prompt.find('\0') != std::string::npos) {
      return fail(Errc::bad_value, "the prompt has a zero byte, which would cut it short in the library");
    }
    one.ask.raw = raw_;
    one.ask.output_tokens_max = std::min<std::uint32_t>(request.output_tokens_max, INT32_MAX);
    one.ask.top_k = request.sampling.top_k;
    one.ask.temperature = request.sampling.temperature;
    one.ask.ignore_eos = request.output_tokens_min >= request.output_tokens_max;
    waiting_.push_back(std::move(one));
    begin_next();
    return {};
  }

  void cancel(RequestId id) override {
    if (const auto found = std::ranges::find(waiting_, id, &Waiting::id); found != waiting_.end()) {
      waiting_.erase(found);
      end(id, Finish::cancelled, {});
      return;
    }
    if (!running_ || running_->id != id || running_->told_end) return;
    end(id, Finish::cancelled, {});
    running_->told_end = true;
    running_->deadline_ns = clock_.now_ns() + options_.cancel_timeout_ns;
    if (!link_->send(Cancel{})) lose_all();
  }

  Result<std::size_t> poll(std::span<Event> events, std::int64_t deadline_ns) override {
    return outgoing_.poll(events, deadline_ns, clock_, [&] {
      if (!running_) return false;
      work(deadline_ns);
      return true;
    });
  }

  EventDetail detail(const Event& event) const override { return outgoing_.detail(event); }

  std::int64_t process_id() const override { return link_->process_id(); }

  Result<std::uint32_t> count_tokens(std::string_view text) override {
    if (!counts_) return fail(Errc::unsupported, "this MetalRT library cannot count tokens");
    if (running_) return fail(Errc::full, "a request runs");
    if (text.size() > prompt_bytes_max || text.find('\0') != std::string_view::npos) {
      return fail(Errc::bad_value, "a text of " + std::to_string(text.size()) + " bytes, expected at most " +
                                       std::to_string(prompt_bytes_max) + " and none of them zero");
    }
    ASSAY_TRY(link_->send(Count{std::string(text)}));
    auto answer = link_->receive(clock_.now_ns() + options_.stall_timeout_ns);
    if (!answer) return std::unexpected(std::move(answer.error()));
    if (!*answer)
      return link_->lose(Errc::engine_lost, "it counts tokens for " + seconds(options_.stall_timeout_ns) + ", killed");
    if (const auto* counted = std::get_if<Counted>(&**answer)) return counted->count;
    if (const auto* failed = std::get_if<Failed>(&**answer)) return std::unexpected(failed->error);
    return link_->lose(Errc::engine_lost, "it broke the protocol: answered count by " + std::string(name(**answer)));
  }

 private:
  static Result<void> check(const Request& request) {
    const auto refuse = [](std::string_view setting) {
      return fail(Errc::unsupported, "metalrt does not take " + std::string(setting));
    };
    const Sampling& s = request.sampling;
    const Sampling off;
    if (request.prompt.empty()) return fail(Errc::bad_value, "the prompt is empty");
    if (request.kind != RequestKind::generate) return refuse("kind embed");
    if (request.grammar != nullptr) return refuse("a grammar");
    if (request.output_tokens_max == 0) return fail(Errc::bad_value, "output_tokens_max is 0, expected at least 1");
    if (request.output_tokens_min != 0 && request.output_tokens_min < request.output_tokens_max) {
      return refuse("a least length below the greatest one");
    }
    if (!request.stop_tokens.empty() && request.output_tokens_min < request.output_tokens_max)
      return refuse("stop tokens");
    if (!request.stop_texts.empty()) return refuse("stop texts");
    if (s.top_p != off.top_p) return refuse("top_p");
    if (s.min_p != off.min_p) return refuse("min_p");
    if (s.typical_p != off.typical_p) return refuse("typical_p");
    if (s.repetition_penalty != off.repetition_penalty) return refuse("repetition_penalty");
    if (s.presence_penalty != 0) return refuse("presence_penalty");
    if (s.frequency_penalty != 0) return refuse("frequency_penalty");
    if (s.dry_multiplier != 0) return refuse("dry_multiplier");
    if (s.xtc_probability != 0) return refuse("xtc_probability");
    if (s.mirostat != 0) return refuse("mirostat");
    if (!s.logit_bias.empty()) return refuse("logit_bias");
    if (s.logprobs != 0 || s.wants_logprob) return refuse("logprobs");
    return {};
  }

  bool is_live(RequestId id) const {
    return (running_ && running_->id == id) || std::ranges::find(waiting_, id, &Waiting::id) != waiting_.end();
  }

  void begin_next() {
    if (running_ || waiting_.empty() || link_->lost()) return;
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    running_ = Running{.id = next.id,
                       .output_tokens_max = next.ask.output_tokens_max,
                       .deadline_ns = clock_.now_ns() + options_.first_piece_timeout_ns};
    if (!link_->send(next.ask)) lose_all();
  }

  void work(std::int64_t deadline_ns) {
    auto message = link_->receive(std::min(deadline_ns, running_->deadline_ns));
    if (!message) return lose_all();
    const std::int64_t now = clock_.now_ns();
    if (!*message) {
      if (now < running_->deadline_ns) return;
      if (running_->told_end) {
        link_->lose(Errc::engine_lost,
                    "it went on " + seconds(options_.cancel_timeout_ns) + " after it was cancelled, killed");
      } else {
        const std::int64_t patience = running_->spoke ? options_.stall_timeout_ns : options_.first_piece_timeout_ns;
        link_->lose(Errc::engine_lost, "it gave nothing for " + seconds(patience) + " and was killed: a hang");
      }
      return lose_all();
    }
    take(**message, now);
  }

  void take(Message& message, std::int64_t now) {
    if (auto* piece = std::get_if<Piece>(&message)) {
      if (running_->told_end) return;  // cancelled: what still comes is nobody's
      running_->spoke = true;
      running_->deadline_ns = now + options_.stall_timeout_ns;
      outgoing_.emit(running_->id, Event::Kind::token, now).text = std::move(piece->text);
      return;
    }
    if (const auto* done = std::get_if<Done>(&message)) {
      const Running ended = *std::exchange(running_, std::nullopt);
      if (!ended.told_end) {
        Usage usage;
        usage.prompt_tokens = done->prompt_tokens;
        usage.output_tokens = done->output_tokens;
        // The library does not say why it stopped: an answer as long as it was allowed to be ended by its length.
        const bool whole = done->output_tokens < ended.output_tokens_max;
        end(ended.id, whole ? Finish::stop_token : Finish::length, usage);
      }
      return begin_next();
    }
    if (const auto* failed = std::get_if<Failed>(&message)) {
      const Running ended = *std::exchange(running_, std::nullopt);
      if (!ended.told_end) fail_request(ended.id, failed->error);
      return begin_next();
    }
    link_->lose(Errc::engine_lost, "it broke the protocol: sent " + std::string(name(message)) + " in generate");
    lose_all();
  }

  void end(RequestId id, Finish how, const Usage& usage) {
    QueuedEvent& out = outgoing_.emit(id, Event::Kind::finished, clock_.now_ns());
    out.event.finish = how;
    out.usage = usage;
  }

  void fail_request(RequestId id, const Error& error) {
    QueuedEvent& out = outgoing_.emit(id, Event::Kind::failed, clock_.now_ns());
    out.event.error = error.code;
    out.reason = error.detail;
  }

  void lose_all() {
    const Error error = *link_->lost();
    if (running_ && !running_->told_end) fail_request(running_->id, error);
    running_.reset();
    for (const Waiting& one : std::exchange(waiting_, {})) fail_request(one.id, error);
  }

  const MetalrtOptions options_;
  const std::unique_ptr<WorkerLink> link_;
  const Clock& clock_;
  const schedule::Detokenize& detokenize_;
  Facts facts_;
  bool raw_ = false;
  bool counts_ = false;
  std::optional<Running> running_;
  std::deque<Waiting> waiting_;
  EventQueue outgoing_;
};

}  // namespace

Result<std::string> find_library(const std::string& option) {
  if (!option.empty()) return option;
  if (const char* variable = std::getenv("ASSAY_METALRT_LIBRARY"); variable != nullptr && *variable != '\0') {
    return std::string(variable);
  }
  const char* home = std::getenv("HOME");
  const std::string place = std::string(home != nullptr ? home : "") + "/Library/RCLI/engines/libmetalrt.dylib";
  std::error_code ignored;
  if (home != nullptr && std::filesystem::exists(place, ignored)) return place;
  return fail(Errc::not_found, "no MetalRT library: looked at " + place + " and $ASSAY_METALRT_LIBRARY (not set)");
}

Result<void> check_chip(std::string_view chip) {
  for (const std::string_view refused : {"Apple M1", "Apple M2"}) {
    if (chip.starts_with(refused) && (chip.size() == refused.size() || chip[refused.size()] == ' ')) {
      return fail(Errc::unsupported, "MetalRT does not run on " + in_quotes(chip) + ": it refuses M1 and M2");
    }
  }
  return {};
}

Result<std::unique_ptr<MetalrtEngine>> open_metalrt(const MetalrtOptions& given, const Clock& clock,
                                                    const schedule::Detokenize& detokenize) {
  MetalrtOptions options = given;
  ASSAY_TRY(check_chip(options.chip));
  auto library = find_library(options.library);
  if (!library) return std::unexpected(std::move(library.error()));
  options.library = std::move(*library);
  std::error_code ignored;
  if (!std::filesystem::exists(options.library, ignored)) {
    return fail(Errc::not_found, options.library + ": no MetalRT library there");
  }
  if (!std::filesystem::is_directory(options.model, ignored)) {
    return fail(Errc::not_found, options.model +
                                     ": no such folder; MetalRT loads a folder with model.safetensors, "
                                     "tokenizer.json and config.json");
  }
  auto link = WorkerLink::start(options.worker, clock, options.stop);
  if (!link) return std::unexpected(std::move(link.error()));
  ASSAY_TRY((*link)->send(Open{protocol_version, options.library, options.model}));
  auto answer = (*link)->receive(clock.now_ns() + options.open_timeout_ns);
  if (!answer) return std::unexpected(std::move(answer.error()));
  if (!*answer) {
    return (*link)->lose(Errc::timeout,
                         "neither library nor model came up within " + seconds(options.open_timeout_ns) + ", killed");
  }
  if (const auto* failed = std::get_if<Failed>(&**answer)) {
    const Error error = failed->error;
    (*link)->close(options.stop_timeout_ns);
    return std::unexpected(error);
  }
  const auto* opened = std::get_if<Opened>(&**answer);
  if (opened == nullptr) {
    return (*link)->lose(Errc::engine_lost, "it broke the protocol: answered open by " + std::string(name(**answer)));
  }
  return std::make_unique<WorkerEngine>(std::move(options), std::move(*link), *opened, clock, detokenize);
}

}  // namespace assay::adapter::metalrt
