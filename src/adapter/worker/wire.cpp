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
constexpr std::size_t turn_bytes = 12;
constexpr std::size_t forward_bytes = 16;  // before its slots
constexpr std::size_t decode_bytes = 8;    // before its draws
constexpr std::size_t draw_bytes = 48;     // without its stop tokens

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
    {"forward", Sender::host, forward_bytes + slot_bytes, forward_bytes + (slot_bytes + turn_bytes) * slots_max},
    {"done", Sender::worker, 16, 16},
    {"forget", Sender::host, 12, 12},
    {"share", Sender::host, 12, 12},
    {"memory", Sender::host, 0, 0},
    {"memory_use", Sender::worker, 24, 24},
    {"error", Sender::worker, 10, 10 + detail_bytes_max},
    {"close", Sender::host, 0, 0},
    {"decode", Sender::host, decode_bytes + draw_bytes,
     decode_bytes + (draw_bytes + stops_max * sizeof(Token)) * draws_max},
    {"drawn", Sender::worker, 16, 16 + drawn_max * sizeof(Token)},
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
    put(out, m.embeddings);
    put(out, std::uint32_t{m.turns.empty() ? 0U : 1U});
    put(out, std::uint32_t{0});
    for (const Slot& slot : m.slots) {
      put(out, slot.seq);
      put(out, slot.pos);
      put(out, slot.token);
      put(out, slot.want);
      put(out, slot.source);
      put(out, std::uint16_t{0});
    }
    ASSAY_ASSERT(m.turns.empty() || m.turns.size() == m.slots.size());
    for (const Turn3& turn : m.turns) put(out, turn);
  }
  void operator()(const Done& m) const {
    put(out, m.logits);
    put(out, m.hidden);
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
  void operator()(const Decode& m) const {
    put(out, static_cast<std::uint32_t>(m.orders.size()));
    put(out, m.steps);
    for (const auto& [draw, stop] : m.orders) {
      put(out, draw.seq);
      put(out, draw.pos);
      put(out, draw.token);
      put(out, draw.temperature);
      put(out, draw.top_k);
      put(out, draw.top_p);
      put(out, draw.min_p);
      put(out, static_cast<std::uint32_t>(stop.size()));
      put(out, draw.seed);
      put(out, draw.counter);
      for (const Token token : stop) put(out, token);
    }
  }
  void operator()(const TellDrawn& m) const {
    put(out, m.steps);
    put(out, std::uint32_t{0});
    put(out, m.engine_ns);
    for (const Drawn& drawn : m.drawn) put(out, drawn.token);
  }
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

Result<Slot> read_slot(ByteReader& in) {
  Slot slot;
  slot.seq = *in.read<SeqId>("seq");
  slot.pos = *in.read<Position>("pos");
  slot.token = *in.read<Token>("token");
  const auto want = *in.read<std::uint8_t>("want");
  const auto source = *in.read<std::uint8_t>("source");
  const auto zero = *in.read<std::uint16_t>("zero");
  if (want > static_cast<std::uint8_t>(Want::hidden)) return refuse("want of " + std::to_string(want), in.position());
  if (source > static_cast<std::uint8_t>(Source::embedding))
    return refuse("source of " + std::to_string(source), in.position());
  if (zero != 0) return refuse("a field of a slot that is to be zero", in.position());
  slot.want = static_cast<Want>(want);
  slot.source = static_cast<Source>(source);
  return slot;
}

Result<Message> read_forward(ByteReader& in) {
  const auto count = in.read<std::uint32_t>("slot count");
  const auto embeddings = in.read<std::uint32_t>("rows of embeddings");
  const auto turns = in.read<std::uint32_t>("turns");
  const auto zero = in.read<std::uint32_t>("zero");
  if (!zero) return std::unexpected(zero.error());
  if (*turns > 1) return refuse("turns of " + std::to_string(*turns), in.position());
  if (*zero != 0) return refuse("a field that is to be zero", in.position());
  if (in.remaining() != std::uint64_t{*count} * (slot_bytes + *turns * turn_bytes)) {
    return refuse(std::to_string(*count) + " slots in " + std::to_string(in.remaining()) + " bytes", in.position());
  }
  Forward m;
  m.embeddings = *embeddings;
  m.slots.reserve(*count);
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto slot = read_slot(in);
    if (!slot) return std::unexpected(slot.error());
    m.slots.push_back(*slot);
  }
  if (*turns == 0) return m;
  m.turns.reserve(*count);
  for (std::uint32_t i = 0; i < *count; ++i) {
    Turn3& turn = m.turns.emplace_back();
    for (Position& number : turn) number = *in.read<Position>("turn");
  }
  return m;
}

