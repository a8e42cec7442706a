#include "adapter/metalrt/frames.h"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "adapter/worker/members.h"
#include "adapter/worker/plain_text.h"
#include "base/bytes.h"
#include "base/json.h"
#include "base/text.h"

namespace assay::adapter::metalrt {
namespace {

constexpr std::size_t path_bytes_max = 16 << 10;
constexpr std::size_t name_bytes_max = 256;
constexpr std::size_t capabilities_max = 32;
constexpr std::size_t detail_bytes_max = 4096;
constexpr std::uint64_t tokens_max = std::numeric_limits<std::int32_t>::max();

struct ToJson {
  Json& out;
  void operator()(const Open& m) const {
    out["protocol"] = m.protocol;
    out["library"] = m.library;
    out["model"] = m.model;
  }
  void operator()(const Opened& m) const {
    out["capabilities"] = m.capabilities;
    out["model"] = m.model;
    out["device"] = m.device;
    out["context"] = m.context;
  }
  void operator()(const Generate& m) const {
    out["prompt"] = m.prompt;
    out["raw"] = m.raw;
    out["output_tokens_max"] = m.output_tokens_max;
    out["top_k"] = m.top_k;
    out["temperature"] = m.temperature;
    out["ignore_eos"] = m.ignore_eos;
  }
  void operator()(const Piece& m) const { out["text"] = m.text; }
  void operator()(const Done& m) const {
    out["prompt_tokens"] = m.prompt_tokens;
    out["output_tokens"] = m.output_tokens;
    out["prefill_ms"] = m.prefill_ms;
    out["decode_ms"] = m.decode_ms;
  }
  void operator()(const Count& m) const { out["text"] = m.text; }
  void operator()(const Counted& m) const { out["count"] = m.count; }
  void operator()(const Cancel&) const {}
  void operator()(const Failed& m) const {
    out["code"] = static_cast<std::uint32_t>(m.error.code);
    out["detail"] = plain_text(m.error.detail, detail_bytes_max);
  }
};

// Members' texts are plain text; prompts and pieces may be any, so they are taken here, as are numbers with a point.
Result<std::string> take_text(Json& object, const char* key, std::size_t bytes_max) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_string()) return fail(Errc::bad_value, std::string(key) + ": expected text");
  std::string text = found->get<std::string>();
  if (text.size() > bytes_max) {
    return fail(Errc::bad_value, std::string(key) + " of " + std::to_string(text.size()) + " bytes, expected at most " +
                                     std::to_string(bytes_max));
  }
  object.erase(key);
  return text;
}

Result<double> take_number(Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || !found->is_number())
    return fail(Errc::bad_value, std::string(key) + ": expected a number");
  const double value = found->get<double>();
  if (!std::isfinite(value) || value < 0) return fail(Errc::bad_value, std::string(key) + ": expected a number from 0");
  object.erase(key);
  return value;
}

template <class M>
Result<Message> ended(Members& members, M message) {
  ASSAY_TRY(members.end());
  return Message(std::move(message));
}

Result<Message> read_open(Json& json) {
  Open m;
  auto library = take_text(json, "library", path_bytes_max);
  if (!library) return std::unexpected(std::move(library.error()));
  auto model = take_text(json, "model", path_bytes_max);
  if (!model) return std::unexpected(std::move(model.error()));
  m.library = std::move(*library);
  m.model = std::move(*model);
  Members members(json, "");
  members.whole("protocol", m.protocol);
  return ended(members, std::move(m));
}

Result<Message> read_opened(const Json& json) {
  Opened m;
  Members members(json, "");
  members.texts("capabilities", m.capabilities, capabilities_max, name_bytes_max);
  members.text("model", m.model, name_bytes_max);
  members.text("device", m.device, name_bytes_max);
  members.whole("context", m.context, 0, tokens_max);
  return ended(members, std::move(m));
}

Result<Message> read_generate(Json& json) {
  Generate m;
  auto prompt = take_text(json, "prompt", frame_bytes_max);
  if (!prompt) return std::unexpected(std::move(prompt.error()));
  const auto temperature = take_number(json, "temperature");
  if (!temperature) return std::unexpected(temperature.error());
  m.prompt = std::move(*prompt);
  m.temperature = *temperature;
  Members members(json, "");
  members.flag("raw", m.raw);
  members.whole("output_tokens_max", m.output_tokens_max, 1, tokens_max);
  members.whole("top_k", m.top_k, 0, tokens_max);
  members.flag("ignore_eos", m.ignore_eos);
  return ended(members, std::move(m));
}

