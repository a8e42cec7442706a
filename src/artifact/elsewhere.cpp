#include "artifact/elsewhere.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "artifact/store.h"
#include "base/json.h"
#include "base/mapped_file.h"

namespace assay::artifact {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t manifest_bytes_max = std::size_t{1} << 20U;  // real ones have 1 KB
constexpr std::size_t listed_max = 20;

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}
bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

std::string joined(std::vector<std::string> names) {
  std::ranges::sort(names);
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), listed_max); ++i) out += (i == 0 ? "" : ", ") + names[i];
  return names.size() > listed_max ? out + " and " + std::to_string(names.size() - listed_max) + " more" : out;
}

Result<fs::path> first_there(const std::vector<fs::path>& places, const std::string& what) {
  std::string tried;
  for (const fs::path& place : places) {
    if (is_folder(place)) return place;
    tried += (tried.empty() ? "" : ", ") + place.string();
  }
  return fail(Errc::not_found, what + ": looked in " + tried);
}

// --- Ollama: manifests/HOST/OWNER/NAME/TAG say which blobs/sha256-... is the model.

// "qwen3-0.6b" for .../library/qwen3/0.6b, "qwen3" for its tag latest.
std::string ollama_name(const fs::path& manifest) {
  const std::string tag = manifest.filename().string();
  const std::string name = manifest.parent_path().filename().string();
  return name_from_path(tag == "latest" ? name : name + "-" + tag);
}

Result<FoundModel> read_ollama(const fs::path& manifest, const fs::path& root, std::string_view text) {
  const auto json = parse_json(text, manifest.string());
  if (!json) return std::unexpected(json.error());
  const auto wrong = [&](const std::string& what) {
    return fail(Errc::bad_value, manifest.string() + ": " + what + ", expected a manifest of Ollama's store");
  };
  const auto layers = json->is_object() ? json->find("layers") : json->end();
  if (!json->is_object() || layers == json->end() || !layers->is_array()) return wrong("has no list \"layers\"");
  std::vector<std::string> models;
  for (const Json& layer : *layers) {
    const auto field = [&](const char* key) {
      return layer.is_object() && layer.contains(key) && layer[key].is_string() ? layer[key].get<std::string>()
                                                                                : std::string();
    };
    const std::string type = field("mediaType");
    if (type == "application/vnd.ollama.image.adapter" || type == "application/vnd.ollama.image.tensor") {
      return fail(Errc::unsupported,
                  manifest.string() + ": a layer of type " + type + " is not done, only one GGUF is");
    }
    if (type == "application/vnd.ollama.image.model") models.push_back(field("digest"));
  }
  if (models.size() != 1) return wrong("names " + std::to_string(models.size()) + " models");
  constexpr std::string_view prefix = "sha256:";
  const std::string& digest = models.front();
  const std::string hex = digest.starts_with(prefix) ? digest.substr(prefix.size()) : "";
  if (hex.size() != 64 || hex.find_first_not_of("0123456789abcdef") != std::string::npos)
    return wrong("names the model \"" + digest + "\"");
  const fs::path blob = root / "blobs" / ("sha256-" + hex);
  if (!is_there(blob))
    return fail(Errc::not_found, blob.string() + ": " + manifest.string() + " names it as its model");
  return FoundModel{.path = blob.string(), .name = ollama_name(manifest), .sha256 = hex};
}

std::vector<std::string> ollama_models(const fs::path& manifests) {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::recursive_directory_iterator at(manifests, error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    if (!at->is_regular_file(ignored)) continue;
    std::vector<std::string> parts;
    for (const fs::path& part : at->path().lexically_relative(manifests)) parts.push_back(part.string());
    if (parts.size() != 4) continue;
    std::string name = parts[2] + ":" + parts[3];
    if (parts[0] != "registry.ollama.ai") name = parts[0] + "/" + parts[1] + "/" + name;
    if (parts[0] == "registry.ollama.ai" && parts[1] != "library") name = parts[1] + "/" + name;
    out.push_back(std::move(name));
  }
  return out;
}

Result<FoundModel> find_ollama(const std::string& wanted, const Elsewhere& places) {
  const auto root = first_there(places.ollama, "Ollama's store");
  if (!root) return std::unexpected(root.error());
  std::string name = wanted;
  std::string tag = "latest";
  if (const std::size_t colon = name.rfind(':');
      colon != std::string::npos && name.find('/', colon) == std::string::npos) {
    tag = name.substr(colon + 1);
    name.resize(colon);
  }
  const auto slashes = std::ranges::count(name, '/');
  const fs::path manifests = *root / "manifests";
  fs::path manifest = manifests;
  if (slashes == 0) manifest /= fs::path("registry.ollama.ai") / "library";
  if (slashes == 1) manifest /= "registry.ollama.ai";
  const bool plain = !name.empty() && !tag.empty() && name.front() != '/' && name.find("..") == std::string::npos &&
                     tag.find("..") == std::string::npos;
  manifest = manifest / name / tag;
  if (!plain || !is_there(manifest) || is_folder(manifest)) {
    const auto there = ollama_models(manifests);
    return fail(Errc::not_found, "Ollama's store " + root->string() + " has no model \"" + name + ":" + tag + "\"" +
                                     (there.empty() ? ", it is empty" : "; there are " + joined(there)));
  }
  const auto text = read_text_file(manifest.string(), manifest_bytes_max);
  if (!text) return std::unexpected(text.error());
  return read_ollama(manifest, *root, *text);
}

// A small text file below a folder "manifests" is one of Ollama's.
std::optional<fs::path> ollama_root(const fs::path& path) {
  std::error_code ignored;
  for (fs::path at = fs::absolute(path, ignored).lexically_normal(); at.has_relative_path(); at = at.parent_path()) {
    if (at.filename() == "manifests" && is_folder(at.parent_path() / "blobs")) return at.parent_path();
  }
  return std::nullopt;
}