Result<Message> read_done(ByteReader& in) {
  const auto logits = in.read<std::uint32_t>("rows of logits");
  const auto hidden = in.read<std::uint32_t>("rows of hidden states");
  const auto engine_ns = in.read<std::int64_t>("engine_ns");
  if (!engine_ns) return std::unexpected(engine_ns.error());
  if (*engine_ns < 0) return refuse("a time below zero", in.position());
  return Done{*logits, *hidden, *engine_ns};
}

Result<Decode::Order> read_order(ByteReader& in) {
  if (in.remaining() < draw_bytes)
    return refuse("a draw of " + std::to_string(in.remaining()) + " bytes", in.position());
  Decode::Order order;
  Draw& draw = order.draw;
  draw.seq = *in.read<SeqId>("seq");
  draw.pos = *in.read<Position>("pos");
  draw.token = *in.read<Token>("token");
  draw.temperature = *in.read<float>("temperature");
  draw.top_k = *in.read<std::uint32_t>("top_k");
  draw.top_p = *in.read<float>("top_p");
  draw.min_p = *in.read<float>("min_p");
  const auto stops = *in.read<std::uint32_t>("stop tokens");
  draw.seed = *in.read<std::uint64_t>("seed");
  draw.counter = *in.read<std::uint64_t>("counter");
  if (!(draw.temperature >= 0) || !std::isfinite(draw.temperature))
    return refuse("a temperature below zero, or no number", in.position());
  if (!(draw.top_p >= 0 && draw.top_p <= 1) || !(draw.min_p >= 0 && draw.min_p <= 1))
    return refuse("a top_p or min_p outside 0..1", in.position());
  if (stops > stops_max || in.remaining() < std::uint64_t{stops} * sizeof(Token))
    return refuse(std::to_string(stops) + " stop tokens", in.position());
  for (std::uint32_t i = 0; i < stops; ++i) order.stop.push_back(*in.read<Token>("stop token"));
  return order;
}

Result<Message> read_decode(ByteReader& in) {
  const auto count = in.read<std::uint32_t>("count");
  const auto steps = in.read<std::uint32_t>("steps");
  if (!steps) return std::unexpected(steps.error());
  if (*steps == 0 || *steps > steps_max) return refuse(std::to_string(*steps) + " steps", in.position());
  if (*count == 0 || *count > draws_max || std::uint64_t{*count} * *steps > drawn_max)
    return refuse(std::to_string(*count) + " draws of " + std::to_string(*steps) + " steps", in.position());
  Decode m;
  m.steps = *steps;
  for (std::uint32_t i = 0; i < *count; ++i) {
    auto order = read_order(in);
    if (!order) return std::unexpected(std::move(order.error()));
    m.orders.push_back(std::move(*order));
  }
  return m;
}

Result<Message> read_drawn(ByteReader& in) {
  const auto steps = in.read<std::uint32_t>("steps");
  const auto zero = in.read<std::uint32_t>("zero");
  const auto engine_ns = in.read<std::int64_t>("engine_ns");
  if (!engine_ns) return std::unexpected(engine_ns.error());
  if (*zero != 0 || *engine_ns < 0) return refuse("a time below zero, or a field that is to be zero", in.position());
  if (in.remaining() % sizeof(Token) != 0) return refuse("a part of a token", in.position());
  TellDrawn m{*steps, *engine_ns};
  m.drawn.reserve(in.remaining() / sizeof(Token));
  while (in.remaining() > 0) m.drawn.push_back({*in.read<Token>("token")});
  return m;
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
    case 11:
      return Close{};
    case 12:
      return read_decode(in);
    default:
      return read_drawn(in);
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
