#include "adapter/installed/manifest.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <string_view>

#include "artifact/hash.h"
#include "base/text.h"

namespace assay::adapter {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t format = 2;
constexpr std::uintmax_t manifest_bytes_max = std::uintmax_t{4} << 20;
constexpr std::size_t files_max = 20'000;  // MLX for CUDA has some hundred

std::unexpected<Error> bad(std::string_view key, std::string_view expected) {
  return fail(Errc::bad_value, "key \"" + std::string(key) + "\": expected " + std::string(expected));
}

Result<void> read(const Json& json, std::string_view key, std::string& out) {
  const auto found = json.find(key);
  if (found == json.end()) return fail(Errc::bad_value, "key \"" + std::string(key) + "\" is missing");
  if (!found->is_string()) return bad(key, "a text");
  out = found->get<std::string>();
  return {};
}

Result<void> read(const Json& json, std::string_view key, std::int64_t& out) {
  const auto found = json.find(key);
  if (found == json.end()) return fail(Errc::bad_value, "key \"" + std::string(key) + "\" is missing");
  if (!found->is_number_integer() || found->get<std::int64_t>() < 0) return bad(key, "a count");
  out = found->get<std::int64_t>();
  return {};
}

Result<void> read(const Json& json, std::string_view key, std::vector<std::string>& out) {
  const auto found = json.find(key);
  if (found == json.end()) return fail(Errc::bad_value, "key \"" + std::string(key) + "\" is missing");
  if (!found->is_array()) return bad(key, "a list of texts");
  for (const Json& entry : *found) {
    if (!entry.is_string()) return bad(key, "a list of texts");
    out.push_back(entry.get<std::string>());
  }
  return {};
}

Result<void> known_keys(const Json& json, std::initializer_list<std::string_view> keys);

Result<void> read(const Json& json, std::string_view key, std::vector<RefusedWay>& out) {
  const auto found = json.find(key);
  if (found == json.end()) return fail(Errc::bad_value, "key \"" + std::string(key) + "\" is missing");
  if (!found->is_array()) return bad(key, "a list of objects with way and why");
  for (const Json& entry : *found) {
    if (!entry.is_object()) return bad(key, "a list of objects with way and why");
    ASSAY_TRY(known_keys(entry, {"way", "why"}));
    RefusedWay one;
    ASSAY_TRY(read(entry, "way", one.way));
    ASSAY_TRY(read(entry, "why", one.why));
    out.push_back(std::move(one));
  }
  return {};
}

Result<void> known_keys(const Json& json, std::initializer_list<std::string_view> keys) {
  for (const auto& [key, value] : json.items()) {
    if (std::ranges::find(keys, key) == keys.end())
      return fail(Errc::bad_value, "key " + in_quotes(key) + " is not known");
  }
  return {};
}

// A path that stays in its folder.
bool stays_inside(const std::string& path) {
  if (path.empty() || path.front() == '/' || path.find('\0') != std::string::npos) return false;
  return std::ranges::none_of(fs::path(path), [](const fs::path& part) { return part == ".."; });
}

bool is_sha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// One name in a path: of an engine or a version.
bool is_folder_name(const std::string& text) {
  return !text.empty() && text.front() != '.' && text.find('/') == std::string::npos &&
         text.find('\0') == std::string::npos;
}

Result<Manifest> read_folder(const fs::path& folder) {
  const fs::path path = folder / manifest_name;
  std::error_code error;
  const std::uintmax_t bytes = fs::file_size(path, error);
  if (error) return fail(Errc::not_found, path.string() + ": no manifest, so the engine is not whole");
  if (bytes > manifest_bytes_max) {
    return fail(Errc::bad_value, path.string() + ": " + std::to_string(bytes) + " bytes, expected at most " +
                                     std::to_string(manifest_bytes_max));
  }
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file) return fail(Errc::io, path.string() + ": cannot be read");
  const auto json = parse_json_unique(text, path.string());
  if (!json) return std::unexpected(json.error());
  auto manifest = manifest_from_json(*json);
  if (!manifest) return std::unexpected(with_context(path.string(), manifest.error()));
  const std::string met = manifest->name + "/" + manifest->version;
  const std::string expected = folder.parent_path().filename().string() + "/" + folder.filename().string();
  if (met != expected) {
    return fail(Errc::bad_value,
                path.string() + ": is of " + in_quotes(met) + ", expected \"" + expected + "\", where it lies");
  }
  manifest->folder = folder.string();
  return manifest;
}

// Folders that are no leftovers or work under way, which begin with a dot.
std::vector<fs::path> folders_in(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_directory(ignored) && !entry->path().filename().string().starts_with('.'))
      out.push_back(entry->path());
  }
  return out;
}

}  // namespace

Json to_json(const Manifest& manifest) {
  Json files = Json::array();
  for (const InstalledFile& file : manifest.files) files.push_back({{"path", file.path}, {"sha256", file.sha256}});
  Json refused = Json::array();
  for (const RefusedWay& one : manifest.refused) refused.push_back({{"way", one.way}, {"why", one.why}});
  return {{"format", format},
          {"name", manifest.name},
          {"version", manifest.version},
          {"source", manifest.source},
          {"source_sha256", manifest.source_sha256},
          {"commit", manifest.commit},
          {"flags", manifest.flags},
          {"way", manifest.way},
          {"refused", std::move(refused)},
          {"proof", manifest.proof},
          {"devices", manifest.devices},
          {"loads", manifest.loads},
          {"worker", manifest.worker},
          {"worker_build", manifest.worker_build},
          {"installed_unix_s", manifest.installed_unix_s},
          {"files", std::move(files)}};
}

