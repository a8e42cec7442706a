// What was entered before, kept in a file that only its owner can read.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace assay::cli {

// The file holds one entry a line, oldest first; within an entry a line end is \n and a backslash is \\ . A file written
// by libedit (first line _HiStOrY_V2_) is read too, and rewritten. Several programs may add to one file.
class History final {
 public:
  static constexpr std::size_t entries_max = 1000;

  // file "": nothing is kept. A file that is not there is an empty one.
  explicit History(std::string file);

  // Adds an entry, unless it is the last one again, and appends it to the file at once. Errc::io names the file.
  Result<void> add(const std::string& entry);

  std::size_t size() const { return entries_.size(); }
  const std::string& at(std::size_t i) const { return entries_[i]; }  // 0: the oldest

  // The newest entry before `before` that contains `part`.
  std::optional<std::size_t> find_back(std::string_view part, std::size_t before) const;

 private:
  Result<void> rewrite() const;

  std::string file_;
  std::vector<std::string> entries_;
  bool stale_ = false;  // the file has too many entries, or another form: it is written anew with the next one
};

}  // namespace assay::cli
