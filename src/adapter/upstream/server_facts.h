// What a server says of itself before it is trusted with a request.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "adapter/upstream/http_client.h"
#include "adapter/upstream/upstream_engine.h"

namespace assay::adapter::upstream {

struct ServerFacts {
  std::string version;           // empty: it does not say
  std::string model;             // to name in requests
  std::uint32_t context = 0;     // of one request; 0: it does not say
  std::uint32_t sequences = 0;   // requests that it runs at once; 0: it does not say
  std::uint32_t vocabulary = 0;  // 0: it does not say
  std::vector<std::string> notes;
};

// As open_upstream(). For Ollama this loads the model, with the context that is asked for.
Result<ServerFacts> read_server_facts(const UpstreamOptions& options, HttpClient& client, const Clock& clock);

}  // namespace assay::adapter::upstream
