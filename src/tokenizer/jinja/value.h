// The values that a template computes with, as Python has them.
//
// Ownership: strings are counted and immutable. Everything that can hold other values (Object) belongs to the Heap of one
// render and dies with it, so that cycles (a namespace that holds itself) and deep nests cost nothing to destroy.
// Lists and dicts never change once a template can see them; only Namespace, Cycler, Joiner, Generator, Loop do.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "tokenizer/jinja/limits.h"
#include "tokenizer/jinja/try.h"

namespace assay::jinja {

class Machine;
class Heap;

struct Text {
  std::string bytes;       // valid UTF-8
  std::size_t points = 0;  // code points in it; equal to bytes.size() when all is ASCII
  bool markup = false;     // marked safe: `+` and `%` escape what is added to it
  std::size_t* live = nullptr;

  Text() = default;
  Text(const Text&) = delete;
  Text& operator=(const Text&) = delete;
  ~Text() {
    if (live != nullptr) *live -= bytes.size() + sizeof(Text);
  }
  bool ascii() const { return points == bytes.size(); }
};
using TextPtr = std::shared_ptr<const Text>;

// A string without a heap; for constants of the template. `bytes` must be valid UTF-8.
TextPtr make_text(std::string bytes);

enum class ObjectKind : std::uint8_t {
  list,
  tuple,
  dict,
  dict_view,
  range,
  generator,
  space,
  macro,
  loop,
  builtin,
  method,
  cycler,
  joiner,
  frame,
  why
};

struct Object {
  const ObjectKind kind;
  explicit Object(ObjectKind k) : kind(k) {}
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;
};

struct Missing {};  // a variable that was never set; never escapes a frame's slots
struct None {};

// Why a value is undefined; made into a sentence only when somebody asks.
struct Why final : Object {
  Why() : Object(ObjectKind::why) {}
  std::string sentence;
  bool unsafe = false;  // an attribute that the sandbox hides: its use is a SecurityError
};
struct Undefined {
  const Why* why = nullptr;
};

class Value {
 public:
  Value() : data_(Undefined{}) {}
  Value(None n) : data_(n) {}       // NOLINT(google-explicit-constructor)
  Value(Missing m) : data_(m) {}    // NOLINT(google-explicit-constructor)
  Value(Undefined u) : data_(u) {}  // NOLINT(google-explicit-constructor)
  explicit Value(bool b) : data_(b) {}
  explicit Value(std::int64_t i) : data_(i) {}
  explicit Value(double d) : data_(d) {}
  Value(TextPtr text) : data_(std::move(text)) {}  // NOLINT(google-explicit-constructor)
  Value(Object* object) : data_(object) {}         // NOLINT(google-explicit-constructor)
  template <class T>
    requires(!std::derived_from<T, Object>)
  explicit Value(const T*) = delete;  // a pointer must not become a bool

