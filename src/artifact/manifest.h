// A stored model as the text of its manifest.
#pragma once

#include <string>
#include <string_view>

#include "artifact/store.h"
#include "base/error.h"

namespace assay::artifact {

inline constexpr std::string_view manifest_name = "assay.manifest.json";

// `path` and `name` are not in it: they follow from where it lies; for references `path` is `source`.
std::string write_manifest(const StoredModel& model);
// `where` stands in errors: Errc::bad_value names the key.
Result<StoredModel> read_manifest(std::string_view text, const std::string& where);

}  // namespace assay::artifact
