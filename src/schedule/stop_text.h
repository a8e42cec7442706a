// Stop strings across token borders: text goes in as it is written and comes out as soon as it cannot be the beginning
// of a stop string any more. The stop itself never comes out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace assay::schedule {

class StopText {
 public:
  // Every text not empty. No texts: everything passes at once.
  explicit StopText(std::vector<std::string> texts) : texts_(std::move(texts)) {}

  struct Out {
    std::string text;      // may be shown now
    bool stopped = false;  // a stop text began right behind it; nothing may be added any more
  };
  // The earliest stop text ends it, wherever its bytes came from. O(held + new) * texts.
  Out push(std::string_view text);

  // Nothing more comes: what was held back could not become a stop text. Empty after a stop.
  std::string rest();

 private:
  std::vector<std::string> texts_;
  std::string held_;  // shorter than the longest text
};

}  // namespace assay::schedule