  bool is_missing() const { return std::holds_alternative<Missing>(data_); }
  bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  bool is_none() const { return std::holds_alternative<None>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  bool is_int() const { return std::holds_alternative<std::int64_t>(data_); }
  bool is_float() const { return std::holds_alternative<double>(data_); }
  bool is_text() const { return std::holds_alternative<TextPtr>(data_); }
  bool is_object() const { return std::holds_alternative<Object*>(data_); }
  bool is_integral() const { return is_bool() || is_int(); }  // Python: a bool is an int
  bool is_number() const { return is_integral() || is_float(); }

  const Why* why() const { return std::get<Undefined>(data_).why; }
  bool boolean() const { return std::get<bool>(data_); }
  std::int64_t integer() const { return is_bool() ? (boolean() ? 1 : 0) : std::get<std::int64_t>(data_); }
  double real() const { return is_float() ? std::get<double>(data_) : static_cast<double>(integer()); }
  const TextPtr& text() const { return std::get<TextPtr>(data_); }
  const std::string& bytes() const { return text()->bytes; }
  Object* object() const { return std::get<Object*>(data_); }
  bool is(ObjectKind kind) const { return is_object() && object()->kind == kind; }
  bool is_sequence() const { return is(ObjectKind::list) || is(ObjectKind::tuple); }

  // The object as T, or nullptr.
  template <class T>
  T* as() const {
    return is_object() && object()->kind == T::object_kind ? static_cast<T*>(object()) : nullptr;
  }

 private:
  std::variant<Undefined, Missing, None, bool, std::int64_t, double, TextPtr, Object*> data_;
};

using Named = std::vector<std::pair<std::string, Value>>;
struct Arguments {
  std::vector<Value> positional;
  Named named;
};

// list and tuple.
struct Sequence final : Object {
  explicit Sequence(ObjectKind k) : Object(k) {}
  std::vector<Value> items;
  bool group = false;  // a tuple from groupby: .grouper and .list name its parts
};

// Insertion-ordered; keys compare as Python's do (1, 1.0 and true are one key).
struct Dict final : Object {
  static constexpr ObjectKind object_kind = ObjectKind::dict;
  Dict() : Object(object_kind) {}
  std::vector<std::pair<Value, Value>> entries;
  std::unordered_multimap<std::uint64_t, std::uint32_t> index;  // hash -> entry; kept from 9 entries on
};

struct DictView final : Object {
  static constexpr ObjectKind object_kind = ObjectKind::dict_view;
  enum class Part : std::uint8_t { keys, values, items };
  DictView(const Dict* d, Part p) : Object(object_kind), dict(d), part(p) {}
  const Dict* dict;
  Part part;
};

struct Range final : Object {
  static constexpr ObjectKind object_kind = ObjectKind::range;
  Range(std::int64_t a, std::int64_t e, std::int64_t s, std::int64_t n)
      : Object(object_kind), start(a), stop(e), step(s), count(n) {}
  std::int64_t start, stop, step, count;
  // The item there; one step outside either end is computed too, and may wrap.
  std::int64_t at(std::int64_t i) const {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(start) +
                                     static_cast<std::uint64_t>(step) * static_cast<std::uint64_t>(i));
  }
};

// One-shot and lazy, as Python's generators: errors come when an item is asked for.
struct Generator final : Object {
  static constexpr ObjectKind object_kind = ObjectKind::generator;
  using Next = std::function<Result<std::optional<Value>>()>;
  Generator(Next n, std::string_view name) : Object(object_kind), next(std::move(n)), type_name(name) {}
  Next next;
  std::string_view type_name;
  bool done = false;
  bool running = false;
};

struct Namespace final : Object {
  static constexpr ObjectKind object_kind = ObjectKind::space;
  Namespace() : Object(object_kind) {}
  Dict attributes;
};

// The variables of one call: slots are given out by the resolver.
struct Frame final : Object {
  static constexpr ObjectKind object_kind = ObjectKind::frame;
  Frame(Frame* p, std::size_t n) : Object(object_kind), parent(p), slots(n, Value(Missing{})) {}
  Frame* parent;
  std::vector<Value> slots;
  bool captured = false;  // a macro defined here may still read it after the call
};

struct MacroCode;
struct Macro final : Object {
  static constexpr ObjectKind object_kind = ObjectKind::macro;
  Macro(const MacroCode* c, Frame* f) : Object(object_kind), code(c), frame(f) {}
  const MacroCode* code;
  Frame* frame;  // where it was defined
};

struct Builtin final : Object {
  static constexpr ObjectKind object_kind = ObjectKind::builtin;
  using Call = Result<Value> (*)(Machine&, const Arguments&);
  Builtin(std::string_view n, Call c, bool is_type) : Object(object_kind), name(n), call(c), type(is_type) {}
  std::string_view name;
  Call call;
  bool type;  // prints as a class, not as a function
};

struct Method final : Object {
  static constexpr ObjectKind object_kind = ObjectKind::method;
  using Call = Result<Value> (*)(Machine&, const Value& self, const Arguments&);
  Method(Value s, std::string_view n, Call c) : Object(object_kind), self(std::move(s)), name(n), call(c) {}
  Value self;
  std::string_view name;
  Call call;
};

struct Cycler final : Object {
  static constexpr ObjectKind object_kind = ObjectKind::cycler;
  Cycler() : Object(object_kind) {}
  std::vector<Value> items;
  std::size_t position = 0;
};

struct Joiner final : Object {
  static constexpr ObjectKind object_kind = ObjectKind::joiner;
  Joiner() : Object(object_kind) {}
  Value separator;
  bool used = false;
};

// Owns the objects of one render and counts what it may still spend.
class Heap {
 public:
  explicit Heap(const Limits& limits) : limits_(limits), live_(std::make_unique<std::size_t>(0)) {}

  template <class T, class... A>
  T* make(A&&... arguments) {
    auto owned = std::make_unique<T>(std::forward<A>(arguments)...);
    T* made = owned.get();
    objects_.push_back(std::move(owned));
    *live_ += sizeof(T) + 16;
    return made;
  }
  Sequence* list(std::vector<Value> items = {});
  Sequence* tuple(std::vector<Value> items = {});
  Value text(std::string bytes, bool markup = false);
  Value undefined(std::string sentence, bool unsafe = false);

  // Called once per unit of work. Errc::full when steps or memory are spent.
  Result<void> step(std::uint64_t count = 1) {
    steps_ += count;
    if (steps_ > limits_.steps_max || *live_ > limits_.live_bytes_max) return spent();
    return {};
  }
  // Before something of `bytes` is made. Errc::full.
  Result<void> room(std::uint64_t bytes) const;
  // Containers grow after they are made; what they grow by is told here.
  void grown(std::size_t bytes) { *live_ += bytes; }
  const Limits& limits() const { return limits_; }
  std::uint64_t steps() const { return steps_; }

  // One level of recursion; Errc::full past limits.depth_max.
  class Depth {
   public:
    explicit Depth(Heap& heap) : heap_(heap) { ++heap_.depth_; }
    ~Depth() { --heap_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;
    bool fits() const { return heap_.depth_ <= heap_.limits_.depth_max; }
    std::unexpected<Error> error() const;

   private:
    Heap& heap_;
  };

 private:
  Result<void> spent() const;

  const Limits limits_;
  std::unique_ptr<std::size_t> live_;  // outlives objects_: strings tell it when they go
  std::vector<std::unique_ptr<Object>> objects_;
  std::uint64_t steps_ = 0;
  std::size_t depth_ = 0;
};

// "TypeError: ..." as Errc::bad_value: errors carry the name that Python gives them.
std::unexpected<Error> raise(std::string_view type, std::string sentence);

// "str", "int", "list", "dict", "NoneType", ...
std::string_view type_name(const Value& value);

}  // namespace assay::jinja
