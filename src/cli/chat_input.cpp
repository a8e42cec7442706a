#include "cli/chat_input.h"

namespace assay::cli {
namespace {

constexpr std::string_view quotes = "\"\"\"";

}  // namespace

std::optional<std::string> unfinished(std::string_view text) {
  if (text.starts_with(quotes) && text.find(quotes, quotes.size()) == std::string_view::npos) {
    return std::string(text) + "\n";
  }
  if (text.ends_with('\\')) return std::string(text.substr(0, text.size() - 1)) + "\n";
  return std::nullopt;
}

std::string message_of(std::string_view text) {
  const auto trim_end = [&] {
    const auto last = text.find_last_not_of(" \t\n");
    text = last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
  };
  if (!text.starts_with(quotes)) {
    trim_end();
    return std::string(text);
  }
  const auto close = text.find(quotes, quotes.size());
  if (close != std::string_view::npos) {
    const std::string_view behind = text.substr(close + quotes.size());
    if (behind.find_first_not_of(" \t\n") != std::string_view::npos) return std::string(text);  // the text's own quotes
    text = text.substr(0, close);
  }
  text.remove_prefix(quotes.size());
  if (text.starts_with('\n')) text.remove_prefix(1);
  trim_end();
  return std::string(text);
}

std::string_view command_word(std::string_view text) {
  if (!text.starts_with('/') || text.find('\n') != std::string_view::npos) return {};
  const std::string_view word = text.substr(0, text.find_first_of(" \t"));
  if (word.size() < 2) return {};
  for (const char c : word.substr(1)) {
    if (c != '?' && c != '!' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')) return {};
  }
  return word;
}

}  // namespace assay::cli
