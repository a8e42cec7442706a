// The members of a JSON object taken one by one, strictly: a missing, unknown, mistyped or out-of-range one is an error
// that names the key, what was met and what was expected. The first complaint is kept and told by end().
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace assay::adapter {

class Members final {
 public:
  // `json` must outlive this; `where` stands before the keys in errors ("facts." or "").
  Members(const Json& json, std::string_view where);

  template <std::unsigned_integral T>
  void whole(std::string_view key, T& target, std::uint64_t least = 0,
             std::uint64_t most = std::numeric_limits<T>::max()) {
    std::uint64_t value = target;
    take_whole(key, value, least, most);
    target = static_cast<T>(value);
  }
  void flag(std::string_view key, bool& target);
  void text(std::string_view key, std::string& target, std::size_t bytes_max);  // plain text
  void one_of(std::string_view key, std::string& target, std::span<const std::string_view> words);
  void texts(std::string_view key, std::vector<std::string>& target, std::size_t count_max, std::size_t bytes_max);
  const Json& object(std::string_view key);  // an empty one where it is missing

  Result<void> end();

 private:
  const Json* take(std::string_view key);
  void take_whole(std::string_view key, std::uint64_t& target, std::uint64_t least, std::uint64_t most);
  void complain(std::string_view key, const std::string& what);

  const Json& json_;
  const std::string where_;
  std::vector<std::string> taken_;
  Result<void> result_;
};

}  // namespace assay::adapter
