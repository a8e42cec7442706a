#include "adapter/upstream/upstream_engine.h"

#include <algorithm>
#include <array>
#include <deque>
#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "adapter/upstream/server_facts.h"
#include "base/text.h"
#include "engine/event_queue.h"

namespace assay::adapter::upstream {
namespace {

constexpr std::size_t error_body_bytes_max = 64 << 10;  // of a reply that is no success
constexpr RequestId probe_id = std::numeric_limits<RequestId>::max();
constexpr std::size_t ended_kept = 256;  // requests whose wire times are still known

struct Live {
  RequestId id = 0;
  ExchangeId exchange = 0;
  StreamParser parser{StreamFormat::events};
  StreamFormat format{};
  bool by_tokens = false;           // the prompt went as ids
  std::uint64_t prompt_tokens = 0;  // sent; 0: not known
  bool prompt_exact = false;        // counted in the server's vocabulary
  std::vector<Token> stop_tokens;
  std::uint32_t output_tokens_max = 0;

  int status = 0;
  std::string content_type;
  std::string location;
  std::string error_body;
  std::string answer;               // kept only where it must be counted
  std::optional<QueuedEvent> held;  // a token without text: an end token looks like it until the next message
  std::uint32_t events = 0;         // token events given
  std::uint32_t chunks = 0;         // pieces of text or tokens that came
  std::uint32_t counted = 0;        // tokens of the pieces so far, in our vocabulary
  std::optional<Finish> finish;
  Token end_token = -1;
  SeenUsage usage;
  WireTimes times;
  bool ended = false;
};

class HttpEngine final : public UpstreamEngine {
 public:
  HttpEngine(UpstreamOptions options, ServerFacts server, std::unique_ptr<HttpClient> client, const Clock& clock,
             const schedule::Detokenize* detokenize, CountTokens count_tokens)
      : options_(std::move(options)),
        server_(std::move(server)),
        can_(abilities(options_.kind)),
        client_(std::move(client)),
        clock_(clock),
        detokenize_(detokenize),
        count_tokens_(std::move(count_tokens)) {
    facts_.backend.name = name(options_.kind);
    facts_.backend.version = server_.version;
    facts_.backend.build = to_string(options_.http.url) + (server_.model.empty() ? "" : " model " + server_.model);
    facts_.backend.device = "upstream";
    facts_.backend.context = server_.context;
    facts_.backend.sequences = server_.sequences;
    facts_.backend.vocab = server_.vocabulary != 0 ? server_.vocabulary : options_.vocabulary;
    facts_.backend.notes = server_.notes;
    facts_.text_only = !can_.token_ids;
    facts_.has_logits = false;
    facts_.queue_max = options_.requests_max;
    if (facts_.text_only) {
      facts_.backend.notes.emplace_back(
          "text only: the server tokenizes the prompt itself and its own usage counts the tokens");
    }
    if (!can_.min_output) {
      facts_.backend.notes.emplace_back("an answer may end before its length: the server has no way to forbid that");
    }
  }

  const Facts& facts() const override { return facts_; }

