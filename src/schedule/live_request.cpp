#include "schedule/live_request.h"

#include <algorithm>

#include "schedule/sampling_limits.h"

namespace assay::schedule {
namespace {

std::unexpected<Error> wrong(const std::string& field, std::size_t met, const std::string& expected) {
  return fail(Errc::bad_value, field + ": met " + std::to_string(met) + ", expected " + expected);
}

Result<void> known_tokens(const char* field, std::span<const Token> tokens, std::uint32_t vocab) {
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] >= 0 && static_cast<std::uint32_t>(tokens[i]) < vocab) continue;
    return fail(Errc::bad_value, std::string(field) + ": met token " + std::to_string(tokens[i]) + " at " +
                                     std::to_string(i) + ", expected 0 to " + std::to_string(vocab - 1));
  }
  return {};
}

}  // namespace

Result<void> check_request(const Request& r, const BackendFacts& facts, bool knows_text) {
  if (r.prompt.empty()) return fail(Errc::bad_value, "prompt: met no tokens, expected at least one");
  if (r.prompt.size() >= facts.context) {
    return fail(Errc::bad_value, "prompt has " + std::to_string(r.prompt.size()) + " tokens, context holds " +
                                     std::to_string(facts.context) +
                                     (r.prompt.size() == facts.context ? ": no room for an answer" : ""));
  }
  ASSAY_TRY(known_tokens("prompt", r.prompt, facts.vocab));
  if (r.output_tokens_max == 0) return wrong("output_tokens_max", 0, "1 or more");
  if (r.output_tokens_min > r.output_tokens_max) {
    return wrong("output_tokens_min", r.output_tokens_min,
                 "at most output_tokens_max, " + std::to_string(r.output_tokens_max));
  }
  if (r.stop_tokens.size() > stop_tokens_max) {
    return wrong("stop_tokens", r.stop_tokens.size(), "at most " + std::to_string(stop_tokens_max));
  }
  ASSAY_TRY(known_tokens("stop_tokens", r.stop_tokens, facts.vocab));
  if (!r.stop_texts.empty() && !knows_text) {
    return fail(Errc::unsupported, "stop_texts: met " + std::to_string(r.stop_texts.size()) +
                                       ", expected none: this engine was given no tokenizer");
  }
  if (r.stop_texts.size() > stop_texts_max) {
    return wrong("stop_texts", r.stop_texts.size(), "at most " + std::to_string(stop_texts_max));
  }
  for (std::size_t i = 0; i < r.stop_texts.size(); ++i) {
    if (r.stop_texts[i].empty() || r.stop_texts[i].size() > stop_text_bytes_max) {
      return wrong("stop_texts " + std::to_string(i), r.stop_texts[i].size(),
                   "1 to " + std::to_string(stop_text_bytes_max) + " bytes");
    }
  }
  return check_sampling(r.sampling, facts.vocab);
}

LiveRequest::LiveRequest(const Request& r, std::uint64_t arrival_order, const Detokenize* detokenize)
    : id(r.id),
      arrival(arrival_order),
      owner(r.owner),
      priority(r.priority),
      sampling(r.sampling),
      sampler(r.sampling),
      tokens(r.prompt.begin(), r.prompt.end()),
      output_max_(r.output_tokens_max),
      output_min_(r.output_tokens_min),
      stop_tokens_(r.stop_tokens),
      stop_text_(r.stop_texts),
      stream_(detokenize == nullptr ? nullptr : detokenize->start()) {
  usage.prompt_tokens = static_cast<std::uint32_t>(r.prompt.size());
}

std::span<const Token> LiveRequest::banned() const {
  if (usage.output_tokens >= output_min_) return {};
  return stop_tokens_;
}

Written LiveRequest::write(Token token, std::uint32_t context) {
  Written w;
  if (std::find(stop_tokens_.begin(), stop_tokens_.end(), token) != stop_tokens_.end()) {
    w.shown = false;
    w.finish = Finish::stop_token;
    return w;
  }
  tokens.push_back(token);
  ++usage.output_tokens;
  if (stream_) stream_->push(token, w.text);
  if (usage.output_tokens >= output_min_) {  // before, a stop text does not end the answer and nothing is held back
    auto out = stop_text_.push(w.text);
    w.text = std::move(out.text);
    if (out.stopped) {
      w.finish = Finish::stop_text;
      stream_.reset();
      return w;
    }
  }
  if (usage.output_tokens >= output_max_) {
    w.finish = Finish::length;
  } else if (tokens.size() >= context) {
    w.finish = Finish::context;
  }
  return w;
}

std::string LiveRequest::rest() {
  std::string tail;
  if (stream_) stream_->finish(tail);
  if (usage.output_tokens < output_min_) return tail;
  auto out = stop_text_.push(tail);  // the sign for half a character may complete a stop text, which is never shown
  return out.text + stop_text_.rest();
}

}  // namespace assay::schedule
