// The ways in which an engine can be built here, best first: what does not prove itself is built the next way.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "adapter/installed/catalogue.h"
#include "adapter/installed/manifest.h"

namespace assay::adapter {

struct Compiler {
  enum class Family : std::uint8_t { none, gcc, clang } family = Family::none;  // none: there is no such compiler
  std::string c;                                                                // programs
  std::string cxx;
  std::string version;  // "12.2.0"
};

// "GCC 12.2.0".
std::string words(const Compiler& compiler);

// Family and version from the first line that `--version` prints.
Compiler parse_compiler(std::string_view line);

// What decides which ways there are.
struct Machine {
  std::string arch;              // "x86_64"
  std::vector<std::string> cpu;  // instruction sets as /proc/cpuinfo names them; empty where the system does not tell
  Compiler usual;                // the one that cmake takes by itself
  Compiler clang;                // the newest clang on PATH
};
// Asks the compilers for their versions.
Machine this_machine();

struct Way {
  std::string words;                     // "GCC 12.2.0 without AMX"
  Compiler compiler;                     // Family::none: cmake's own choice
  std::vector<std::string> definitions;  // for cmake, beside the engine's own
};

struct Ways {
  std::vector<Way> list;            // never empty
  std::vector<RefusedWay> doubted;  // better ones that are known to fail here; they come after what is known to work
};
Ways ways_of(Recipe recipe, const Machine& machine);

}  // namespace assay::adapter