  Result<void> submit(const Request& request) override {
    if (request.prompt.empty()) return fail(Errc::bad_value, "the prompt is empty");
    if (request.kind != RequestKind::generate) {
      return fail(Errc::unsupported, facts_.backend.name + " does not take kind embed");
    }
    if (request.grammar != nullptr) return fail(Errc::unsupported, facts_.backend.name + " does not take a grammar");
    if (!can_.token_ids && !request.stop_tokens.empty()) {
      return fail(Errc::unsupported, facts_.backend.name + " does not take stop tokens");
    }
    const std::uint64_t needed = request.prompt.size() + 1;
    if (facts_.backend.context != 0 && needed > facts_.backend.context) {
      return fail(Errc::bad_value, "the prompt has " + std::to_string(request.prompt.size()) +
                                       " tokens, the server's context holds " + std::to_string(facts_.backend.context));
    }
    Ask asking = base_of(request.sampling, request.output_tokens_max, request.stop_texts);
    std::string text;
    Live live = blank(request.id, request.output_tokens_max);
    if (can_.token_ids) {
      asking.tokens = request.prompt;
      // What has no limit of its own is kept from ending; a shorter least length cannot be told to the server.
      asking.no_early_end = request.output_tokens_min >= request.output_tokens_max;
      if (request.output_tokens_min != 0 && !asking.no_early_end) {
        return fail(Errc::unsupported, facts_.backend.name + " does not take a least length below the greatest one");
      }
      live.by_tokens = true;
      live.prompt_tokens = request.prompt.size();
      live.prompt_exact = true;
      live.stop_tokens = request.stop_tokens;
    } else {
      if (detokenize_ == nullptr) return fail(Errc::unsupported, "a prompt of tokens needs a tokenizer here");
      const auto stream = detokenize_->start();
      for (const Token token : request.prompt) stream->push(token, text);
      stream->finish(text);
      if (text.empty())
        return fail(Errc::bad_value, "the prompt's tokens have no text, and the server takes only text");
      asking.text = text;
      live.prompt_tokens = request.prompt.size();
      ASSAY_TRY(count_prompt(text, live));
    }
    return send(asking, std::move(live));
  }

  Result<void> submit_text(const TextRequest& request) override {
    Ask asking = base_of(request.sampling, request.output_tokens_max, request.stop_texts);
    asking.text = request.text;
    asking.chat = request.chat;
    if (request.text.empty() == (request.chat == nullptr)) {
      return fail(Errc::bad_value, "expected either text or a conversation");
    }
    Live live = blank(request.id, request.output_tokens_max);
    if (request.chat == nullptr) ASSAY_TRY(count_prompt(request.text, live));
    return send(asking, std::move(live));
  }

  void cancel(RequestId id) override {
    Live* live = find(id);
    if (live == nullptr) return;
    client_->stop(live->exchange);
    finish(*live, Finish::cancelled);
    retire();
  }

  Result<std::size_t> poll(std::span<Event> events, std::int64_t deadline_ns) override {
    return outgoing_.poll(events, deadline_ns, clock_, [&] {
      if (live_.empty()) return false;
      work(deadline_ns);
      return true;
    });
  }

  EventDetail detail(const Event& event) const override { return outgoing_.detail(event); }

  Result<Probe> probe(std::int64_t timeout_ns) override {
    const std::int64_t began = clock_.now_ns();
    const std::int64_t deadline = began + timeout_ns;
    TextRequest request;
    request.id = probe_id;
    request.text = "1, 2, 3,";
    request.output_tokens_max = 1;
    ASSAY_TRY(submit_text(request));
    Probe probe;
    for (;;) {
      work(std::min(deadline, clock_.now_ns() + look_for_stop_ns));
      const std::int64_t now = clock_.now_ns();
      for (const QueuedEvent& mine : outgoing_.take(probe_id)) {
        if (mine.event.kind == Event::Kind::failed) return fail(mine.event.error, "probe: " + mine.reason);
        probe.text += mine.text;
        if (mine.event.kind != Event::Kind::finished) continue;
        if (mine.usage.output_tokens == 0) return fail(Errc::engine_lost, "probe: the server answered without a token");
        probe.took_ns = now - began;
        return probe;
      }
      if (asked(options_.stop)) {
        cancel(probe_id);
        outgoing_.take(probe_id);
        return fail(Errc::cancelled, "probe: stopped on request");
      }
      if (now >= deadline) {
        cancel(probe_id);
        outgoing_.take(probe_id);
        return fail(Errc::timeout, "probe: no token within " + std::to_string(timeout_ns / 1'000'000) +
                                       " ms: " + to_string(options_.http.url) + " takes requests and does not answer");
      }
    }
  }

  std::optional<WireTimes> wire_times(RequestId id) const override {
    const auto live = std::ranges::find(live_, id, &Live::id);
    if (live != live_.end()) return live->times;
    const auto ended = std::ranges::find(ended_, id, &std::pair<RequestId, WireTimes>::first);
    return ended == ended_.end() ? std::nullopt : std::optional(ended->second);
  }

