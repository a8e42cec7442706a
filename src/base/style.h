// Colour for people: only where a terminal shows it and nobody asked for plain text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace assay {

enum class Colour : std::uint8_t { automatic, always, never };

// Whether what goes to a stream gets colour. automatic: where the stream is a terminal, NO_COLOR is unset or empty,
// CLICOLOR is not 0 and TERM is not "dumb"; CLICOLOR_FORCE (not empty, not 0) makes it so anywhere
// (https://no-color.org, https://bixense.com/clicolors).
bool use_colour(Colour choice, bool is_terminal);

// Wraps text in the codes of a style; returns it as it is where `on` is false.
class Style final {
 public:
  explicit Style(bool on = false) : on_(on) {}
  bool on() const { return on_; }

  std::string bold(std::string_view text) const { return with("1", text); }
  std::string dim(std::string_view text) const { return with("2", text); }
  std::string good(std::string_view text) const { return with("32", text); }
  std::string bad(std::string_view text) const { return with("1;31", text); }
  std::string doubtful(std::string_view text) const { return with("33", text); }
  std::string accent(std::string_view text) const { return with("36", text); }

 private:
  std::string with(std::string_view code, std::string_view text) const;
  bool on_;
};

}  // namespace assay
