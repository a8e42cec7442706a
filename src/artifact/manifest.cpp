#include "artifact/manifest.h"

#include <array>
#include <type_traits>
#include <utility>

#include "base/json.h"

namespace assay::artifact {
namespace {

constexpr std::int64_t version = 1;
constexpr std::array kinds{Kept::link, Kept::copy, Kept::reference};

template <class T>
Result<void> read(const Json& json, const char* key, T& out, const std::string& where) {
  const auto found = json.is_object() ? json.find(key) : json.end();
  const std::string place = where + ": key \"" + key + "\": ";
  if (!json.is_object() || found == json.end()) return fail(Errc::bad_value, place + "is missing");
  if constexpr (std::is_same_v<T, std::string>) {
    if (!found->is_string()) return fail(Errc::bad_value, place + "expected a text");
    out = found->template get<std::string>();
  } else {
    if (!found->is_number_integer() || found->template get<std::int64_t>() < 0)
      return fail(Errc::bad_value, place + "expected a count");
    out = found->template get<T>();
  }
  return {};
}

}  // namespace

std::string_view name(Kept kept) {
  constexpr std::array names{"link", "copy", "reference"};
  return names[static_cast<std::size_t>(kept)];
}

std::string write_manifest(const StoredModel& model) {
  Json files = Json::array();
  for (const StoredFile& file : model.files)
    files.push_back(
        {{"name", file.file_name}, {"bytes", file.bytes}, {"modified_ns", file.modified_ns}, {"sha256", file.sha256}});
  const Json json = {{"version", version},
                     {"kept", name(model.kept)},
                     {"source", model.source},
                     {"sha256", model.sha256},
                     {"bytes", model.bytes},
                     {"format", model.format},
                     {"architecture", model.architecture},
                     {"quant", model.quant},
                     {"context", model.context},
                     {"imported_unix_s", model.imported_unix_s},
                     {"files", std::move(files)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<StoredModel> read_manifest(std::string_view text, const std::string& where) {
  const auto json = parse_json(text, where);
  if (!json) return std::unexpected(json.error());
  std::int64_t met = 0;
  ASSAY_TRY(read(*json, "version", met, where));
  if (met != version) {
    return fail(Errc::unsupported,
                where + ": version " + std::to_string(met) + ", expected " + std::to_string(version));
  }
  StoredModel out;
  std::string kept;
  ASSAY_TRY(read(*json, "kept", kept, where));
  bool known = false;
  for (const Kept kind : kinds) {
    if (name(kind) != kept) continue;
    out.kept = kind;
    known = true;
  }
  if (!known) return fail(Errc::bad_value, where + ": key \"kept\": expected link, copy or reference");
  ASSAY_TRY(read(*json, "source", out.source, where));
  ASSAY_TRY(read(*json, "sha256", out.sha256, where));
  ASSAY_TRY(read(*json, "bytes", out.bytes, where));
  ASSAY_TRY(read(*json, "format", out.format, where));
  ASSAY_TRY(read(*json, "architecture", out.architecture, where));
  ASSAY_TRY(read(*json, "quant", out.quant, where));
  ASSAY_TRY(read(*json, "context", out.context, where));
  ASSAY_TRY(read(*json, "imported_unix_s", out.imported_unix_s, where));
  const auto files = json->find("files");
  if (files == json->end() || !files->is_array() || files->empty())
    return fail(Errc::bad_value, where + ": key \"files\": expected a list of files");
  for (const Json& entry : *files) {
    StoredFile file;
    ASSAY_TRY(read(entry, "name", file.file_name, where + ": files"));
    ASSAY_TRY(read(entry, "bytes", file.bytes, where + ": files"));
    ASSAY_TRY(read(entry, "sha256", file.sha256, where + ": files"));
    // Earlier programs did not write it.
    if (entry.contains("modified_ns")) ASSAY_TRY(read(entry, "modified_ns", file.modified_ns, where + ": files"));
    // A name that leaves the folder is not followed.
    if (file.file_name.empty() || file.file_name.find('/') != std::string::npos || file.file_name == "..")
      return fail(Errc::bad_value, where + ": files: \"" + file.file_name + "\", expected a name without folder");
    out.files.push_back(std::move(file));
  }
  return out;
}

}  // namespace assay::artifact
