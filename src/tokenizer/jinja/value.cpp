#include "tokenizer/jinja/value.h"

#include "tokenizer/jinja/unicode.h"

namespace assay::jinja {

TextPtr make_text(std::string bytes) {
  auto text = std::make_shared<Text>();
  text->points = count_points(bytes);
  text->bytes = std::move(bytes);
  return text;
}

Value Heap::text(std::string bytes, bool markup) {
  auto text = std::make_shared<Text>();
  text->points = count_points(bytes);
  text->bytes = std::move(bytes);
  text->markup = markup;
  text->live = live_.get();
  *live_ += text->bytes.size() + sizeof(Text);
  return TextPtr(std::move(text));
}

Sequence* Heap::list(std::vector<Value> items) {
  auto* made = make<Sequence>(ObjectKind::list);
  grown(items.size() * sizeof(Value));
  made->items = std::move(items);
  return made;
}

Sequence* Heap::tuple(std::vector<Value> items) {
  auto* made = make<Sequence>(ObjectKind::tuple);
  grown(items.size() * sizeof(Value));
  made->items = std::move(items);
  return made;
}

Value Heap::undefined(std::string sentence, bool unsafe) {
  auto* why = make<Why>();
  grown(sentence.size());
  why->sentence = std::move(sentence);
  why->unsafe = unsafe;
  return Undefined{why};
}

Result<void> Heap::room(std::uint64_t bytes) const {
  if (bytes > limits_.live_bytes_max || *live_ + bytes > limits_.live_bytes_max) {
    return fail(Errc::full, "the template asks for a value of " + std::to_string(bytes) + " bytes; at most " +
                                std::to_string(limits_.live_bytes_max) + " bytes may be alive while rendering");
  }
  return {};
}

Result<void> Heap::spent() const {
  if (steps_ > limits_.steps_max) {
    return fail(Errc::full, "the template does not end within " + std::to_string(limits_.steps_max) + " steps");
  }
  return fail(Errc::full, "the template keeps more than " + std::to_string(limits_.live_bytes_max) +
                              " bytes of values alive while rendering");
}

std::unexpected<Error> Heap::Depth::error() const {
  return fail(Errc::full, "RecursionError: nesting deeper than " + std::to_string(heap_.limits_.depth_max) + " levels");
}

std::unexpected<Error> raise(std::string_view type, std::string sentence) {
  return fail(Errc::bad_value, std::string(type) + ": " + std::move(sentence));
}

std::string_view type_name(const Value& value) {
  if (value.is_undefined() || value.is_missing()) return "Undefined";
  if (value.is_none()) return "NoneType";
  if (value.is_bool()) return "bool";
  if (value.is_int()) return "int";
  if (value.is_float()) return "float";
  if (value.is_text()) return value.text()->markup ? "Markup" : "str";
  switch (value.object()->kind) {
    case ObjectKind::list:
      return "list";
    case ObjectKind::tuple:
      return static_cast<Sequence*>(value.object())->group ? "_GroupTuple" : "tuple";
    case ObjectKind::dict:
      return "dict";
    case ObjectKind::dict_view:
      switch (static_cast<DictView*>(value.object())->part) {
        case DictView::Part::keys:
          return "dict_keys";
        case DictView::Part::values:
          return "dict_values";
        case DictView::Part::items:
          return "dict_items";
      }
      return "dict_items";
    case ObjectKind::range:
      return "range";
    case ObjectKind::generator:
      return static_cast<Generator*>(value.object())->type_name;
    case ObjectKind::space:
      return "Namespace";
    case ObjectKind::macro:
      return "Macro";
    case ObjectKind::loop:
      return "LoopContext";
    case ObjectKind::builtin:
      return static_cast<Builtin*>(value.object())->type ? "type" : "function";
    case ObjectKind::method:
      return "builtin_function_or_method";
    case ObjectKind::cycler:
      return "Cycler";
    case ObjectKind::joiner:
      return "Joiner";
    case ObjectKind::frame:
    case ObjectKind::why:
      break;
  }
  return "object";
}

}  // namespace assay::jinja
