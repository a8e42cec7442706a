// Models where other programs keep them: Ollama's store, and Hugging Face's cache.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"

namespace assay::artifact {

// Folders to look in, the first that is there counts.
struct Elsewhere {
  std::vector<std::filesystem::path> ollama;        // with manifests/ and blobs/
  std::vector<std::filesystem::path> hugging_face;  // with models--OWNER--NAME/
};

struct FoundModel {
  std::string path;    // what Checkpoint::open takes
  std::string name;    // what it may be called here; empty: as its path says
  std::string sha256;  // of its weights, where the place says it
};

// `given`: "ollama:NAME[:TAG]", "hf:OWNER/NAME", "hf:OWNER/NAME/FILE.gguf", or a path: a manifest of Ollama's store, a
// folder models--OWNER--NAME of the cache, a folder with one GGUF, or anything else, which is given back as it is.
// Errc::not_found names the places and the models that are there; Errc::bad_value: a manifest that is none, or a folder
// with several models, which it lists; Errc::unsupported: layers that make no model by themselves (adapters).
Result<FoundModel> find_elsewhere(const std::string& given, const Elsewhere& places);

}  // namespace assay::artifact
