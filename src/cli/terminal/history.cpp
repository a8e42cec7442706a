#include "cli/terminal/history.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "cli/terminal/cells.h"

namespace assay::cli {
namespace {

constexpr std::string_view libedit_mark = "_HiStOrY_V2_";
constexpr mode_t owner_only = S_IRUSR | S_IWUSR;

std::string to_line(std::string_view entry) {
  std::string out;
  for (const char c : entry) {
    if (c == '\n') {
      out += "\\n";
    } else if (c == '\\') {
      out += "\\\\";
    } else {
      out += c;
    }
  }
  return out + "\n";
}

std::string from_line(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\' && i + 1 < line.size()) {
      ++i;
      out += line[i] == 'n' ? '\n' : line[i];
    } else {
      out += line[i];
    }
  }
  return clean_text(out);
}

// libedit writes a space and what it does not print as a backslash and three octal digits.
std::string from_libedit(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const auto digit = [&](std::size_t at) { return at < line.size() && line[at] >= '0' && line[at] <= '7'; };
    if (line[i] == '\\' && digit(i + 1) && digit(i + 2) && digit(i + 3)) {
      out += static_cast<char>((line[i + 1] - '0') * 64 + (line[i + 2] - '0') * 8 + (line[i + 3] - '0'));
      i += 3;
    } else if (line[i] == '\\' && i + 1 < line.size()) {
      out += line[++i];
    } else {
      out += line[i];
    }
  }
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return clean_text(out);
}

std::unexpected<Error> lost(const std::string& file, int number) {
  return fail(Errc::io, "history is not kept: " + file + ": " + std::strerror(number));
}

Result<void> write_all(const std::string& file, int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(descriptor, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return lost(file, errno);
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int value() const { return value_; }

 private:
  int value_;
};

}  // namespace

History::History(std::string file) : file_(std::move(file)) {
  std::ifstream in(file_, std::ios::binary);
  std::string line;
  bool libedit = false;
  for (bool first = true; std::getline(in, line); first = false) {
    if (first && line == libedit_mark) {
      libedit = stale_ = true;
      continue;
    }
    std::string entry = libedit ? from_libedit(line) : from_line(line);
    if (!entry.empty()) entries_.push_back(std::move(entry));
  }
  if (entries_.size() <= entries_max) return;
  stale_ = true;
  entries_.erase(entries_.begin(), entries_.end() - static_cast<std::ptrdiff_t>(entries_max));
}

Result<void> History::add(const std::string& entry) {
  if (!entries_.empty() && entries_.back() == entry) return {};
  entries_.push_back(entry);
  if (file_.empty()) return {};
  std::error_code ignored;  // where the folder cannot be made, the file cannot be opened, and that is said
  std::filesystem::create_directories(std::filesystem::path(file_).parent_path(), ignored);
  if (std::exchange(stale_, false)) return rewrite();
  const Descriptor out(::open(file_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, owner_only));
  if (out.value() < 0) return lost(file_, errno);
  struct stat now{};
  if (::fstat(out.value(), &now) == 0 && (now.st_mode & 07777) != owner_only) ::fchmod(out.value(), owner_only);
  return write_all(file_, out.value(), to_line(entry));
}

Result<void> History::rewrite() const {
  const std::string fresh = file_ + "." + std::to_string(::getpid());
  {
    const Descriptor out(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, owner_only));
    if (out.value() < 0) return lost(fresh, errno);
    std::string text;
    for (const std::string& entry : entries_) text += to_line(entry);
    if (auto written = write_all(fresh, out.value(), text); !written) {
      ::unlink(fresh.c_str());
      return written;
    }
  }
  if (std::rename(fresh.c_str(), file_.c_str()) == 0) return {};
  const int number = errno;
  ::unlink(fresh.c_str());
  return lost(file_, number);
}

std::optional<std::size_t> History::find_back(std::string_view part, std::size_t before) const {
  for (std::size_t i = std::min(before, entries_.size()); i > 0; --i) {
    if (entries_[i - 1].find(part) != std::string::npos) return i - 1;
  }
  return std::nullopt;
}

}  // namespace assay::cli
