#include "base/log.h"

#include <cstdio>

namespace assay {

void StderrLog::write(LogLevel level, std::string_view line) {
  if (level < least_) return;
  const char* name = level == LogLevel::debug     ? "debug: "
                     : level == LogLevel::info    ? ""
                     : level == LogLevel::warning ? "warning: "
                                                  : "error: ";
  std::string text = "assay: ";
  text += name;
  text += line;
  text += '\n';
  const std::scoped_lock lock(mutex_);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace assay
