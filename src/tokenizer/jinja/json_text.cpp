#include "tokenizer/jinja/json_text.h"

#include <cmath>

#include "tokenizer/jinja/attribute_path.h"
#include "tokenizer/jinja/machine.h"
#include "tokenizer/jinja/number.h"
#include "tokenizer/jinja/operations.h"
#include "tokenizer/jinja/unicode.h"

namespace assay::jinja {
namespace {

std::string real_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return float_repr(value);
}

class JsonWriter {
 public:
  JsonWriter(Machine& machine, const JsonStyle& style) : machine_(machine), style_(style) {}

  Result<void> write(const Value& value, std::size_t level) {
    ASSAY_TRY(machine_.heap.step());
    ASSAY_TRY(machine_.heap.room(out_.size()));
    if (value.is_none()) return append("null");
    if (value.is_bool()) return append(value.boolean() ? "true" : "false");
    if (value.is_int()) return append(std::to_string(value.integer()));
    if (value.is_float()) return append(real_text(value.real()));
    if (value.is_text()) return write_text(value.bytes());
    const Heap::Depth depth(machine_.heap);
    if (!depth.fits()) return depth.error();
    if (value.is_sequence()) return write_list(static_cast<Sequence*>(value.object())->items, level);
    if (const auto* dict = value.as<Dict>()) return write_dict(*dict, level);
    return raise("TypeError", "Object of type " + std::string(type_name(value)) + " is not JSON serializable");
  }

  std::string take() { return std::move(out_); }

 private:
  Result<void> append(std::string_view text) {
    out_ += text;
    return {};
  }

  void line(std::size_t level) {
    if (!style_.lines) return;
    out_ += '\n';
    for (std::size_t i = 0; i < level; ++i) out_ += style_.indent;
  }

  void hex4(Point unit) {
    static constexpr std::string_view hex = "0123456789abcdef";
    out_ += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out_ += hex[static_cast<std::size_t>((unit >> shift) & 0xf)];
  }

  Result<void> write_text(std::string_view text) {
    out_ += '"';
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t begin = at;
      const Point p = next_point(text, at);
      switch (p) {
        case '"':
          out_ += "\\\"";
          continue;
        case '\\':
          out_ += "\\\\";
          continue;
        case '\n':
          out_ += "\\n";
          continue;
        case '\r':
          out_ += "\\r";
          continue;
        case '\t':
          out_ += "\\t";
          continue;
        case '\b':
          out_ += "\\b";
          continue;
        case '\f':
          out_ += "\\f";
          continue;
        default:
          break;
      }
      if (p < 0x20 || (style_.ascii && p > 0x7e && p < 0x10000)) {
        hex4(p);
      } else if (style_.ascii && p >= 0x10000) {
        hex4(0xd800 + ((p - 0x10000) >> 10));
        hex4(0xdc00 + ((p - 0x10000) & 0x3ff));
      } else {
        out_ += text.substr(begin, at - begin);
      }
    }
    out_ += '"';
    return {};
  }

  Result<void> write_list(const std::vector<Value>& items, std::size_t level) {
    if (items.empty()) return append("[]");
    out_ += '[';
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_ += style_.item_separator;
      line(level + 1);
      ASSAY_TRY(write(items[i], level + 1));
    }
    line(level);
    return append("]");
  }

  Result<std::string> key_text(const Value& key) const {
    if (key.is_text()) return key.bytes();
    if (key.is_none()) return std::string("null");
    if (key.is_bool()) return std::string(key.boolean() ? "true" : "false");
    if (key.is_int()) return std::to_string(key.integer());
    if (key.is_float()) return real_text(key.real());
    return raise("TypeError", "keys must be str, int, float, bool or None, not " + std::string(type_name(key)));
  }

  Result<void> write_dict(const Dict& dict, std::size_t level) {
    if (dict.entries.empty()) return append("{}");
    std::vector<Keyed> order;  // the values' places, by key
    order.reserve(dict.entries.size());
    for (std::size_t i = 0; i < dict.entries.size(); ++i) {
      order.push_back({dict.entries[i].first, Value(static_cast<std::int64_t>(i))});
    }
    if (style_.sort_keys) ASSAY_TRY(sort_keyed(machine_, order));
    out_ += '{';
    for (std::size_t i = 0; i < order.size(); ++i) {
      if (i > 0) out_ += style_.item_separator;
      line(level + 1);
      JINJA_LET(key, key_text(order[i].key));
      ASSAY_TRY(write_text(key));
      out_ += style_.key_separator;
      ASSAY_TRY(write(dict.entries[static_cast<std::size_t>(order[i].item.integer())].second, level + 1));
    }
    line(level);
    return append("}");
  }

  Machine& machine_;
  const JsonStyle& style_;
  std::string out_;
};

}  // namespace

Result<std::string> json_text(Machine& machine, const Value& value, const JsonStyle& style) {
  JsonWriter writer(machine, style);
  ASSAY_TRY(writer.write(value, 0));
  return writer.take();
}

}  // namespace assay::jinja
