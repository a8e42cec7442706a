// What llama.cpp says through its log callback: its last words when something fails, its warnings, its buffer sizes.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "engine/backend.h"

namespace assay::adapter {

// Bounded; safe from several threads, since ggml's backends log from their own.
class LlamaLog final {
 public:
  enum class Level : std::uint8_t { info, warning, error };

  // Text as the callback brings it: a line, or the beginning of one that add_same() continues (GGML_LOG_LEVEL_CONT).
  void add(Level level, std::string_view text);
  void add_same(std::string_view text);

  // Errors since clear(), the last few, without the name of the C function before each, joined by "; "; empty: none.
  std::string last_words() const;

  // Warnings since clear(), each once.
  std::vector<std::string> warnings() const;

  // Sum of the "... buffer size = ... MiB" lines since the start: model, KV, and compute with output. Zeros where
  // llama.cpp did not say.
  MemoryUse buffers() const;

  void clear();  // forgets errors and warnings

 private:
  void append(std::string_view text);
  void finish_line();

  mutable std::mutex mutex_;
  Level level_ = Level::info;
  std::string line_;
  std::vector<std::string> errors_;
  std::vector<std::string> warnings_;
  MemoryUse buffers_;
};

}  // namespace assay::adapter
