#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "host/parse.h"
#include "host/sockets.h"

namespace assay::host {
namespace {

namespace fs = std::filesystem;

std::string slurp(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Calls visit(pid, /proc/pid) for every process.
template <class Visit>
void each_process(Visit visit) {
  std::error_code error;
  for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::int64_t pid = 0;
    const auto [rest, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (bad == std::errc() && rest == name.data() + name.size()) visit(pid, it->path());
  }
}

std::string program_of(const fs::path& folder) {
  std::error_code error;
  const fs::path file = fs::read_symlink(folder / "exe", error);
  if (!error) return file.filename().string();
  std::string name = slurp(folder / "comm");
  if (!name.empty() && name.back() == '\n') name.pop_back();
  return name;
}

// Socket inode -> its process, for the descriptors that may be seen.
std::map<std::uint64_t, std::int64_t> socket_owners() {
  std::map<std::uint64_t, std::int64_t> owners;
  each_process([&](std::int64_t pid, const fs::path& folder) {
    std::error_code error;
    for (fs::directory_iterator it(folder / "fd", error), end; !error && it != end; it.increment(error)) {
      std::error_code unreadable;
      const std::string target = fs::read_symlink(it->path(), unreadable).string();
      if (!target.starts_with("socket:[")) continue;
      std::uint64_t inode = 0;
      std::from_chars(target.data() + 8, target.data() + target.size(), inode);
      owners.emplace(inode, pid);
    }
  });
  return owners;
}

}  // namespace

std::optional<std::vector<Listener>> listeners() {
  std::vector<Listener> out = parse_listeners(slurp("/proc/net/tcp"));
  for (Listener& listener : parse_listeners(slurp("/proc/net/tcp6"))) out.push_back(std::move(listener));
  const auto owners = socket_owners();
  for (Listener& listener : out) {
    const auto owner = owners.find(listener.inode);
    if (owner == owners.end()) continue;
    listener.pid = owner->second;
    listener.program = program_of(fs::path("/proc") / std::to_string(owner->second));
  }
  std::ranges::sort(out, {}, &Listener::port);
  return out;
}

std::optional<std::vector<Process>> processes() {
  std::vector<Process> out;
  const std::int64_t self = ::getpid();
  each_process([&](std::int64_t pid, const fs::path& folder) {
    if (pid == self) return;
    Process process;
    process.pid = pid;
    process.name = program_of(folder);
    process.command = slurp(folder / "cmdline");
    std::ranges::replace(process.command, '\0', ' ');
    while (!process.command.empty() && process.command.back() == ' ') process.command.pop_back();
    process.resident_bytes = kilobytes(find_field(slurp(folder / "status"), "VmRSS").value_or("")).value_or(0);
    out.push_back(std::move(process));
  });
  return out;
}

}  // namespace assay::host
