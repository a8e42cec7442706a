#include "schedule/live_request.h"

#include <algorithm>
#include <cmath>
#include <utility>

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

// A setting of another kind would be passed over in silence.
Result<void> check_embed(const Request& r, const BackendFacts& facts) {
  if (facts.hidden == 0) {
    return fail(Errc::unsupported,
                "kind: met embed, expected generate: engine " + facts.name + " gives no hidden states");
  }
  if (r.output_tokens_max != 0) return wrong("output_tokens_max", r.output_tokens_max, "0 for kind embed");
  if (!r.stop_tokens.empty()) return wrong("stop_tokens", r.stop_tokens.size(), "none for kind embed");
  if (!r.stop_texts.empty()) return wrong("stop_texts", r.stop_texts.size(), "none for kind embed");
  if (r.grammar != nullptr) return fail(Errc::bad_value, "grammar: met one, expected none for kind embed");
  return {};
}

}  // namespace

Result<void> check_request(const Request& r, const BackendFacts& facts, bool knows_text) {
  if (r.prompt.empty()) return fail(Errc::bad_value, "prompt: met no tokens, expected at least one");
  const bool answers = r.kind == RequestKind::generate;
  if (r.prompt.size() >= facts.context + (answers ? 0 : 1)) {
    return fail(Errc::bad_value, "prompt has " + std::to_string(r.prompt.size()) + " tokens, context holds " +
                                     std::to_string(facts.context) +
                                     (r.prompt.size() == facts.context ? ": no room for an answer" : ""));
  }
  ASSAY_TRY(known_tokens("prompt", r.prompt, facts.vocab));
  if (!answers) return check_embed(r, facts);
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
      kind(r.kind),
      pooling(r.pooling),
      sampling(r.sampling),
      sampler(r.sampling),
      tokens(r.prompt.begin(), r.prompt.end()),
      output_max_(r.output_tokens_max),
      output_min_(r.output_tokens_min),
      stop_tokens_(r.stop_tokens),
      stop_text_(r.stop_texts),
      stream_(detokenize == nullptr ? nullptr : detokenize->start()),
      grammar_(r.grammar) {
  usage.prompt_tokens = static_cast<std::uint32_t>(r.prompt.size());
}

std::span<const Token> LiveRequest::banned() const {
  if (usage.output_tokens >= output_min_) return {};
  return stop_tokens_;
}

std::span<const std::uint32_t> LiveRequest::allowed(std::uint32_t vocab) {
  if (grammar_ == nullptr) return {};
  if (!mask_is_filled_) {
    mask_.assign((vocab + 31) / 32, 0);
    grammar_->fill(mask_);
    mask_is_filled_ = true;
  }
  return mask_;
}

std::uint32_t LiveRequest::guesses_max(std::uint32_t context) const {
  if (!writes()) return 0;
  const auto positions = context - std::min(context, static_cast<std::uint32_t>(tokens.size()));
  return std::min(positions, output_max_ - usage.output_tokens - 1);
}

Result<Written> LiveRequest::write(Token token, std::uint32_t context) {
  Written w;
  if (std::find(stop_tokens_.begin(), stop_tokens_.end(), token) != stop_tokens_.end()) {
    w.shown = false;
    w.finish = Finish::stop_token;
    return w;
  }
  if (grammar_ != nullptr) {
    if (auto taken = grammar_->accept(token); !taken) {
      return std::unexpected(with_context("grammar", std::move(taken.error())));
    }
    mask_is_filled_ = false;
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
  if (grammar_ != nullptr && grammar_->ended()) {
    w.finish = Finish::grammar;
  } else if (usage.output_tokens >= output_max_) {
    w.finish = Finish::length;
  } else if (tokens.size() >= context) {
    w.finish = Finish::context;
  }
  return w;
}

bool LiveRequest::wants_hidden(std::size_t index) const {
  if (kind != RequestKind::embed) return false;
  return pooling.of == Pooling::Of::mean || index + 1 == tokens.size();
}

void LiveRequest::add_hidden(std::span<const float> rows, std::size_t width) {
  hidden_.resize(width);
  for (std::size_t first = 0; first < rows.size();
       first += width) {  // by position: the sum does not depend on the chunks
    for (std::size_t i = 0; i < width; ++i) hidden_[i] += rows[first + i];
    ++pooled_;
  }
}

Result<std::vector<float>> LiveRequest::pooled(std::string_view engine) const {
  double squares = 0;
  for (const double x : hidden_) squares += x / pooled_ * (x / pooled_);
  if (!std::isfinite(squares) || (pooling.normalised && !(squares > 0))) {
    return fail(Errc::engine_lost, "engine " + std::string(engine) + ": hidden states: met a vector " +
                                       (std::isfinite(squares) ? "of length 0" : "with NaN or infinity") +
                                       ", expected finite numbers");
  }
  const double scale = pooling.normalised ? 1 / std::sqrt(squares) : 1;
  std::vector<float> vector(hidden_.size());
  std::ranges::transform(hidden_, vector.begin(), [&](double x) { return static_cast<float>(x / pooled_ * scale); });
  return vector;
}

void LiveRequest::start_again() {
  seq.reset();
  computed = 0;
  hidden_.clear();
  pooled_ = 0;
  guesses.clear();
  ++usage.recomputed;
}

std::string LiveRequest::rest() {
  std::string tail;
  if (stream_) stream_->finish(tail);
  if (usage.output_tokens < output_min_) return tail;
  auto out = stop_text_.push(tail);  // the sign for half a character may complete a stop text, which is never shown
  return out.text + stop_text_.rest();
}

}  // namespace assay::schedule
