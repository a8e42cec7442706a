// Progress of long work: a bar with rate and ETA on a terminal, plain lines elsewhere, nothing with --json.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace assay {

enum class ProgressStyle : std::uint8_t { bar, lines, silent };

// What suits this process: silent if asked, a bar where stderr is a terminal, lines elsewhere.
ProgressStyle progress_style(bool silent);

// One piece of work with a known total. Writes to stderr at most 10 times a second (bar), or after one second
// and then every 5 s (lines).
// Not safe from several threads. Copies nothing it borrows but the title.
class Progress final {
 public:
  // unit: "B" is shown with binary prefixes, "%" as the share alone, anything else as counts. total 0: unknown, no ETA.
  Progress(const Clock& clock, ProgressStyle style, std::string title, std::uint64_t total, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(std::uint64_t done);
  // Shows the bar now, however soon that is: before a first step that may take minutes.
  void begin();
  // Replaces the bar by a last line; called by the destructor if not before.
  void finish();

  // The text that update() shows at this moment, without colour or carriage return; for tests.
  std::string render(std::uint64_t done, std::int64_t elapsed_ns) const;

 private:
  const Clock& clock_;
  const ProgressStyle style_;
  const std::string title_;
  const std::uint64_t total_;
  const std::string unit_;
  std::int64_t start_ns_;
  std::int64_t last_shown_ns_ = -1;
  std::uint64_t done_ = 0;
  bool finished_ = false;
};

// "335.0 MiB", "1.50 GiB", "900 B".
std::string human_bytes(double bytes);
// "43 s", "2 min 05 s", "1 h 03 min".
std::string human_seconds(double seconds);

}  // namespace assay
