#include "adapter/installed/job.h"

#include <charconv>
#include <cstdlib>
#include <optional>
#include <utility>

namespace assay::adapter {
namespace {

struct Count {
  std::uint64_t done = 0;
  std::uint64_t total = 0;
};

std::optional<std::uint64_t> number(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

// "[37/190] Building" of Ninja, "[ 37%] Building" of make.
std::optional<Count> count_in(std::string_view line) {
  if (!line.starts_with('[')) return std::nullopt;
  const std::size_t end = line.find(']');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view inside = line.substr(1, end - 1);
  if (inside.ends_with('%')) {
    const auto done = number(inside.substr(0, inside.size() - 1));
    if (done) return Count{*done, 100};
    return std::nullopt;
  }
  const std::size_t slash = inside.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const auto done = number(inside.substr(0, slash));
  const auto total = number(inside.substr(slash + 1));
  if (!done || !total) return std::nullopt;
  return Count{*done, *total};
}

}  // namespace

void Job::begin(const std::string& title, std::uint64_t total, const std::string& unit) {
  end();
  title_ = title;
  began_ns_ = clock_.now_ns();
  watch.step(title, total, unit);
}

void Job::end() {
  if (title_.empty()) return;
  steps.push_back({title_, static_cast<double>(clock_.now_ns() - began_ns_) * 1e-9});
  title_.clear();
}

Result<void> Job::run(std::vector<std::string> words, std::vector<std::string> environment,
                      const std::function<void(std::string_view)>& line, const std::function<void()>& tick) {
  const Command command{.words = std::move(words), .environment = std::move(environment), .log = log()};
  const auto done = run_to_success(command, {.line = line, .go_on = [&] {
                                               if (tick) tick();
                                               return watch.go_on();
                                             }});
  if (!done) return std::unexpected(with_context(title_, done.error()));
  return {};
}

std::vector<std::string> Job::build_environment() const {
  // Every installation has a scratch folder of its own name; by these ccache sees the same paths each time.
  std::vector<std::string> out{"NINJA_STATUS=[%f/%t] "};
  if (std::getenv("CCACHE_BASEDIR") == nullptr) {
    out.push_back("CCACHE_BASEDIR=" + work.string());
    out.emplace_back("CCACHE_NOHASHDIR=1");
  }
  return out;
}

Result<void> Job::configure(const std::filesystem::path& source, const std::filesystem::path& build,
                            const std::vector<std::string>& definitions, const Compiler& compiler) {
  if (find_program("cmake").empty()) {
    return fail(Errc::unsupported, title_ + ": cmake is not on PATH; it comes with the package cmake");
  }
  const bool ninja = !find_program("ninja").empty();
  if (!ninja && find_program("make").empty()) {
    return fail(Errc::unsupported, title_ + ": neither ninja nor make is on PATH; install ninja-build");
  }
  if (std::getenv("CXX") == nullptr && find_program("c++").empty() && find_program("g++").empty() &&
      find_program("clang++").empty()) {
    return fail(Errc::unsupported, title_ + ": no C++ compiler (c++, g++, clang++) is on PATH; install g++, or name " +
                                       "one by the variable CXX");
  }
  std::vector<std::string> words{"cmake",
                                 "-S",
                                 source.string(),
                                 "-B",
                                 build.string(),
                                 "-G",
                                 ninja ? "Ninja" : "Unix Makefiles",
                                 "-DCMAKE_BUILD_TYPE=Release"};
  if (compiler.family != Compiler::Family::none) {
    words.push_back("-DCMAKE_C_COMPILER=" + compiler.c);
    words.push_back("-DCMAKE_CXX_COMPILER=" + compiler.cxx);
  }
  words.insert(words.end(), definitions.begin(), definitions.end());
  return run(std::move(words), build_environment());
}

Result<void> Job::build(const std::filesystem::path& build, const std::vector<std::string>& targets) {
  std::vector<std::string> words{"cmake", "--build", build.string(), "-j", std::to_string(options.jobs), "--target"};
  words.insert(words.end(), targets.begin(), targets.end());
  bool known = false;
  return run(std::move(words), build_environment(), [&](std::string_view line) {
    const auto count = count_in(line);
    if (!count) return;
    // The total is known from the first line on.
    if (!std::exchange(known, true)) watch.step(title_, count->total, count->total == 100 ? "%" : "files");
    watch.progress(count->done);
  });
}

}  // namespace assay::adapter
