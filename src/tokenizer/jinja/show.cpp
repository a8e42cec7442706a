// str() and repr().
#include "tokenizer/jinja/machine.h"
#include "tokenizer/jinja/number.h"
#include "tokenizer/jinja/operations.h"
#include "tokenizer/jinja/unicode.h"

namespace assay::jinja {
namespace {

void append_hex(std::string& out, Point point, int digits) {
  static constexpr std::string_view hex = "0123456789abcdef";
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    out.push_back(hex[static_cast<std::size_t>((point >> shift) & 0xf)]);
  }
}

class Writer {
 public:
  explicit Writer(Machine& machine) : machine_(machine) {}

  Result<void> write(const Value& value) {
    ASSAY_TRY(machine_.heap.step());
    ASSAY_TRY(machine_.heap.room(out_.size()));
    if (value.is_undefined() || value.is_missing()) return append("Undefined");
    if (value.is_none()) return append("None");
    if (value.is_bool()) return append(value.boolean() ? "True" : "False");
    if (value.is_int()) return append(std::to_string(value.integer()));
    if (value.is_float()) return append(float_repr(value.real()));
    if (value.is_text()) {
      if (!value.text()->markup) return append(repr_text(value.bytes()));
      return append("Markup(" + repr_text(value.bytes()) + ")");
    }
    const Heap::Depth depth(machine_.heap);
    if (!depth.fits()) return depth.error();
    return write_object(value);
  }

  std::string take() { return std::move(out_); }

 private:
  Result<void> append(std::string_view text) {
    out_ += text;
    return {};
  }

  Result<void> write_items(std::string_view open, const std::vector<Value>& items, std::string_view close) {
    out_ += open;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out_ += ", ";
      ASSAY_TRY(write(items[i]));
    }
    out_ += close;
    return {};
  }

  Result<void> write_dict(const Dict& dict) {
    out_ += "{";
    for (std::size_t i = 0; i < dict.entries.size(); ++i) {
      if (i > 0) out_ += ", ";
      ASSAY_TRY(write(dict.entries[i].first));
      out_ += ": ";
      ASSAY_TRY(write(dict.entries[i].second));
    }
    out_ += "}";
    return {};
  }

  Result<void> write_view(const DictView& view) {
    std::vector<Value> items;
    items.reserve(view.dict->entries.size());
    for (std::size_t i = 0; i < view.dict->entries.size(); ++i) items.push_back(view_item(machine_.heap, view, i));
    const std::string_view name = view.part == DictView::Part::keys     ? "dict_keys(["
                                  : view.part == DictView::Part::values ? "dict_values(["
                                                                        : "dict_items([";
    return write_items(name, items, "])");
  }

  Result<void> write_loop(const Value& value) {
    auto& loop = *static_cast<Loop*>(value.object());
    JINJA_LET(count, machine_.loop_length(loop));
    return append("<LoopContext " + std::to_string(loop.index0 + 1) + "/" + std::to_string(count) + ">");
  }

  Result<void> write_object(const Value& value) {
    Object* object = value.object();
    switch (object->kind) {
      case ObjectKind::list:
        return write_items("[", static_cast<Sequence*>(object)->items, "]");
      case ObjectKind::tuple: {
        const auto& items = static_cast<Sequence*>(object)->items;
        return write_items("(", items, items.size() == 1 ? ",)" : ")");
      }
      case ObjectKind::dict:
        return write_dict(*static_cast<Dict*>(object));
      case ObjectKind::dict_view:
        return write_view(*static_cast<DictView*>(object));
      case ObjectKind::range: {
        const auto* range = static_cast<Range*>(object);
        return append("range(" + std::to_string(range->start) + ", " + std::to_string(range->stop) +
                      (range->step == 1 ? "" : ", " + std::to_string(range->step)) + ")");
      }
      case ObjectKind::space:
        out_ += "<Namespace ";
        ASSAY_TRY(write_dict(static_cast<Namespace*>(object)->attributes));
        out_ += ">";
        return {};
      case ObjectKind::macro: {
        const auto& name = static_cast<Macro*>(object)->code->name;
        return append("<Macro " + (name.empty() ? "anonymous" : repr_text(name)) + ">");
      }
      case ObjectKind::builtin: {
        const auto* builtin = static_cast<Builtin*>(object);
        return append((builtin->type ? "<class '" : "<function ") + std::string(builtin->name) +
                      (builtin->type ? "'>" : ">"));
      }
      case ObjectKind::method: {
        const auto* method = static_cast<Method*>(object);
        return append("<built-in method " + std::string(method->name) + " of " + std::string(type_name(method->self)) +
                      " object>");
      }
      case ObjectKind::loop:
        return write_loop(value);
      // Python prints an address here; nobody can depend on it
      default:
        return append("<" + std::string(type_name(value)) + " object>");
    }
  }

  Machine& machine_;
  std::string out_;
};

}  // namespace

std::string repr_text(std::string_view text) {
  const bool twice = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = twice ? '"' : '\'';
  std::string out(1, quote);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const Point p = next_point(text, at);
    if (p == quote || p == '\\') {
      out += '\\';
      out += static_cast<char>(p);
    } else if (p == '\n') {
      out += "\\n";
    } else if (p == '\r') {
      out += "\\r";
    } else if (p == '\t') {
      out += "\\t";
    } else if (is_printable(p)) {
      out += text.substr(begin, at - begin);
    } else {
      out += p < 0x100 ? "\\x" : p < 0x10000 ? "\\u" : "\\U";
      append_hex(out, p, p < 0x100 ? 2 : p < 0x10000 ? 4 : 8);
    }
  }
  out += quote;
  return out;
}

Result<std::string> repr(Machine& machine, const Value& value) {
  Writer writer(machine);
  ASSAY_TRY(writer.write(value));
  return writer.take();
}

Result<std::string> to_string(Machine& machine, const Value& value) {
  if (value.is_text()) return value.bytes();
  if (value.is_undefined() || value.is_missing()) return std::string();
  return repr(machine, value);
}

Result<Value> to_text(Machine& machine, const Value& value) {
  if (value.is_text() && !value.text()->markup) return value;
  JINJA_LET(text, to_string(machine, value));
  return machine.heap.text(std::move(text));
}

}  // namespace assay::jinja
