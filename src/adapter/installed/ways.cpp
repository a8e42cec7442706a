#include "adapter/installed/ways.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "adapter/installed/command.h"
#include "adapter/installed/manifest.h"

namespace assay::adapter {
namespace {

namespace fs = std::filesystem;
using Family = Compiler::Family;

// One rung: how it differs from what the engine's own build does by default.
struct Rung {
  Recipe recipe;
  bool clang;         // by clang instead of the usual compiler
  const char* arch;   // "": any
  const char* cpu;    // only where the processor has it; "": any
  const char* words;  // behind the compiler's
  const char* definition;
};

// ggml compiles for the very CPU (-march=native) and asks the compiler's macros for instruction sets, so that one set is
// off where its macros are.
constexpr std::array rungs{
    Rung{Recipe::llama_source, false, "", "", "", ""},
    Rung{Recipe::llama_source, true, "", "", "", ""},
    Rung{Recipe::llama_source, false, "x86_64", "amx_tile", " without AMX",
         "-DCMAKE_CXX_FLAGS=-U__AMX_TILE__ -U__AMX_INT8__ -U__AMX_BF16__"},
    Rung{Recipe::llama_source, false, "x86_64", "", " for any x86-64 with AVX2", "-DGGML_NATIVE=OFF"},
    Rung{Recipe::llama_source, false, "aarch64", "", " for any 64-bit ARM", "-DGGML_NATIVE=OFF"},
    // MLX comes compiled; what is built here is the worker.
    Rung{Recipe::mlx_wheels, false, "", "", "", ""},
    Rung{Recipe::mlx_wheels, true, "", "", "", ""},
};

// Compilers that are known to break an engine's fast path on some processors: what else keeps the fast path goes first.
struct Doubt {
  Recipe recipe;
  Family family;
  const char* below;  // versions older than this
  const char* cpu;
  const char* why;
};
constexpr std::array doubts{
    Doubt{Recipe::llama_source, Family::gcc, "13.3", "amx_tile",
          "drops the stores of AMX's tile configuration, and the first prompt ends with an illegal instruction"},
};

std::string first_line_of(const std::string& program) {
  std::string line;
  const auto code =
      run_command({.words = {program, "--version"}, .environment = {}, .log = ""}, {.line =
                                                                                        [&](std::string_view text) {
                                                                                          if (line.empty()) line = text;
                                                                                        },
                                                                                    .go_on = {}});
  return code && *code == 0 ? line : "";
}

Compiler ask(const std::string& c, const std::string& cxx) {
  Compiler out = cxx.empty() ? Compiler{} : parse_compiler(first_line_of(cxx));
  out.c = c;
  out.cxx = cxx;
  return out;
}

std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// As cmake looks for it.
Compiler usual_compiler() {
  std::string cxx = from_environment("CXX");
  for (const char* name : {"c++", "g++", "clang++"}) {
    if (cxx.empty()) cxx = find_program(name);
  }
  return ask(from_environment("CC"), cxx);
}

// clang++-19 beside clang-19, the highest number on PATH; else the one without a number.
Compiler newest_clang() {
  constexpr std::string_view prefix = "clang++-";
  std::string best;
  std::istringstream folders(from_environment("PATH"));
  for (std::string folder; std::getline(folders, folder, ':');) {
    std::error_code error;
    for (fs::directory_iterator entry(folder.empty() ? "." : folder, error), end; !error && entry != end;
         entry.increment(error)) {
      const std::string name = entry->path().filename().string();
      const std::string number = name.starts_with(prefix) ? name.substr(prefix.size()) : "";
      if (number.empty() || number.find_first_not_of("0123456789") != std::string::npos) continue;
      if (best.empty() || is_newer(number, best)) best = number;
    }
  }
  const std::string tail = best.empty() ? "" : "-" + best;
  const std::string c = find_program("clang" + tail);
  const std::string cxx = find_program("clang++" + tail);
  Compiler out = c.empty() || cxx.empty() ? Compiler{} : ask(c, cxx);
  if (out.family != Family::clang) out = Compiler{};
  return out;
}

std::vector<std::string> cpu_flags() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("flags") && !line.starts_with("Features")) continue;
    std::istringstream text(line.substr(std::min(line.find(':'), line.size() - 1) + 1));
    std::vector<std::string> out;
    for (std::string word; text >> word;) out.push_back(word);
    return out;
  }
  return {};
}

bool has(const Machine& machine, std::string_view cpu) {
  return cpu.empty() || std::ranges::find(machine.cpu, cpu) != machine.cpu.end();
}

}  // namespace

std::string words(const Compiler& compiler) {
  if (compiler.family == Family::none) return compiler.cxx.empty() ? "the usual compiler" : compiler.cxx;
  return (compiler.family == Family::gcc ? "GCC " : "clang ") + compiler.version;
}

Compiler parse_compiler(std::string_view line) {
  Compiler out;
  std::string_view version;
  constexpr std::string_view before = "version ";
  if (const auto at = line.find("clang"); at != std::string_view::npos) {
    out.family = Family::clang;
    const auto found = line.find(before, at);
    if (found != std::string_view::npos) version = line.substr(found + before.size());
  } else if (const auto end = line.find(") "); end != std::string_view::npos) {
    out.family = Family::gcc;  // "c++ (Debian 12.2.0-14+deb12u1) 12.2.0"
    version = line.substr(end + 2);
  }
  out.version = version.substr(0, std::min(version.find_first_not_of("0123456789."), version.size()));
  if (out.version.empty()) out.family = Family::none;
  return out;
}

Machine this_machine() {
  return {.arch = this_platform().arch, .cpu = cpu_flags(), .usual = usual_compiler(), .clang = newest_clang()};
}

Ways ways_of(Recipe recipe, const Machine& machine) {
  Ways out;
  const bool other_clang = machine.clang.family == Family::clang &&
                           (machine.usual.family != Family::clang || machine.usual.version != machine.clang.version);
  for (const Rung& rung : rungs) {
    if (rung.recipe != recipe || !has(machine, rung.cpu) || (*rung.arch != '\0' && rung.arch != machine.arch)) continue;
    if (rung.clang && !other_clang) continue;
    Way way;
    way.words = words(rung.clang ? machine.clang : machine.usual) + rung.words;
    if (rung.clang) way.compiler = machine.clang;
    if (*rung.definition != '\0') way.definitions.emplace_back(rung.definition);
    out.list.push_back(std::move(way));
  }
  if (!other_clang) return out;
  for (const Doubt& doubt : doubts) {
    if (doubt.recipe != recipe || doubt.family != machine.usual.family || !has(machine, doubt.cpu)) continue;
    if (is_newer(machine.usual.version, doubt.below) || machine.usual.version == doubt.below) continue;
    std::swap(out.list[0], out.list[1]);  // clang's own comes first
    out.doubted.push_back({out.list[1].words, doubt.why});
    break;
  }
  return out;
}

}  // namespace assay::adapter