Result<Manifest> manifest_from_json(const Json& json) {
  if (!json.is_object()) return fail(Errc::bad_value, "expected an object of keys");
  std::int64_t met = 0;
  ASSAY_TRY(read(json, "format", met));
  if (met != 1 && met != format) {
    return fail(Errc::unsupported, "key \"format\": met " + std::to_string(met) + ", expected 1 or " +
                                       std::to_string(format) + ", which this program reads");
  }
  if (met == 1) {
    ASSAY_TRY(known_keys(json, {"format", "name", "version", "source", "source_sha256", "commit", "flags", "devices",
                                "loads", "worker", "worker_build", "installed_unix_s", "files"}));
  } else {
    ASSAY_TRY(
        known_keys(json, {"format", "name", "version", "source", "source_sha256", "commit", "flags", "way", "refused",
                          "proof", "devices", "loads", "worker", "worker_build", "installed_unix_s", "files"}));
  }
  Manifest out;
  ASSAY_TRY(read(json, "name", out.name));
  ASSAY_TRY(read(json, "version", out.version));
  ASSAY_TRY(read(json, "source", out.source));
  ASSAY_TRY(read(json, "source_sha256", out.source_sha256));
  ASSAY_TRY(read(json, "commit", out.commit));
  ASSAY_TRY(read(json, "flags", out.flags));
  if (met != 1) {
    ASSAY_TRY(read(json, "way", out.way));
    ASSAY_TRY(read(json, "refused", out.refused));
    ASSAY_TRY(read(json, "proof", out.proof));
  }
  ASSAY_TRY(read(json, "devices", out.devices));
  ASSAY_TRY(read(json, "loads", out.loads));
  ASSAY_TRY(read(json, "worker", out.worker));
  ASSAY_TRY(read(json, "worker_build", out.worker_build));
  ASSAY_TRY(read(json, "installed_unix_s", out.installed_unix_s));
  if (!is_folder_name(out.name)) return bad("name", "a name without folder");
  if (!is_folder_name(out.version)) return bad("version", "a name without folder");
  if (!out.source_sha256.empty() && !is_sha256(out.source_sha256)) return bad("source_sha256", "64 hex digits");
  if (!stays_inside(out.worker)) return bad("worker", "a path inside the engine's folder");
  const auto files = json.find("files");
  if (files == json.end() || !files->is_array() || files->empty() || files->size() > files_max)
    return bad("files", "a list of 1.." + std::to_string(files_max) + " files");
  for (const Json& entry : *files) {
    if (!entry.is_object()) return bad("files", "objects with path and sha256");
    ASSAY_TRY(known_keys(entry, {"path", "sha256"}));
    InstalledFile file;
    ASSAY_TRY(read(entry, "path", file.path));
    ASSAY_TRY(read(entry, "sha256", file.sha256));
    if (!stays_inside(file.path)) return bad("path", "a path inside the engine's folder");
    if (!is_sha256(file.sha256)) return bad("sha256", "64 hex digits");
    out.files.push_back(std::move(file));
  }
  const bool has_worker =
      std::ranges::any_of(out.files, [&](const InstalledFile& file) { return file.path == out.worker; });
  if (!has_worker) return bad("files", "the worker among them, so that its hash is known");
  return out;
}

bool is_newer(std::string_view a, std::string_view b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  while (!a.empty() && !b.empty()) {
    if (digit(a.front()) && digit(b.front())) {
      const auto number = [&](std::string_view& text) {
        std::size_t end = 0;
        while (end < text.size() && digit(text[end])) ++end;
        std::string_view digits = text.substr(0, end);
        text.remove_prefix(end);
        digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
        return digits;
      };
      const std::string_view one = number(a);
      const std::string_view other = number(b);
      if (one.size() != other.size()) return one.size() > other.size();
      if (one != other) return one > other;
      continue;
    }
    if (a.front() != b.front()) return a.front() > b.front();
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  return !a.empty();
}

Installed installed_engines(const std::string& engines_folder) {
  Installed out;
  for (const fs::path& name : folders_in(engines_folder)) {
    for (const fs::path& version : folders_in(name)) {
      auto manifest = read_folder(version);
      if (manifest) {
        out.engines.push_back(std::move(*manifest));
      } else {
        out.complaints.push_back(to_string(manifest.error()));
      }
    }
  }
  std::ranges::sort(out.engines, [](const Manifest& a, const Manifest& b) {
    return a.name != b.name ? a.name < b.name : is_newer(a.version, b.version);
  });
  std::ranges::sort(out.complaints);
  return out;
}

Result<void> verify(const Manifest& manifest) {
  for (const InstalledFile& file : manifest.files) {
    const std::string path = (fs::path(manifest.folder) / file.path).string();
    const auto met = artifact::hash_files(std::span(&path, 1));
    if (!met && met.error().code == Errc::not_found)
      return fail(Errc::bad_value, path + ": is missing; its SHA-256 was " + file.sha256);
    if (!met) return std::unexpected(met.error());
    if (*met != file.sha256)
      return fail(Errc::bad_value, path + ": SHA-256 " + *met + ", expected " + file.sha256 + " as installed");
  }
  return {};
}

std::string how_built(const Manifest& manifest) {
  std::string out = manifest.way;
  for (std::size_t i = 0; i < manifest.refused.size(); ++i) {
    out += (i == 0 ? ", since " : "; ") + manifest.refused[i].way + ": " + manifest.refused[i].why;
  }
  return out;
}

}  // namespace assay::adapter