 private:
  Ask base_of(const Sampling& sampling, std::uint32_t output_tokens_max, std::span<const std::string> stops) const {
    Ask asking;
    asking.sampling = &sampling;
    asking.output_tokens_max = output_tokens_max;
    asking.stop_texts = stops;
    asking.model = server_.model;
    asking.context = server_.context;
    asking.keep_alive = options_.keep_alive;
    return asking;
  }

  static Live blank(RequestId id, std::uint32_t output_tokens_max) {
    Live live;
    live.id = id;
    live.output_tokens_max = output_tokens_max;
    return live;
  }

  Result<void> count_prompt(std::string_view text, Live& live) const {
    if (!count_tokens_) return {};
    const auto count = count_tokens_(text);
    if (!count) return std::unexpected(with_context("counting the prompt", count.error()));
    live.prompt_tokens = *count;
    live.prompt_exact = options_.kind != Kind::openai;  // behind that may be any model: its vocabulary is its own
    return {};
  }

  Result<void> send(const Ask& asking, Live live) {
    if (live.output_tokens_max == 0) return fail(Errc::bad_value, "output_tokens_max is 0, expected at least 1");
    if (find(live.id) != nullptr) return fail(Errc::bad_value, "request " + std::to_string(live.id) + " is still live");
    if (live_.size() >= options_.requests_max && live.id != probe_id) {
      return fail(Errc::full, std::to_string(live_.size()) + " requests are under way, at most " +
                                  std::to_string(options_.requests_max) + " may be");
    }
    auto asked = ask(options_.kind, asking);
    if (!asked) return std::unexpected(std::move(asked.error()));
    live.format = asked->format;
    live.parser = StreamParser(asked->format);
    HttpRequest request;
    request.method = HttpRequest::Method::post;
    request.path = std::move(asked->path);
    request.body = std::move(asked->body);
    request.accept = asked->format == StreamFormat::events ? "text/event-stream" : "application/x-ndjson";
    live.exchange = client_->start(std::move(request));
    live_.push_back(std::move(live));
    return {};
  }

  Live* find(RequestId id) {
    const auto found = std::ranges::find_if(live_, [&](const Live& live) { return live.id == id && !live.ended; });
    return found == live_.end() ? nullptr : &*found;
  }

  void work(std::int64_t deadline_ns) {
    http_events_.clear();
    client_->poll(http_events_, deadline_ns);
    for (HttpEvent& event : http_events_) {
      const auto live =
          std::ranges::find_if(live_, [&](const Live& one) { return one.exchange == event.exchange && !one.ended; });
      if (live != live_.end()) take(*live, event);
    }
    retire();
  }

  void take(Live& live, HttpEvent& event) {
    switch (event.kind) {
      case HttpEvent::Kind::sent:
        live.times.sent_ns = event.at_ns;
        return;
      case HttpEvent::Kind::head:
        live.status = event.status;
        live.content_type = std::move(event.content_type);
        live.location = std::move(event.location);
        return;
      case HttpEvent::Kind::body:
        if (!is_stream(live)) {
          live.error_body.append(event.bytes, 0, error_body_bytes_max - live.error_body.size());
          return;
        }
        if (auto pushed = live.parser.push(event.bytes); !pushed) return lose(live, pushed.error());
        return take_messages(live, event.at_ns);
      case HttpEvent::Kind::done:
        return take_end(live, event.at_ns);
      case HttpEvent::Kind::failed:
        // What a server says before it closes is worth more than that it closed.
        if (live.status != 0 && live.status != 200) {
          return lose(live,
                      error_of(live.status, live.content_type, live.location, live.error_body, live.prompt_tokens));
        }
        return lose(live, event.error);
    }
  }

  bool is_stream(const Live& live) const {
    if (live.status != 200) return false;
    if (live.format == StreamFormat::events) return live.content_type == "text/event-stream";
    return live.content_type == "application/x-ndjson" || live.content_type == "application/json";
  }

  void take_messages(Live& live, std::int64_t at_ns) {
    while (!live.ended && live.parser.next(message_)) {
      auto message = read_message(options_.kind, message_);
      if (!message) return lose(live, message.error());
      take_message(live, *message, at_ns);
    }
  }

