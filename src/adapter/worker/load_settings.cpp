#include "adapter/worker/load_settings.h"

#include <array>
#include <string_view>

#include "adapter/worker/members.h"
#include "adapter/worker/wire.h"

namespace assay::adapter {
namespace {

constexpr std::size_t path_bytes_max = 4096;  // Linux's PATH_MAX
constexpr std::uint32_t positions_max = 1U << 30U;
constexpr std::uint32_t sequences_max = 65536;
constexpr std::uint32_t threads_max = 4096;
constexpr std::array<std::string_view, 3> devices = {"cpu", "cuda", "metal"};
constexpr std::array<std::string_view, 4> kv_types = {"f32", "f16", "bf16", "q8_0"};

}  // namespace

Json to_json(const LoadSettings& settings) {
  Json out;
  out["model"] = settings.model;
  out["device"] = settings.device;
  out["context"] = settings.context;
  out["sequences"] = settings.sequences;
  out["batch"] = settings.batch;
  out["ubatch"] = settings.ubatch;
  out["threads"] = settings.threads;
  out["kv"] = settings.kv;
  out["flash_attention"] = settings.flash_attention;
  out["map_file"] = settings.map_file;
  out["lock_memory"] = settings.lock_memory;
  out["cache_bytes"] = settings.cache_bytes;
  return out;
}

Result<LoadSettings> load_settings_from_json(const Json& json) {
  LoadSettings out;
  Members members(json, "");
  members.text("model", out.model, path_bytes_max);
  members.one_of("device", out.device, devices);
  members.whole("context", out.context, 1, positions_max);
  members.whole("sequences", out.sequences, 1, sequences_max);
  members.whole("batch", out.batch, 1, wire::slots_max);
  members.whole("ubatch", out.ubatch, 1, out.batch);
  members.whole("threads", out.threads, 1, threads_max);
  members.one_of("kv", out.kv, kv_types);
  members.flag("flash_attention", out.flash_attention);
  members.flag("map_file", out.map_file);
  members.flag("lock_memory", out.lock_memory);
  members.whole("cache_bytes", out.cache_bytes);
  ASSAY_TRY(members.end());
  if (out.model.empty()) return fail(Errc::bad_value, "key \"model\": met \"\", expected a path");
  return out;
}

}  // namespace assay::adapter
