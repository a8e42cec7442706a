#include "roster/spec.h"

#include <algorithm>

#include "adapter/installed/catalogue.h"
#include "adapter/metalrt/metalrt_engine.h"

namespace assay::roster {
namespace {

// Has it only what it can have? Both run as they are, in one place.
Result<void> check_plain(const EngineSpec& spec, const std::string& text) {
  if (spec.is_direct() && (!spec.version.empty() || (!spec.device.empty() && spec.device != "cpu"))) {
    return fail(Errc::bad_value, "engine \"" + text + "\": direct is this program, on the CPU");
  }
  if (spec.is_metalrt() && (!spec.version.empty() || !spec.device.empty())) {
    return fail(Errc::bad_value, "engine \"" + text + "\": expected \"metalrt\", whose library is found by its path");
  }
  return {};
}

}  // namespace

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out.empty() ? "none" : out;
}

Result<EngineSpec> parse_engine_spec(std::string_view text) {
  EngineSpec spec;
  if (text.starts_with(upstream_prefix)) {
    auto choice = adapter::upstream::parse_upstream(text.substr(upstream_prefix.size()));
    if (!choice) return std::unexpected(std::move(choice.error()));
    spec.name = std::string(name(choice->kind));
    spec.device = "upstream";
    spec.upstream = std::move(*choice);
    return spec;
  }
  const auto wrong = [&] {
    return fail(Errc::bad_value, "engine \"" + std::string(text) + "\", expected NAME, NAME@VERSION or NAME:DEVICE");
  };
  std::string_view rest = text;
  if (const auto colon = rest.find(':'); colon != std::string_view::npos) {
    spec.device = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    if (spec.device.empty()) return wrong();
  }
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    spec.version = rest.substr(at + 1);
    rest = rest.substr(0, at);
    if (spec.version.empty()) return wrong();
  }
  spec.name = rest;
  if (spec.name.empty()) return wrong();
  ASSAY_TRY(check_plain(spec, std::string(text)));
  return spec;
}

std::vector<std::string> default_engines() {
  std::vector<std::string> out = adapter::engine_names();
  out.insert(out.begin(), "direct");
  if (adapter::metalrt::find_library("")) out.emplace_back("metalrt");
  return out;
}

Result<adapter::Manifest> find_engine(const std::filesystem::path& engines, const EngineSpec& spec) {
  const adapter::Installed installed = adapter::installed_engines(engines.string());
  std::vector<std::string> known;
  const adapter::Manifest* other_device = nullptr;
  for (const adapter::Manifest& manifest : installed.engines) {
    known.push_back(manifest.name + "@" + manifest.version);
    if (manifest.name != spec.name || (!spec.version.empty() && manifest.version != spec.version)) continue;
    if (spec.device.empty() || std::ranges::find(manifest.devices, spec.device) != manifest.devices.end()) {
      return manifest;
    }
    other_device = &manifest;
  }
  if (other_device != nullptr) {
    return fail(Errc::unsupported, spec.name + "@" + other_device->version + " was built for " +
                                       listed(other_device->devices) + ", not for " + spec.device);
  }
  std::vector<std::string> names = adapter::engine_names();
  const bool can_install = std::ranges::find(names, spec.name) != names.end();
  names.insert(names.begin(), "direct");
  std::string detail = "engine " + spec.name + (spec.version.empty() ? "" : "@" + spec.version) +
                       (can_install ? " is not installed: 'assay engines install " + spec.name + "' does it"
                                    : ": there is none of that name, expected one of " + listed(names)) +
                       "; installed: " + listed(known);
  for (const std::string& complaint : installed.complaints) detail += "; " + complaint;
  return fail(Errc::not_found, std::move(detail));
}

std::string advice_for(const adapter::Manifest& manifest) {
  return "'assay engines verify --run " + manifest.name + "@" + manifest.version +
         "' tries it, 'assay engines install " + manifest.name + " --force' makes it anew";
}

std::string engine_device(const adapter::Manifest& manifest, const EngineSpec& spec) {
  if (!spec.device.empty()) return spec.device;
  for (const char* device : {"cuda", "metal", "cpu"}) {
    if (std::ranges::find(manifest.devices, device) != manifest.devices.end()) return device;
  }
  return "cpu";
}

}  // namespace assay::roster
