// Lines for the operator. Libraries get a Log by reference and never write to stderr themselves.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace assay {

enum class LogLevel : std::uint8_t { debug, info, warning, error };

class Log {
 public:
  virtual ~Log() = default;
  virtual void write(LogLevel level, std::string_view line) = 0;
};

// "assay: warning: line" on stderr; lines below `least` are dropped. Safe from several threads.
class StderrLog final : public Log {
 public:
  explicit StderrLog(LogLevel least) : least_(least) {}
  void write(LogLevel level, std::string_view line) override;

 private:
  const LogLevel least_;
  std::mutex mutex_;  // guards the order of whole lines on stderr
};

// Drops everything.
class NoLog final : public Log {
 public:
  void write(LogLevel, std::string_view) override {}
};

}  // namespace assay
