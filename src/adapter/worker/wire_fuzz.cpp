// Any bytes as a stream of frames from either side: each is refused or says exactly what was sent. The JSON inside too.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "adapter/worker/load_settings.h"
#include "adapter/worker/loaded_facts.h"
#include "adapter/worker/plain_text.h"
#include "adapter/worker/wire.h"

namespace {

using namespace assay;
using namespace assay::adapter;

void require(bool condition) {
  if (!condition) std::abort();
}

void look_into(const wire::Message& message) {
  if (const auto* load = std::get_if<wire::Load>(&message)) {
    const auto json = parse_json_unique(load->settings, "settings");
    if (!json) return;
    if (const auto settings = load_settings_from_json(*json)) {
      const auto again = load_settings_from_json(to_json(*settings));
      require(again && *again == *settings);
      require(settings->threads > 0 && settings->ubatch <= settings->batch);
    }
  } else if (const auto* loaded = std::get_if<wire::Loaded>(&message)) {
    const auto json = parse_json_unique(loaded->facts, "facts");
    if (!json) return;
    if (const auto facts = loaded_facts_from_json(*json)) {
      require(facts->facts.vocab > 0 && facts->facts.batch > 0 && facts->facts.batch <= wire::slots_max);
      require(is_plain_text(facts->facts.name));
      require(loaded_facts_from_json(to_json(*facts)).has_value());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const wire::Sender sender : {wire::Sender::host, wire::Sender::worker}) {
    std::span<const std::byte> rest = std::as_bytes(std::span(data, size));
    while (true) {
      const auto frame = wire::read(rest, sender);
      if (!frame || !*frame) break;
      require((*frame)->bytes >= wire::header_bytes && (*frame)->bytes <= rest.size());
      std::vector<std::byte> again;
      wire::append(again, (*frame)->call, (*frame)->message);
      require(std::ranges::equal(again, rest.first((*frame)->bytes)));
      look_into((*frame)->message);
      rest = rest.subspan((*frame)->bytes);
    }
  }
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  require(is_plain_text(plain_text(text, 100)) && plain_text(text, 100).size() <= 100);
  return 0;
}
