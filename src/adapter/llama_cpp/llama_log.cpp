#include "adapter/llama_cpp/llama_log.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace assay::adapter {
namespace {

constexpr std::size_t line_max = 400;  // characters; longer lines are cut
constexpr std::size_t errors_max = 4;
constexpr std::size_t warnings_max = 16;

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '~';
}

// "llama_model_load: error loading model: ..." without "llama_model_load: ".
std::string_view without_function(std::string_view line) {
  std::size_t end = 0;
  while (end < line.size() && is_name(line[end])) ++end;
  if (end == 0 || !line.substr(end).starts_with(": ")) return line;
  return line.substr(end + 2);
}

std::uint64_t mebibytes_after(const std::string& line, std::string_view what) {
  const std::size_t at = line.find(what);
  if (at == std::string::npos) return 0;
  const char* begin = line.c_str() + at + what.size();
  char* end = nullptr;  // strtod rather than from_chars: older libc++ has none for floating point
  const double value = std::strtod(begin, &end);
  if (end == begin || !std::string_view(end).starts_with(" MiB") || !(value >= 0) || value > 1e9) return 0;
  return static_cast<std::uint64_t>(std::llround(value * 1024 * 1024));
}

}  // namespace

void LlamaLog::add(Level level, std::string_view text) {
  const std::scoped_lock lock(mutex_);
  if (!line_.empty()) finish_line();  // a line that nobody ended
  level_ = level;
  append(text);
}

void LlamaLog::add_same(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  append(text);
}

void LlamaLog::append(std::string_view text) {
  for (const char c : text) {
    if (c == '\n') {
      finish_line();
    } else if (line_.size() < line_max) {
      line_ += c >= ' ' && c <= '~' ? c : '?';
    }
  }
}

void LlamaLog::finish_line() {
  const std::string_view said = without_function(line_);
  if (level_ == Level::error && !said.empty()) {
    if (errors_.size() == errors_max) errors_.erase(errors_.begin());
    errors_.emplace_back(said);
  }
  if (level_ == Level::warning && !said.empty() && warnings_.size() < warnings_max &&
      std::ranges::find(warnings_, said) == warnings_.end()) {
    warnings_.emplace_back(said);
  }
  buffers_.weights += mebibytes_after(line_, " model buffer size =");
  buffers_.kv += mebibytes_after(line_, " KV buffer size =");
  buffers_.scratch += mebibytes_after(line_, " compute buffer size =");
  buffers_.scratch += mebibytes_after(line_, " output buffer size =");
  line_.clear();
}

std::string LlamaLog::last_words() const {
  const std::scoped_lock lock(mutex_);
  std::string out;
  for (const std::string& error : errors_) {
    // Says nothing beside the lines that say why.
    if (errors_.size() > 1 && error.starts_with("failed to load model")) continue;
    if (!out.empty()) out += "; ";
    out += error;
  }
  return out;
}

std::vector<std::string> LlamaLog::warnings() const {
  const std::scoped_lock lock(mutex_);
  return warnings_;
}

MemoryUse LlamaLog::buffers() const {
  const std::scoped_lock lock(mutex_);
  return buffers_;
}

void LlamaLog::clear() {
  const std::scoped_lock lock(mutex_);
  errors_.clear();
  warnings_.clear();
}

}  // namespace assay::adapter