  void take_end(Live& live, std::int64_t at_ns) {
    if (!is_stream(live)) {
      return lose(live, error_of(live.status, live.content_type, live.location, live.error_body, live.prompt_tokens));
    }
    if (auto end = live.parser.finish(); !end) return lose(live, end.error());
    take_messages(live, at_ns);
    if (live.ended) return;
    // OpenAI's [DONE] is left out by some servers: a finish reason is an end as well.
    if (live.finish && live.format == StreamFormat::events) return conclude(live);
    lose(live, {Errc::truncated, 0,
                "the stream ended after " + std::to_string(live.chunks) + " pieces of text without saying why"});
  }

  void take_message(Live& live, Message& message, std::int64_t at_ns) {
    const auto merge = [](std::optional<std::uint32_t>& old, const std::optional<std::uint32_t>& seen) {
      if (seen) old = seen;
    };
    merge(live.usage.prompt_tokens, message.usage.prompt_tokens);
    merge(live.usage.cached_tokens, message.usage.cached_tokens);
    merge(live.usage.output_tokens, message.usage.output_tokens);
    if (message.finish) live.finish = message.finish;
    if (live.by_tokens) {
      take_tokens(live, message, at_ns);
    } else if (!message.text.empty()) {
      note_content(live, at_ns);
      if (count_tokens_) {
        live.answer += message.text;
        // Counted piece by piece: only how much of the answer came when is read from it.
        if (const auto count = count_tokens_(message.text)) live.counted += static_cast<std::uint32_t>(*count);
      }
      QueuedEvent& out = emit(live, Event::Kind::token, at_ns);
      out.text = std::move(message.text);
      out.usage.output_tokens = live.counted;
    }
    if (live.ended || !message.last) return;
    conclude(live);
  }

  static void note_content(Live& live, std::int64_t at_ns) {
    ++live.chunks;
    if (live.times.content_ns == 0) live.times.content_ns = at_ns;
    live.times.last_ns = at_ns;
  }

  // One event per token. A token without text waits for the next message: if that says that an end token came, this was
  // it, and it is no output.
  void take_tokens(Live& live, Message& message, std::int64_t at_ns) {
    const bool at_end_token = message.finish == Finish::stop_token && message.tokens.empty();
    if (live.held && at_end_token) {
      live.end_token = live.held->event.token;
      live.held.reset();
    }
    release(live);
    // Ids of an unfinished character are not sent with the stream, but counted. At an end token it cannot be told which.
    const std::uint32_t known = live.events + static_cast<std::uint32_t>(message.tokens.size());
    const bool counted = message.finish != Finish::stop_token && message.finish != Finish::stop_text;
    if (counted && message.so_far && *message.so_far <= live.output_tokens_max) {
      for (std::uint32_t i = known; i < *message.so_far; ++i) emit(live, Event::Kind::token, at_ns);
    }
    if (message.tokens.empty() && !message.text.empty()) {
      note_content(live, at_ns);
      emit(live, Event::Kind::token, at_ns).text = std::move(message.text);
      return;
    }
    for (std::size_t i = 0; i < message.tokens.size(); ++i) {
      SeenToken& seen = message.tokens[i];
      if (std::ranges::find(live.stop_tokens, seen.token) != live.stop_tokens.end()) {
        client_->stop(live.exchange);
        live.end_token = seen.token;
        live.usage.output_tokens = live.events;
        live.finish = Finish::stop_token;
        return conclude(live);
      }
      note_content(live, at_ns);
      QueuedEvent out;
      out.event.request = live.id;
      out.event.at_ns = at_ns;
      out.event.kind = Event::Kind::token;
      out.event.token = seen.token;
      out.event.logprob = seen.logprob;
      out.alternatives = std::move(seen.alternatives);
      if (i + 1 == message.tokens.size()) out.text = std::move(message.text);
      live.held = std::move(out);
      if (!live.held->text.empty() || i + 1 < message.tokens.size()) release(live);
    }
  }

