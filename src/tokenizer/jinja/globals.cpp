// Functions that every template can call.
#include <array>

#include "tokenizer/jinja/arguments.h"
#include "tokenizer/jinja/machine.h"
#include "tokenizer/jinja/strftime.h"

namespace assay::jinja {
namespace {

Result<Value> call_range(Machine& machine, const Arguments& arguments) {
  JINJA_LET(a, bind("range", {"", "", ""}, 1, arguments));
  for (const Value* bound : a) {
    if (bound != nullptr && !bound->is_integral()) {
      if (bound->is_undefined()) {
        return raise("TypeError", "'Undefined' object cannot be interpreted as an integer");
      }
      return raise("TypeError", "'" + std::string(type_name(*bound)) + "' object cannot be interpreted as an integer");
    }
  }
  const std::int64_t start = a[1] == nullptr ? 0 : a[0]->integer();
  const std::int64_t stop = a[1] == nullptr ? a[0]->integer() : a[1]->integer();
  const std::int64_t step = a[2] == nullptr ? 1 : a[2]->integer();
  if (step == 0) return raise("ValueError", "range() arg 3 must not be zero");
  std::uint64_t count = 0;
  if (step > 0 && start < stop) {
    count =
        (static_cast<std::uint64_t>(stop) - static_cast<std::uint64_t>(start) - 1) / static_cast<std::uint64_t>(step) +
        1;
  } else if (step < 0 && start > stop) {
    const std::uint64_t size = ~static_cast<std::uint64_t>(step) + 1;
    count = (static_cast<std::uint64_t>(start) - static_cast<std::uint64_t>(stop) - 1) / size + 1;
  }
  const std::int64_t most = machine.heap.limits().range_max;
  if (count > static_cast<std::uint64_t>(most)) {
    return raise("OverflowError",
                 "Range too big. The sandbox blocks ranges larger than MAX_RANGE (" + std::to_string(most) + ").");
  }
  return machine.heap.make<Range>(start, stop, step, static_cast<std::int64_t>(count));
}

// dict(mapping or pairs, **named) into `into`.
Result<void> fill_dict(Machine& machine, std::string_view function, const Arguments& arguments, Dict& into) {
  Heap& heap = machine.heap;
  if (arguments.positional.size() > 1) {
    return raise("TypeError", std::string(function) + " expected at most 1 argument, got " +
                                  std::to_string(arguments.positional.size()));
  }
  if (!arguments.positional.empty()) {
    const Value& given = arguments.positional[0];
    if (const auto* other = given.as<Dict>()) {
      for (const auto& [key, value] : other->entries) ASSAY_TRY(assign(heap, into, key, value));
    } else {
      if (given.is_undefined()) return undefined_error(given);
      JINJA_LET(pairs, collect(machine, given));
      for (std::size_t i = 0; i < pairs.size(); ++i) {
        if (!is_iterable(pairs[i])) {
          return raise("TypeError",
                       "cannot convert dictionary update sequence element #" + std::to_string(i) + " to a sequence");
        }
        JINJA_LET(pair, collect(machine, pairs[i]));
        if (pair.size() != 2) {
          return raise("ValueError", "dictionary update sequence element #" + std::to_string(i) + " has length " +
                                         std::to_string(pair.size()) + "; 2 is required");
        }
        ASSAY_TRY(assign(heap, into, pair[0], pair[1]));
      }
    }
  }
  for (const auto& [key, value] : arguments.named) ASSAY_TRY(assign(heap, into, heap.text(key), value));
  return {};
}

Result<Value> call_dict(Machine& machine, const Arguments& arguments) {
  auto* dict = machine.heap.make<Dict>();
  ASSAY_TRY(fill_dict(machine, "dict", arguments, *dict));
  return dict;
}

Result<Value> call_namespace(Machine& machine, const Arguments& arguments) {
  auto* space = machine.heap.make<Namespace>();
  ASSAY_TRY(fill_dict(machine, "dict", arguments, space->attributes));
  return space;
}

Result<Value> call_cycler(Machine& machine, const Arguments& arguments) {
  if (!arguments.named.empty()) return raise("TypeError", "cycler() takes no keyword arguments");
  if (arguments.positional.empty()) return raise("RuntimeError", "at least one item has to be provided");
  auto* cycler = machine.heap.make<Cycler>();
  cycler->items = arguments.positional;
  return cycler;
}

Result<Value> call_joiner(Machine& machine, const Arguments& arguments) {
  JINJA_LET(a, bind("joiner", {"sep"}, 0, arguments));
  auto* joiner = machine.heap.make<Joiner>();
  joiner->separator = a[0] == nullptr ? machine.heap.text(", ") : *a[0];
  return joiner;
}

Result<Value> call_lipsum(Machine&, const Arguments&) {
  return fail(Errc::unsupported, "lipsum() is random text: it is not supported in a chat template");
}

Result<Value> call_raise(Machine& machine, const Arguments& arguments) {
  JINJA_LET(a, bind("raise_exception", {"message"}, 1, arguments));
  JINJA_LET(message, to_string(machine, *a[0]));
  return raise("TemplateError", std::move(message));
}

Result<Value> call_strftime(Machine& machine, const Arguments& arguments) {
  JINJA_LET(a, bind("strftime_now", {"format"}, 1, arguments));
  JINJA_LET(format, text_argument("strftime_now", a[0], ""));
  if (!machine.now_seconds()) {
    return fail(Errc::unsupported, "the template asks for the date (strftime_now) and no clock was given");
  }
  JINJA_LET(text, format_time(*machine.now_seconds(), format));
  return machine.heap.text(std::move(text));
}

struct Global {
  std::string_view name;
  std::string_view shown;
  Builtin::Call call;
  bool type;
};
constexpr std::array<Global, 8> globals = {{
    {"range", "safe_range", call_range, false},
    {"dict", "dict", call_dict, true},
    {"namespace", "jinja2.utils.Namespace", call_namespace, true},
    {"cycler", "jinja2.utils.Cycler", call_cycler, true},
    {"joiner", "jinja2.utils.Joiner", call_joiner, true},
    {"lipsum", "generate_lorem_ipsum", call_lipsum, false},
    {"raise_exception", "raise_exception", call_raise, false},
    {"strftime_now", "strftime_now", call_strftime, false},
}};

}  // namespace

Result<void> add_globals(Machine& machine, Dict& context) {
  for (const Global& global : globals) {
    Value function = machine.heap.make<Builtin>(global.shown, global.call, global.type);
    ASSAY_TRY(assign(machine.heap, context, machine.heap.text(std::string(global.name)), std::move(function)));
  }
  return {};
}

}  // namespace assay::jinja
