#include "base/progress.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace assay {
namespace {

std::string printf_string(const char* format, auto... values) {
  std::array<char, 128> buffer{};
  const int n = std::snprintf(buffer.data(), buffer.size(), format, values...);
  return {buffer.data(), static_cast<std::size_t>(std::clamp(n, 0, static_cast<int>(buffer.size()) - 1))};
}

}  // namespace

std::string human_bytes(double bytes) {
  constexpr std::array names{"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024) return printf_string("%.0f B", bytes);
  std::size_t index = 0;
  bytes /= 1024;
  while (bytes >= 1024 && index + 1 < names.size()) {
    bytes /= 1024;
    ++index;
  }
  return printf_string(index >= 2 ? "%.2f %s" : "%.1f %s", bytes, names[index]);
}

std::string human_seconds(double seconds) {
  const auto whole = std::llround(seconds);
  if (whole < 60) return printf_string("%lld s", whole);
  if (whole < 3600) return printf_string("%lld min %02lld s", whole / 60, whole % 60);
  return printf_string("%lld h %02lld min", whole / 3600, whole % 3600 / 60);
}

ProgressStyle progress_style(bool silent) {
  if (silent) return ProgressStyle::silent;
  const char* term = std::getenv("TERM");
  const bool draws = term == nullptr || std::string_view(term) != "dumb";
  return draws && ::isatty(STDERR_FILENO) == 1 ? ProgressStyle::bar : ProgressStyle::lines;
}

Progress::Progress(const Clock& clock, ProgressStyle style, std::string title, std::uint64_t total, std::string unit)
    : clock_(clock),
      style_(style),
      title_(std::move(title)),
      total_(total),
      unit_(std::move(unit)),
      start_ns_(clock.now_ns()) {}

Progress::~Progress() { finish(); }

std::string Progress::render(std::uint64_t done, std::int64_t elapsed_ns) const {
  const double seconds = static_cast<double>(elapsed_ns) * 1e-9;
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  const bool bytes = unit_ == "B";
  const bool share_alone = unit_ == "%" && total_ > 0;
  std::string text = title_ + " ";
  if (total_ > 0) {
    const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total_));
    if (style_ == ProgressStyle::bar) {
      constexpr int width = 24;
      const int filled = static_cast<int>(share * width);
      text += "[" + std::string(static_cast<std::size_t>(filled), '#') +
              std::string(static_cast<std::size_t>(width - filled), '.') + "] ";
    }
    text += printf_string(share_alone ? "%3.0f %%" : "%3.0f %% ", share * 100);
  }
  if (share_alone) {
    if (rate > 0 && total_ > done) text += ", " + human_seconds(static_cast<double>(total_ - done) / rate) + " left";
    return text;
  }
  text += bytes ? human_bytes(static_cast<double>(done)) : std::to_string(done) + " " + unit_;
  if (rate > 0) {
    text += bytes ? ", " + human_bytes(rate) + "/s" : printf_string(", %.1f %s/s", rate, unit_.c_str());
    if (total_ > done) text += ", " + human_seconds(static_cast<double>(total_ - done) / rate) + " left";
  }
  return text;
}

void Progress::update(std::uint64_t done) {
  done_ = done;
  if (style_ == ProgressStyle::silent || finished_) return;
  const std::int64_t now = clock_.now_ns();
  const bool bar = style_ == ProgressStyle::bar;
  const std::int64_t first = bar ? 100'000'000 : 1'000'000'000;  // what is done at once needs no word
  const std::int64_t interval = bar ? 100'000'000 : 5'000'000'000;
  const std::int64_t since = last_shown_ns_ < 0 ? now - start_ns_ + interval - first : now - last_shown_ns_;
  if (since < interval) return;
  last_shown_ns_ = now;
  const std::string text = render(done, now - start_ns_);
  std::fprintf(stderr, style_ == ProgressStyle::bar ? "\r%s\x1b[K" : "%s\n", text.c_str());
}

void Progress::begin() {
  if (style_ != ProgressStyle::bar || finished_) return;
  last_shown_ns_ = clock_.now_ns();
  std::fprintf(stderr, "\r%s\x1b[K", render(done_, last_shown_ns_ - start_ns_).c_str());
}

void Progress::finish() {
  if (finished_) return;
  finished_ = true;
  if (style_ == ProgressStyle::bar && last_shown_ns_ >= 0) {
    std::fprintf(stderr, "\r%s\x1b[K\n", render(done_, clock_.now_ns() - start_ns_).c_str());
  }
}

}  // namespace assay