  void release(Live& live) {
    if (!live.held) return;
    ++live.events;
    outgoing_.append(std::move(*live.held));
    live.held.reset();
  }

  QueuedEvent& emit(Live& live, Event::Kind kind, std::int64_t at_ns) {
    if (kind == Event::Kind::token) ++live.events;
    return outgoing_.emit(live.id, kind, at_ns);
  }

  // The server said that the answer is whole.
  void conclude(Live& live) {
    release(live);
    if (!live.finish) {
      return lose(live, {Errc::engine_lost, 0, "the stream ended without a reason for the end"});
    }
    const std::uint32_t counted = live.usage.prompt_tokens.value_or(0);
    // Counted in another vocabulary, a prompt may be somewhat shorter; half of it is gone only when it was cut.
    const bool cut = live.usage.prompt_tokens && (live.prompt_exact ? counted < live.prompt_tokens
                                                                    : std::uint64_t{counted} * 2 < live.prompt_tokens);
    if (cut) {
      return lose(live, {Errc::bad_value, 0,
                         "the prompt was cut: " + std::to_string(live.prompt_tokens) +
                             " tokens were sent, the server counted " + std::to_string(counted)});
    }
    if (!live.by_tokens && !live.usage.output_tokens) {
      if (!count_tokens_) {
        return lose(live,
                    {Errc::engine_lost, 0, "the server gave no usage, and pieces of text are no count of tokens"});
      }
      const auto count = count_tokens_(live.answer);
      if (!count) return lose(live, with_context("counting the answer", count.error()));
      live.usage.output_tokens = static_cast<std::uint32_t>(*count);
    }
    finish(live, *live.finish);
  }

  void finish(Live& live, Finish how) {
    if (how == Finish::cancelled) release(live);
    QueuedEvent& out = emit(live, Event::Kind::finished, clock_.now_ns());
    out.event.finish = how;
    out.event.token = live.end_token;
    out.usage.prompt_tokens = live.usage.prompt_tokens.value_or(static_cast<std::uint32_t>(live.prompt_tokens));
    out.usage.cached_tokens = std::min(live.usage.cached_tokens.value_or(0), out.usage.prompt_tokens);
    out.usage.output_tokens = live.by_tokens ? live.events : live.usage.output_tokens.value_or(0);
    end(live);
  }

  void lose(Live& live, const Error& error) {
    client_->stop(live.exchange);
    release(live);
    QueuedEvent& out = emit(live, Event::Kind::failed, clock_.now_ns());
    out.event.error = error.code;
    out.reason = facts_.backend.name + ": " + error.detail;
    end(live);
  }

  void end(Live& live) {
    live.ended = true;
    ended_.emplace_back(live.id, live.times);
    if (ended_.size() > ended_kept) ended_.pop_front();
  }

  void retire() {
    std::erase_if(live_, [](const Live& live) { return live.ended; });
  }

  const UpstreamOptions options_;
  const ServerFacts server_;
  const Abilities can_;
  const std::unique_ptr<HttpClient> client_;
  const Clock& clock_;
  const schedule::Detokenize* const detokenize_;
  const CountTokens count_tokens_;
  Facts facts_;
  std::deque<Live> live_;
  EventQueue outgoing_;
  std::deque<std::pair<RequestId, WireTimes>> ended_;
  std::vector<HttpEvent> http_events_;  // memory reused, as the next
  std::string message_;
};

}  // namespace

Result<std::unique_ptr<UpstreamEngine>> open_upstream(const UpstreamOptions& options, const Clock& clock,
                                                      const schedule::Detokenize* detokenize,
                                                      CountTokens count_tokens) {
  const std::string place = std::string(name(options.kind)) + " at " + to_string(options.http.url);
  auto client = make_http_client(options.http, clock);
  if (!client) return std::unexpected(with_context(place, std::move(client.error())));
  auto server = read_server_facts(options, **client, clock);
  if (!server) return std::unexpected(with_context(place, std::move(server.error())));
  return std::make_unique<HttpEngine>(options, std::move(*server), std::move(*client), clock, detokenize,
                                      std::move(count_tokens));
}

}  // namespace assay::adapter::upstream
