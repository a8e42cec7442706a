#include "adapter/worker/loaded_facts.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "adapter/worker/members.h"
#include "adapter/worker/plain_text.h"
#include "adapter/worker/wire.h"

namespace assay::adapter {
namespace {

constexpr std::uint32_t positions_max = 1U << 30U;
constexpr std::uint32_t vocab_max = 1U << 24U;  // one row of logits is then 64 MiB
constexpr std::uint32_t width_max = 1U << 20U;
constexpr std::uint64_t memory_max = 1ULL << 50U;
constexpr std::size_t type_bytes_max = 64;
constexpr std::size_t note_bytes_max = 512;
constexpr std::size_t notes_max = 1000;
constexpr std::array<std::string_view, 3> rewinds = {"any", "checkpoint", "none"};  // in the order of Rewind
constexpr std::array<std::string_view, 3> devices = {"cpu", "cuda", "metal"};

}  // namespace

Json to_json(const LoadedFacts& loaded) {
  const BackendFacts& from = loaded.facts;
  Json facts;
  facts["name"] = plain_text(from.name, wire::name_bytes_max);
  facts["version"] = plain_text(from.version, wire::name_bytes_max);
  facts["build"] = plain_text(from.build, wire::build_bytes_max);
  facts["device"] = plain_text(from.device, type_bytes_max);
  facts["kernel_path"] = plain_text(from.kernel_path, wire::name_bytes_max);
  facts["context"] = from.context;
  facts["sequences"] = from.sequences;
  facts["batch"] = from.batch;
  facts["vocab"] = from.vocab;
  facts["hidden"] = from.hidden;
  facts["embedding"] = from.embedding;
  facts["turns"] = from.turns;
  facts["decodes"] = from.decodes;
  facts["rewind"] = rewinds[static_cast<std::size_t>(from.rewind)];
  facts["kv_type"] = plain_text(from.kv_type, type_bytes_max);
  facts["activations"] = plain_text(from.activations, type_bytes_max);
  Json notes = Json::array();
  const bool all = from.notes.size() <= notes_max;
  const std::size_t shown = all ? from.notes.size() : notes_max - 1;
  for (std::size_t i = 0; i < shown; ++i) notes.push_back(plain_text(from.notes[i], note_bytes_max));
  if (!all) notes.push_back("and " + std::to_string(from.notes.size() - shown) + " more notes");
  facts["notes"] = std::move(notes);
  facts["deterministic"] = from.deterministic;
  Json memory;
  memory["weights"] = loaded.memory.weights;
  memory["kv"] = loaded.memory.kv;
  memory["scratch"] = loaded.memory.scratch;
  Json out;
  out["facts"] = std::move(facts);
  out["memory"] = std::move(memory);
  return out;
}

Result<LoadedFacts> loaded_facts_from_json(const Json& json) {
  LoadedFacts out;
  Members both(json, "");
  const Json& facts_json = both.object("facts");
  const Json& memory_json = both.object("memory");
  ASSAY_TRY(both.end());
  BackendFacts& to = out.facts;
  Members facts(facts_json, "facts.");
  facts.text("name", to.name, wire::name_bytes_max);
  facts.text("version", to.version, wire::name_bytes_max);
  facts.text("build", to.build, wire::build_bytes_max);
  facts.one_of("device", to.device, devices);
  facts.text("kernel_path", to.kernel_path, wire::name_bytes_max);
  facts.whole("context", to.context, 1, positions_max);
  facts.whole("sequences", to.sequences, 1, 65536);
  facts.whole("batch", to.batch, 1, wire::slots_max);
  facts.whole("vocab", to.vocab, 1, vocab_max);
  facts.whole("hidden", to.hidden, 0, width_max);
  facts.whole("embedding", to.embedding, 0, width_max);
  facts.flag("turns", to.turns);
  facts.flag("decodes", to.decodes);
  std::string rewind;
  facts.one_of("rewind", rewind, rewinds);
  to.rewind = static_cast<Rewind>(std::ranges::find(rewinds, rewind) - rewinds.begin());
  facts.text("kv_type", to.kv_type, type_bytes_max);
  facts.text("activations", to.activations, type_bytes_max);
  facts.texts("notes", to.notes, notes_max, note_bytes_max);
  facts.flag("deterministic", to.deterministic);
  ASSAY_TRY(facts.end());
  Members memory(memory_json, "memory.");
  memory.whole("weights", out.memory.weights, 0, memory_max);
  memory.whole("kv", out.memory.kv, 0, memory_max);
  memory.whole("scratch", out.memory.scratch, 0, memory_max);
  ASSAY_TRY(memory.end());
  return out;
}

}  // namespace assay::adapter
