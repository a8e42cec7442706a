#define PCRE2_CODE_UNIT_WIDTH 8

#include "tokenizer/regex.h"

#include <pcre2.h>

#include <array>
#include <vector>

namespace assay {
namespace {

constexpr std::uint32_t steps_max = 20'000'000;              // of one search; ordinary ones need a few per byte
constexpr std::uint32_t heap_kib_max = 64 * 1024;            // backtracking memory of the interpreter
constexpr std::size_t jit_stack_max = std::size_t{1} << 20;  // above it the interpreter takes over
constexpr std::size_t pattern_bytes_max = 64 * 1024;
constexpr std::size_t class_depth_max = 16;

// White_Space, and Oniguruma's word characters; written as members of a class.
constexpr std::string_view space_members =
    "\\x{09}-\\x{0D}\\x{20}\\x{85}\\x{A0}\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}\\x{3000}";
constexpr std::string_view word_members =
    "\\p{L}\\p{Nl}\\p{M}\\p{Nd}\\p{Pc}\\x{B2}\\x{B3}\\x{B9}\\x{BC}-\\x{BE}\\x{24B6}-\\x{24E9}\\x{1F130}-\\x{1F149}"
    "\\x{1F150}-\\x{1F169}\\x{1F170}-\\x{1F189}";
constexpr std::string_view hex_members = "0-9A-Fa-f";

class Translator {
 public:
  explicit Translator(std::string_view in) : in_(in) {}

  Result<std::string> run() {
    while (at_ < in_.size()) {
      const char c = in_[at_];
      if (c == '\\') {
        ASSAY_TRY(escape());
      } else if (c == '[') {
        atom_ = out_.size();
        std::string text;
        ASSAY_TRY(char_class(text, 0));
        out_ += text;
      } else if (c == '(') {
        open_.push_back(out_.size());
        ASSAY_TRY(group());
      } else if (c == ')') {
        if (!open_.empty()) {
          atom_ = open_.back();
          open_.pop_back();
        }
        out_ += c;
        ++at_;
      } else if (c == '{') {
        repeat();
      } else {
        if (c != '*' && c != '+' && c != '?' && (static_cast<unsigned char>(c) & 0xC0U) != 0x80) atom_ = out_.size();
        out_ += c;
        ++at_;
      }
    }
    return std::move(out_);
  }

 private:
  std::unexpected<Error> refuse(std::string_view what) const {
    return fail(Errc::unsupported, "regular expression '" + std::string(in_) + "', place " + std::to_string(at_) +
                                       ": " + std::string(what) + " is not done");
  }

  Result<void> escape() {
    if (at_ + 1 >= in_.size()) {
      out_ += in_[at_++];  // PCRE2 names the error
      return {};
    }
    const char c = in_[at_ + 1];
    atom_ = out_.size();
    const auto put_class = [&](std::string_view members, bool negated) {
      out_ += negated ? "[^" : "[";
      out_ += members;
      out_ += ']';
    };
    const std::string is_word = "[" + std::string(word_members) + "]";
    switch (c) {
      case 's':
      case 'S':
        put_class(space_members, c == 'S');
        break;
      case 'w':
      case 'W':
        put_class(word_members, c == 'W');
        break;
      case 'h':
      case 'H':
        put_class(hex_members, c == 'H');
        break;
      case 'b':
        out_ += "(?:(?<=" + is_word + ")(?!" + is_word + ")|(?<!" + is_word + ")(?=" + is_word + "))";
        break;
      case 'B':
        out_ += "(?:(?<=" + is_word + ")(?=" + is_word + ")|(?<!" + is_word + ")(?!" + is_word + "))";
        break;
      case 'p':
      case 'P':
        return property(out_);
      case 'g':
      case 'k':
      case 'y':
      case 'Y':
      case 'O':
        return refuse(std::string("\\") + c);
      default:
        out_ += in_.substr(at_, 2);
        break;
    }
    at_ += 2;
    return {};
  }

  // \p{..} with Oniguruma's POSIX names as Unicode classes.
  Result<void> property(std::string& out) {
    const std::size_t close = in_.find('}', at_);
    if (at_ + 2 >= in_.size() || in_[at_ + 2] != '{' || close == std::string_view::npos) {
      out += in_.substr(at_, 2);
      at_ += 2;
      return {};
    }
    out += in_.substr(at_, close + 1 - at_);
    at_ = close + 1;
    return {};
  }