Result<Message> read_done(Json& json) {
  Done m;
  const auto prefill = take_number(json, "prefill_ms");
  if (!prefill) return std::unexpected(prefill.error());
  const auto decode = take_number(json, "decode_ms");
  if (!decode) return std::unexpected(decode.error());
  m.prefill_ms = *prefill;
  m.decode_ms = *decode;
  Members members(json, "");
  members.whole("prompt_tokens", m.prompt_tokens, 0, tokens_max);
  members.whole("output_tokens", m.output_tokens, 0, tokens_max);
  return ended(members, m);
}

Result<Message> read_failed(const Json& json) {
  std::uint32_t code = 0;
  Failed m;
  Members members(json, "");
  members.whole("code", code, 0, static_cast<std::uint64_t>(Errc::bug));
  members.text("detail", m.error.detail, detail_bytes_max);
  m.error.code = static_cast<Errc>(code);
  return ended(members, std::move(m));
}

template <class M>
Result<Message> read_text_only(Json& json) {
  auto text = take_text(json, "text", frame_bytes_max);
  if (!text) return std::unexpected(std::move(text.error()));
  Members members(json, "");
  return ended(members, M{std::move(*text)});
}

Result<Message> read_message(std::string_view text) {
  auto json = parse_json_unique(text, "frame");
  if (!json) return std::unexpected(std::move(json.error()));
  if (!json->is_object()) return fail(Errc::bad_value, "frame: expected an object");
  const auto say = take_text(*json, "say", name_bytes_max);
  if (!say) return std::unexpected(say.error());
  if (*say == "open") return read_open(*json);
  if (*say == "opened") return read_opened(*json);
  if (*say == "generate") return read_generate(*json);
  if (*say == "piece") return read_text_only<Piece>(*json);
  if (*say == "done") return read_done(*json);
  if (*say == "count") return read_text_only<Count>(*json);
  if (*say == "counted") {
    Counted m;
    Members members(*json, "");
    members.whole("count", m.count, 0, tokens_max);
    return ended(members, m);
  }
  if (*say == "cancel") {
    Members members(*json, "");
    return ended(members, Cancel{});
  }
  if (*say == "failed") return read_failed(*json);
  return fail(Errc::bad_value, "frame: say is " + in_quotes(*say, 40));
}

}  // namespace

std::string_view name(const Message& message) {
  constexpr std::array names{"open", "opened", "generate", "piece", "done", "count", "counted", "cancel", "failed"};
  static_assert(names.size() == std::variant_size_v<Message>);
  return names[message.index()];
}

void append(std::vector<std::byte>& out, const Message& message) {
  Json json = Json::object();
  json["say"] = name(message);
  std::visit(ToJson{json}, message);
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  ASSAY_ASSERT(text.size() <= frame_bytes_max);
  const auto length = static_cast<std::uint32_t>(text.size());
  const std::size_t at = out.size();
  out.resize(at + sizeof(length) + text.size());
  std::memcpy(out.data() + at, &length, sizeof(length));
  std::memcpy(out.data() + at + sizeof(length), text.data(), text.size());
}

Result<std::optional<Frame>> read_frame(std::span<const std::byte> bytes) {
  ByteReader in(bytes);
  if (in.remaining() < sizeof(std::uint32_t)) return std::nullopt;
  const auto length = in.read<std::uint32_t>("length");
  if (!length) return std::unexpected(length.error());
  if (*length < 2 || *length > frame_bytes_max) {
    return fail(Errc::bad_value,
                "a frame of " + std::to_string(*length) + " bytes, expected 2.." + std::to_string(frame_bytes_max));
  }
  if (in.remaining() < *length) return std::nullopt;
  const auto text = in.text(*length, "frame");
  if (!text) return std::unexpected(text.error());
  auto message = read_message(*text);
  if (!message) return std::unexpected(std::move(message.error()));
  return Frame{std::move(*message), sizeof(std::uint32_t) + *length};
}

}  // namespace assay::adapter::metalrt
