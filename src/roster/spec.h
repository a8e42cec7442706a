// Engines as a person names them, and what each name stands for on this machine:
//   direct                        this program, on the CPU
//   NAME, NAME@VERSION, NAME:DEVICE   one that is installed
//   metalrt                       found by its library's path
//   upstream:KIND[=URL][#MODEL]   a server
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapter/installed/manifest.h"
#include "adapter/upstream/upstream_choice.h"
#include "base/error.h"

namespace assay::roster {

struct EngineSpec {
  std::string name;     // "direct", "llama.cpp"; of a server its kind
  std::string version;  // "": the newest
  std::string device;   // "": the fastest that the engine was built for
  std::optional<adapter::upstream::UpstreamChoice> upstream{};

  bool is_direct() const { return !upstream && name == "direct"; }
  bool is_metalrt() const { return !upstream && name == "metalrt"; }
  bool is_installed() const { return !upstream && !is_direct() && !is_metalrt(); }
};

inline constexpr std::string_view upstream_prefix = "upstream:";

// Errc::bad_value where a part is empty, or where direct or metalrt is given a version or a device that it does not have.
Result<EngineSpec> parse_engine_spec(std::string_view text);

// direct, each engine that can be installed, and MetalRT where its library is.
std::vector<std::string> default_engines();

// The installed engine that the spec means, in the folder of engines. Errc::not_found says how to install it and what is
// installed, or which engines there are; Errc::unsupported: not built for the device.
Result<adapter::Manifest> find_engine(const std::filesystem::path& engines, const EngineSpec& spec);

// What a user may do about an engine that dies, hangs or computes wrong.
std::string advice_for(const adapter::Manifest& manifest);

// The device of the spec, else the first of "cuda", "metal", "cpu" that the engine was built for.
std::string engine_device(const adapter::Manifest& manifest, const EngineSpec& spec);

// "a, b"; "none".
std::string listed(const std::vector<std::string>& names);

}  // namespace assay::roster
