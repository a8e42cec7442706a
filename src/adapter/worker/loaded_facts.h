// What a worker tells of the model that it has loaded, as JSON, and the bounds that it is believed within.
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "engine/backend.h"

namespace assay::adapter {

struct LoadedFacts {
  BackendFacts facts;
  MemoryUse memory;
};

// Texts are made plain and cut to their bounds, notes past the bound are counted in a last one.
Json to_json(const LoadedFacts& loaded);

// Errc::bad_value names the key: a count that is 0 or absurd, a text that is not plain or too long, an unknown key.
Result<LoadedFacts> loaded_facts_from_json(const Json& json);

}  // namespace assay::adapter