// --- Hugging Face's cache: models--OWNER--NAME/{refs/main, snapshots/COMMIT/FILES}, where files are links to blobs/.

std::optional<std::string> cached_name(const fs::path& folder) {
  std::string name = folder.filename().string();
  constexpr std::string_view prefix = "models--";
  if (!name.starts_with(prefix)) return std::nullopt;
  name.erase(0, prefix.size());
  for (std::size_t at = 0; (at = name.find("--", at)) != std::string::npos;) name.replace(at, 2, "/");
  return name;
}

// What is a model in the folder: itself, or its one GGUF.
Result<FoundModel> model_in(const fs::path& folder, const std::string& file, const std::string& name) {
  if (!file.empty()) {
    const fs::path path = folder / file;
    if (file.find("..") != std::string::npos || !is_there(path))
      return fail(Errc::not_found, path.string() + ": no such file");
    return FoundModel{.path = path.string(), .name = name_from_path(file), .sha256 = {}};
  }
  if (is_there(folder / "config.json")) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      if (entry.path().extension() == ".safetensors")
        return FoundModel{.path = folder.string(), .name = name, .sha256 = {}};
    }
  }
  std::vector<std::string> ggufs;
  std::vector<std::string> names;  // parts of one model count once
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() != ".gguf") continue;
    if (at->path().filename().string().starts_with("mmproj")) continue;  // what sees pictures, beside a model
    ggufs.push_back(at->path().lexically_relative(folder).string());
    names.push_back(name_from_path(at->path().string()));
  }
  std::ranges::sort(ggufs);
  std::ranges::sort(names);
  const auto [same, end] = std::ranges::unique(names);
  names.erase(same, end);
  if (names.size() == 1)
    return FoundModel{.path = (folder / ggufs.front()).string(), .name = names.front(), .sha256 = {}};
  if (names.empty())
    return FoundModel{.path = folder.string(), .name = name, .sha256 = {}};  // which opening will judge
  return fail(Errc::bad_value, folder.string() + ": has " + std::to_string(names.size()) +
                                   " models, expected one of them: " + joined(ggufs));
}

Result<FoundModel> read_cached(const fs::path& folder, const std::string& file) {
  const std::string repository = cached_name(folder).value_or("");
  const std::string name = name_from_path(repository.substr(repository.rfind('/') + 1));
  fs::path snapshot;
  if (const auto head = read_text_file((folder / "refs" / "main").string(), 4096)) {
    const std::string commit = head->substr(0, head->find_first_not_of("0123456789abcdef"));
    if (!commit.empty() && is_folder(folder / "snapshots" / commit)) snapshot = folder / "snapshots" / commit;
  }
  std::vector<std::string> all;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder / "snapshots", ignored)) {
    all.push_back(entry.path().filename().string());
  }
  if (snapshot.empty() && all.size() == 1) snapshot = folder / "snapshots" / all.front();
  if (snapshot.empty()) {
    return fail(all.empty() ? Errc::not_found : Errc::bad_value,
                (folder / "snapshots").string() + ": has " + std::to_string(all.size()) +
                    " states and refs/main names none of them, expected the path of one" +
                    (all.empty() ? "" : ": " + joined(all)));
  }
  return model_in(snapshot, file, name);
}

Result<FoundModel> find_cached(const std::string& wanted, const Elsewhere& places) {
  const auto hub = first_there(places.hugging_face, "Hugging Face's cache");
  if (!hub) return std::unexpected(hub.error());
  const std::size_t owner = wanted.find('/');
  const std::size_t name = owner == std::string::npos ? owner : wanted.find('/', owner + 1);
  const std::string repository = wanted.substr(0, name);
  std::string folder = "models--" + repository;
  for (std::size_t at = 0; (at = folder.find('/', at)) != std::string::npos;) folder.replace(at, 1, "--");
  if (!repository.empty() && repository.find("..") == std::string::npos && is_folder(*hub / folder))
    return read_cached(*hub / folder, name == std::string::npos ? "" : wanted.substr(name + 1));
  std::vector<std::string> there;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(*hub, ignored)) {
    if (const auto cached = cached_name(entry.path())) there.push_back(*cached);
  }
  return fail(Errc::not_found, "Hugging Face's cache " + hub->string() + " has no model \"" + repository + "\"" +
                                   (there.empty() ? ", it is empty" : "; there are " + joined(there)));
}

}  // namespace

Result<FoundModel> find_elsewhere(const std::string& given, const Elsewhere& places) {
  constexpr std::string_view ollama = "ollama:";
  constexpr std::string_view cache = "hf:";
  const FoundModel itself{.path = given, .name = {}, .sha256 = {}};
  if (!is_there(given)) {
    if (given.starts_with(ollama)) return find_ollama(given.substr(ollama.size()), places);
    if (given.starts_with(cache)) return find_cached(given.substr(cache.size()), places);
    return itself;
  }
  const fs::path path(given);
  if (!is_folder(path)) {
    const auto root = path.extension() == ".gguf" ? std::nullopt : ollama_root(path);
    if (!root) return itself;
    const auto text = read_text_file(given, manifest_bytes_max);
    if (!text) return std::unexpected(text.error());
    return read_ollama(path, *root, *text);
  }
  fs::path folder = path.lexically_normal();
  if (!folder.has_filename()) folder = folder.parent_path();
  if (cached_name(folder) && is_folder(folder / "snapshots")) return read_cached(folder, "");
  if (is_there(folder / "config.json")) return itself;
  auto found = model_in(folder, "", "");
  if (found && found->path == folder.string()) return itself;
  return found;
}

}  // namespace assay::artifact
