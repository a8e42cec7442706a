#include "adapter/worker/wire.h"

#include <array>
#include <cmath>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>

#include "adapter/worker/plain_text.h"
#include "base/bytes.h"

namespace assay::adapter::wire {
namespace {

constexpr std::uint32_t magic = 0x59535341;  // "ASSY"
constexpr std::size_t slot_bytes = 16;

struct KindRule {
  const char* name;
  Sender sender;
  std::size_t least;  // bytes of the body
  std::size_t most;
};
constexpr std::array<KindRule, std::variant_size_v<Message>> rules = {{
    {"hello", Sender::worker, 6, 6 + 2 * name_bytes_max + build_bytes_max},
    {"load", Sender::host, 2, settings_bytes_max},
    {"progress", Sender::worker, 8, 8},
    {"loaded", Sender::worker, 2, facts_bytes_max},
    {"forward", Sender::host, 4 + slot_bytes, 4 + slot_bytes* slots_max},
    {"done", Sender::worker, 16, 16},
    {"forget", Sender::host, 12, 12},
    {"share", Sender::host, 12, 12},
    {"memory", Sender::host, 0, 0},
    {"memory_use", Sender::worker, 24, 24},
    {"error", Sender::worker, 10, 10 + detail_bytes_max},
    {"close", Sender::host, 0, 0},
}};

// ---- writing

template <class T>
void put(std::vector<std::byte>& out, T value) {
  const auto bytes = std::bit_cast<std::array<std::byte, sizeof(T)>>(value);
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void put_text(std::vector<std::byte>& out, std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  out.insert(out.end(), bytes.begin(), bytes.end());
}

void put_short_text(std::vector<std::byte>& out, std::string_view text) {
  put(out, static_cast<std::uint16_t>(text.size()));
  put_text(out, text);
}

struct Body {
  std::vector<std::byte>& out;
  void operator()(const Hello& m) const {
    ASSAY_ASSERT(m.engine.size() <= name_bytes_max && m.version.size() <= name_bytes_max);
    ASSAY_ASSERT(is_plain_text(m.engine) && is_plain_text(m.version) && is_plain_text(m.build));
    put_short_text(out, m.engine);
    put_short_text(out, m.version);
    put_short_text(out, m.build);
  }
  void operator()(const Load& m) const { put_text(out, m.settings); }
  void operator()(const Loading& m) const { put(out, m.share); }
  void operator()(const Loaded& m) const { put_text(out, m.facts); }
  void operator()(const Forward& m) const {
    put(out, static_cast<std::uint32_t>(m.slots.size()));
    for (const Slot& slot : m.slots) {
      put(out, slot.seq);
      put(out, slot.pos);
      put(out, slot.token);
      put(out, static_cast<std::uint32_t>(slot.wants_logits ? 1 : 0));
    }
  }
  void operator()(const Done& m) const {
    put(out, m.rows);
    put(out, std::uint32_t{0});
    put(out, m.engine_ns);
  }
  void operator()(const Forget& m) const {
    put(out, m.seq);
    put(out, m.from);
    put(out, m.to);
  }
  void operator()(const Share& m) const {
    put(out, m.from);
    put(out, m.to);
    put(out, m.upto);
  }
  void operator()(const AskMemory&) const {}
  void operator()(const TellMemory& m) const {
    put(out, m.use.weights);
    put(out, m.use.kv);
    put(out, m.use.scratch);
  }
  void operator()(const Failed& m) const {
    ASSAY_ASSERT(is_plain_text(m.error.detail));
    put(out, static_cast<std::uint16_t>(m.error.code));
    put(out, m.error.at);
    put_text(out, m.error.detail);
  }
  void operator()(const Close&) const {}
};

// ---- reading. Lengths were checked against the kind's rule: what reads past the end is refused by the cursor all the same.

std::unexpected<Error> refuse(std::string what, std::uint64_t at) { return fail(Errc::bad_value, std::move(what), at); }

struct TextField {
  std::string* target;
  const char* what;
  std::size_t most;
};

Result<Message> read_hello(ByteReader& in) {
  Hello m;
  for (const TextField& field :
       {TextField{&m.engine, "engine", name_bytes_max}, TextField{&m.version, "version", name_bytes_max},
        TextField{&m.build, "build", build_bytes_max}}) {
    const auto size = in.read<std::uint16_t>(field.what);
    if (!size) return std::unexpected(size.error());
    if (*size > field.most)
      return refuse(std::string(field.what) + " of " + std::to_string(*size) + " bytes", in.position());
    const auto text = in.text(*size, field.what);
    if (!text) return std::unexpected(text.error());
    if (!is_plain_text(*text)) return refuse(std::string(field.what) + " that is not plain text", in.position());
    *field.target = *text;
  }
  return m;
}

Result<Message> read_progress(ByteReader& in) {
  const auto share = in.read<double>("share");
  if (!share) return std::unexpected(share.error());
  if (!(*share >= 0 && *share <= 1)) return refuse("a share of the loading outside 0..1", in.position());
  return Loading{*share};
}

Result<Message> read_forward(ByteReader& in) {
  const auto count = in.read<std::uint32_t>("slot count");
  if (!count) return std::unexpected(count.error());
  if (in.remaining() != std::uint64_t{*count} * slot_bytes) {
    return refuse(std::to_string(*count) + " slots in " + std::to_string(in.remaining()) + " bytes", in.position());
  }
  Forward m;
  m.slots.reserve(*count);
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto seq = in.read<SeqId>("seq");
    const auto pos = in.read<Position>("pos");
    const auto token = in.read<Token>("token");
    const auto wants = in.read<std::uint32_t>("wants_logits");
    if (!wants) return std::unexpected(wants.error());
    if (*wants > 1) return refuse("wants_logits of " + std::to_string(*wants), in.position());
    m.slots.push_back({*seq, *pos, *token, *wants == 1});
  }
  return m;
}

Result<Message> read_done(ByteReader& in) {
  const auto rows = in.read<std::uint32_t>("rows");
  const auto zero = in.read<std::uint32_t>("zero");
  const auto engine_ns = in.read<std::int64_t>("engine_ns");
  if (!engine_ns) return std::unexpected(engine_ns.error());
  if (*zero != 0 || *engine_ns < 0) return refuse("a time below zero, or a field that is to be zero", in.position());
  return Done{*rows, *engine_ns};
}

// Forget, Share.
template <class Three>
Result<Message> read_three(ByteReader& in) {
  const auto first = in.read<std::uint32_t>("first number");
  const auto second = in.read<std::uint32_t>("second number");
  const auto third = in.read<std::uint32_t>("third number");
  if (!third) return std::unexpected(third.error());
  return Three{*first, *second, *third};
}

Result<Message> read_memory_use(ByteReader& in) {
  const auto weights = in.read<std::uint64_t>("weights");
  const auto kv = in.read<std::uint64_t>("kv");
  const auto scratch = in.read<std::uint64_t>("scratch");
  if (!scratch) return std::unexpected(scratch.error());
  constexpr std::uint64_t most = 1ULL << 50U;  // a pebibyte: sums of these stay sums
  if (*weights > most || *kv > most || *scratch > most) return refuse("a memory use above 1 PiB", in.position());
  return TellMemory{{*weights, *kv, *scratch}};
}

Result<Message> read_error(ByteReader& in) {
  const auto code = in.read<std::uint16_t>("code");
  const auto at = in.read<std::uint64_t>("at");
  if (!at) return std::unexpected(at.error());
  if (*code > static_cast<std::uint16_t>(Errc::bug))
    return refuse("error code " + std::to_string(*code), in.position());
  const auto detail = in.text(in.remaining(), "detail");
  if (!detail) return std::unexpected(detail.error());
  if (!is_plain_text(*detail)) return refuse("an error that is not plain text", in.position());
  return Failed{{static_cast<Errc>(*code), *at, std::string(*detail)}};
}

// Load, Loaded: the JSON is read by load_settings.h and loaded_facts.h.
template <class Text>
Result<Message> read_json_text(ByteReader& in) {
  const auto text = in.text(in.remaining(), "JSON");
  if (!text) return std::unexpected(text.error());
  return Text{std::string(*text)};
}

Result<Message> read_body(std::size_t index, ByteReader& in) {
  switch (index) {
    case 0:
      return read_hello(in);
    case 1:
      return read_json_text<Load>(in);
    case 2:
      return read_progress(in);
    case 3:
      return read_json_text<Loaded>(in);
    case 4:
      return read_forward(in);
    case 5:
      return read_done(in);
    case 6:
      return read_three<Forget>(in);
    case 7:
      return read_three<Share>(in);
    case 8:
      return AskMemory{};
    case 9:
      return read_memory_use(in);
    case 10:
      return read_error(in);
    default:
      return Close{};
  }
}

}  // namespace

const char* name(const Message& message) { return rules[message.index()].name; }

void append(std::vector<std::byte>& out, std::uint32_t call, const Message& message) {
  const std::size_t start = out.size();
  put(out, magic);
  put(out, protocol_version);
  put(out, static_cast<std::uint16_t>(message.index() + 1));
  put(out, call);
  put(out, std::uint32_t{0});
  std::visit(Body{out}, message);
  const std::size_t length = out.size() - start - header_bytes;
  ASSAY_ASSERT(length >= rules[message.index()].least && length <= rules[message.index()].most);
  const auto length_field = static_cast<std::uint32_t>(length);
  std::memcpy(out.data() + start + 12, &length_field, sizeof length_field);
}

Result<std::optional<Frame>> read(std::span<const std::byte> bytes, Sender sender) {
  if (bytes.size() < header_bytes) return std::nullopt;
  ByteReader header(bytes.first(header_bytes));
  const auto met_magic = header.read<std::uint32_t>("magic");
  const auto version = header.read<std::uint16_t>("version");
  const auto kind = header.read<std::uint16_t>("kind");
  const auto call = header.read<std::uint32_t>("call");
  const auto length = header.read<std::uint32_t>("length");
  if (!length) return std::unexpected(length.error());
  if (*met_magic != magic) return refuse("bytes that begin no frame", 0);
  if (*version != protocol_version) {
    return fail(Errc::unsupported,
                "protocol version " + std::to_string(*version) + ", expected " + std::to_string(protocol_version), 4);
  }
  const std::size_t index = std::size_t{*kind} - 1;
  if (*kind == 0 || index >= rules.size()) return refuse("message kind " + std::to_string(*kind), 6);
  const KindRule& rule = rules[index];
  if (rule.sender != sender) return refuse("message " + std::string(rule.name) + " from the wrong side", 6);
  if (*length < rule.least || *length > rule.most) {
    return refuse("message " + std::string(rule.name) + " of " + std::to_string(*length) + " bytes, expected " +
                      std::to_string(rule.least) + (rule.least == rule.most ? "" : " to " + std::to_string(rule.most)),
                  12);
  }
  if (bytes.size() - header_bytes < *length) return std::nullopt;
  ByteReader body(bytes.subspan(header_bytes, *length));
  auto message = read_body(index, body);
  if (message && body.remaining() != 0) {
    message = refuse(std::to_string(body.remaining()) + " bytes after its end", body.position());
  }
  if (!message) {
    Error error = with_context("message " + std::string(rule.name), std::move(message.error()));
    error.code = Errc::bad_value;  // a frame that is all there and ends early is not a file that was cut
    error.at += header_bytes;
    return std::unexpected(std::move(error));
  }
  return Frame{*call, std::move(*message), header_bytes + *length};
}

}  // namespace assay::adapter::wire
