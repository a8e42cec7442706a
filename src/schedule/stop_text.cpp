#include "schedule/stop_text.h"

#include <algorithm>
#include <utility>

namespace assay::schedule {

StopText::Out StopText::push(std::string_view text) {
  held_ += text;
  const std::string_view held = held_;
  std::size_t stop = std::string_view::npos;
  for (const auto& s : texts_) stop = std::min(stop, held.find(s));
  if (stop != std::string_view::npos) {
    Out out{held_.substr(0, stop), true};
    held_.clear();
    return out;
  }
  // Keep the longest tail that some stop text begins with.
  std::size_t keep = 0;
  for (const auto& s : texts_) {
    for (std::size_t n = std::min(held.size(), s.size() - 1); n > keep; --n) {
      if (held.ends_with(std::string_view(s).substr(0, n))) keep = n;
    }
  }
  Out out{held_.substr(0, held_.size() - keep), false};
  held_.erase(0, held_.size() - keep);
  return out;
}

std::string StopText::rest() { return std::exchange(held_, {}); }

}  // namespace assay::schedule