  Result<void> group() {
    // (?m) is "dot matches a line end" there, (?s) here.
    out_ += in_[at_++];
    if (at_ >= in_.size() || in_[at_] != '?') return {};
    out_ += in_[at_++];
    if (at_ < in_.size() && in_[at_] == '~') return refuse("an absent group");
    while (at_ < in_.size() && (in_[at_] == 'm' || in_[at_] == 'i' || in_[at_] == 'x' || in_[at_] == '-')) {
      out_ += in_[at_] == 'm' ? 's' : in_[at_];
      ++at_;
    }
    return {};
  }

  void repeat() {
    // {,n} is {0,n}; {n,m}+ repeats the repetition, where PCRE2 would never give back.
    const std::size_t close = in_.find('}', at_);
    const std::string_view inside = close == std::string_view::npos ? "" : in_.substr(at_ + 1, close - at_ - 1);
    const bool counts =
        !inside.empty() && inside.find_first_not_of("0123456789,") == std::string_view::npos && inside != ",";
    if (!counts) {
      atom_ = out_.size();
      out_ += "\\{";
      ++at_;
      return;
    }
    std::string bounds = "{" + std::string(inside.front() == ',' ? "0" : "") + std::string(inside) + "}";
    at_ = close + 1;
    if (at_ < in_.size() && in_[at_] == '+') {
      out_.insert(atom_, "(?:");
      out_ += bounds + ")";
    } else {
      out_ += bounds;
    }
  }

  // A class at '['; appends an expression of one character. `depth` counts the classes around it.
  Result<void> char_class(std::string& out, std::size_t depth) {
    if (depth > class_depth_max) return refuse("a class within more than 16 classes");
    ++at_;
    const bool negated = at_ < in_.size() && in_[at_] == '^';
    if (negated) ++at_;
    std::vector<std::string> operands(1);  // of &&
    bool first = true;
    bool closed = false;
    while (at_ < in_.size()) {
      const char c = in_[at_];
      if (c == ']' && !first) {
        ++at_;
        closed = true;
        break;
      }
      first = false;
      std::string& members = operands.back();
      if (c == '&' && in_.substr(at_).starts_with("&&")) {
        operands.emplace_back();
        at_ += 2;
      } else if (c == '[' && in_.substr(at_).starts_with("[:")) {
        const std::size_t end = in_.find(":]", at_);
        if (end == std::string_view::npos) return refuse("an open POSIX class");
        members += in_.substr(at_, end + 2 - at_);
        at_ = end + 2;
      } else if (c == '[') {
        std::string inner;
        ASSAY_TRY(char_class(inner, depth + 1));
        if (inner.starts_with("[^") && members.empty()) {
          // [[^..]] alone, or the one operand of &&: kept whole.
          members = inner;
          if (at_ < in_.size() && in_[at_] != ']' && !in_.substr(at_).starts_with("&&")) {
            return refuse("a negated class joined to others");
          }
        } else if (inner.starts_with("[^") || !inner.starts_with("[")) {
          return refuse("a negated or intersected class within a class");
        } else {
          members += inner.substr(1, inner.size() - 2);
        }
      } else if (c == '\\' && at_ + 1 < in_.size()) {
        const char e = in_[at_ + 1];
        if (e == 'p' || e == 'P') {
          ASSAY_TRY(property(members));
          continue;
        }
        if (e == 'S' || e == 'W' || e == 'H') {
          if (!members.empty() || at_ + 2 >= in_.size() || in_[at_ + 2] != ']') {
            // PCRE2 has no negated set inside a class but its own, which differ in U+180E and marks.
            members +=
                e == 'H' ? "\\x{00}-\\x{2F}\\x{3A}-\\x{40}\\x{47}-\\x{60}\\x{67}-\\x{10FFFF}" : std::string{'\\', e};
          } else {
            members += std::string("\\") + e;
          }
        } else if (e == 's') {
          members += space_members;
        } else if (e == 'w') {
          members += word_members;
        } else if (e == 'h') {
          members += hex_members;
        } else {
          members += in_.substr(at_, 2);
        }
        at_ += 2;
      } else {
        if (c == '[') members += '\\';
        members += c;
        ++at_;
      }
    }
    if (!closed) return fail(Errc::bad_value, "regular expression '" + std::string(in_) + "': a class is not closed");
    const auto whole = [](const std::string& members) {
      return members.starts_with("[^") ? members : "[" + members + "]";
    };
    if (operands.size() == 1) {
      if (operands[0].starts_with("[^")) {
        out += negated ? "[" + operands[0].substr(2) : operands[0];
      } else {
        out += (negated ? "[^" : "[") + operands[0] + "]";
      }
      return {};
    }
    // a && b: a character of the last that looks like one of the others too.
    std::string both = negated ? "(?:(?!" : "(?:";
    for (std::size_t i = 0; i + 1 < operands.size(); ++i) both += "(?=" + whole(operands[i]) + ")";
    both += whole(operands.back());
    both += negated ? ")(?s:.))" : ")";
    out += both;
    return {};
  }

  std::string_view in_;
  std::size_t at_ = 0;
  std::string out_;
  std::size_t atom_ = 0;           // where the last atom begins in out_
  std::vector<std::size_t> open_;  // where the open groups begin in out_
};

}  // namespace

Result<std::string> to_pcre(std::string_view ruby) {
  if (ruby.size() > pattern_bytes_max) {
    return fail(Errc::unsupported, "a regular expression of " + std::to_string(ruby.size()) + " bytes, at most " +
                                       std::to_string(pattern_bytes_max));
  }
  return Translator(ruby).run();
}

struct Regex::Code {
  pcre2_code* code = nullptr;
  Code() = default;
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  ~Code() { pcre2_code_free(code); }
};

struct RegexScratch::State {
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);  // only the whole match is wanted
  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack* stack = pcre2_jit_stack_create(32 * 1024, jit_stack_max, nullptr);

  State() {
    ASSAY_ASSERT(data != nullptr && context != nullptr);
    pcre2_set_match_limit(context, steps_max);
    pcre2_set_heap_limit(context, heap_kib_max);
    if (stack != nullptr) pcre2_jit_stack_assign(context, nullptr, stack);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
  }
};

RegexScratch::RegexScratch() = default;
RegexScratch::RegexScratch(RegexScratch&&) noexcept = default;
RegexScratch& RegexScratch::operator=(RegexScratch&&) noexcept = default;
RegexScratch::~RegexScratch() = default;

Result<Regex> Regex::compile(std::string_view ruby) {
  const auto translated = to_pcre(ruby);
  if (!translated) return std::unexpected(translated.error());
  int error = 0;
  PCRE2_SIZE place = 0;
  auto code = std::make_shared<Code>();
  const std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
      pcre2_compile_context_create(nullptr), &pcre2_compile_context_free);
  ASSAY_ASSERT(context != nullptr);
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  pcre2_set_parens_nest_limit(context.get(), 128);
  code->code =
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated->data()), translated->size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error, &place, context.get());
  if (code->code == nullptr) {
    std::array<PCRE2_UCHAR, 256> message{};
    pcre2_get_error_message(error, message.data(), message.size());
    return fail(Errc::bad_value, "regular expression '" + std::string(ruby) +
                                     "': " + reinterpret_cast<const char*>(message.data()) + " at " +
                                     std::to_string(place) + " of '" + *translated + "'");
  }
  pcre2_jit_compile(code->code, PCRE2_JIT_COMPLETE);  // without it the interpreter runs, slower
  Regex regex;
  regex.pattern_ = ruby;
  regex.code_ = std::move(code);
  return regex;
}

Regex Regex::literal(std::string_view text) {
  Regex regex;
  regex.pattern_ = text;
  regex.literal_ = text;
  return regex;
}

Result<RegexMatch> Regex::search(std::string_view text, std::size_t from, RegexScratch& scratch) const {
  if (code_ == nullptr) {
    const std::size_t at = literal_.empty() ? std::string_view::npos : text.find(literal_, from);
    if (at == std::string_view::npos) return RegexMatch{};
    return RegexMatch{true, at, at + literal_.size()};
  }
  if (scratch.state_ == nullptr) scratch.state_ = std::make_unique<RegexScratch::State>();
  RegexScratch::State& state = *scratch.state_;
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  int rc = pcre2_match(code_->code, subject, text.size(), from, PCRE2_NO_UTF_CHECK, state.data, state.context);
  if (rc == PCRE2_ERROR_JIT_STACKLIMIT) {
    rc = pcre2_match(code_->code, subject, text.size(), from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, state.data,
                     state.context);
  }
  if (rc == PCRE2_ERROR_NOMATCH) return RegexMatch{};
  if (rc < 0) {
    std::array<PCRE2_UCHAR, 256> message{};
    pcre2_get_error_message(rc, message.data(), message.size());
    return fail(Errc::full, "regular expression '" + pattern_ + "' on a text of " + std::to_string(text.size()) +
                                " bytes: " + reinterpret_cast<const char*>(message.data()));
  }
  const PCRE2_SIZE* place = pcre2_get_ovector_pointer(state.data);
  return RegexMatch{true, place[0], place[1]};
}

}  // namespace assay
