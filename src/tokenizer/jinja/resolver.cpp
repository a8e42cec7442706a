#include "tokenizer/jinja/resolver.h"

#include <algorithm>
#include <map>
#include <set>

#include "tokenizer/jinja/filters.h"
#include "tokenizer/jinja/lexer.h"
#include "tokenizer/jinja/predicates.h"

namespace assay::jinja {
namespace {

// ---- Does a body read a name before it assigns it? (Decides about `loop`, `caller`, `varargs`, `kwargs`.)

class Reads {
 public:
  explicit Reads(std::string_view name) : name_(name) {}

  bool in(const Body& body) {
    for (const auto& statement : body) see(*statement);
    return read_;
  }

 private:
  void see(const ExpressionPtr& expression) {
    if (expression == nullptr || assigned_) return;
    if (expression->kind == ExpressionKind::name && expression->text == name_) {
      (expression->store ? assigned_ : read_) = true;
      return;
    }
    for (const auto& part : expression->parts) see(part);
    for (const auto& part : expression->arguments.positional) see(part);
    for (const auto& [key, part] : expression->arguments.named) see(part);
    see(expression->arguments.spread);
    see(expression->arguments.spread_named);
  }
  void see(const Body& body) {
    for (const auto& statement : body) see(*statement);
  }
  void see(const MacroCode& code) {
    for (const auto& target : code.targets) see(target);
    for (const auto& value : code.defaults) see(value);
    see(code.body);
  }
  void see(const Statement& statement) {
    switch (statement.kind) {
      case StatementKind::loop:
        see(statement.loop->target);
        see(statement.loop->iterable);
        see(statement.loop->body);
        see(statement.loop->otherwise);
        see(statement.loop->condition);
        return;
      case StatementKind::branch:
        for (std::size_t i = 0; i < statement.bodies.size(); ++i) {
          if (i < statement.expressions.size()) see(statement.expressions[i]);
          see(statement.bodies[i]);
        }
        return;
      case StatementKind::with:
        for (std::size_t i = 0; i < statement.expressions.size(); i += 2) see(statement.expressions[i]);
        for (std::size_t i = 1; i < statement.expressions.size(); i += 2) see(statement.expressions[i]);
        see(statement.bodies[0]);
        return;
      case StatementKind::filter_block:
        see(statement.bodies[0]);
        see(statement.expressions[0]);
        return;
      default:
        for (const auto& expression : statement.expressions) see(expression);
        if (statement.macro != nullptr) see(*statement.macro);
        for (const auto& body : statement.bodies) see(body);
        return;
    }
  }

  std::string_view name_;
  bool read_ = false;
  bool assigned_ = false;
};

// ---- Symbols

// One frame at run time: the whole template, a macro, a recursive loop, a loop's condition.
struct Function {
  std::uint32_t depth = 0;
  std::map<std::pair<int, std::string>, std::uint32_t> slots;  // (scope level, name) -> slot
  std::uint32_t slot(int level, const std::string& name) {
    return slots.try_emplace({level, name}, static_cast<std::uint32_t>(slots.size())).first->second;
  }
};

struct Variable {
  Function* function = nullptr;
  std::uint32_t slot = 0;
};

enum class Origin : std::uint8_t { parameter, context, outer, nothing };
struct Definition {
  Variable variable;
  Origin origin = Origin::nothing;
  Variable outer;
};

struct Symbols {
  Symbols* parent = nullptr;
  Function* function = nullptr;
  int level = 0;
  std::map<std::string, Definition> own;
  std::set<std::string> stores;

  const Variable* find(const std::string& name) const {
    for (const Symbols* s = this; s != nullptr; s = s->parent) {
      if (const auto it = s->own.find(name); it != s->own.end()) return &it->second.variable;
    }
    return nullptr;
  }
  const Variable* find_outside(const std::string& name) const {
    return parent == nullptr ? nullptr : parent->find(name);
  }

  void define(const std::string& name, Origin origin, Variable outer = {}) {
    own[name] = Definition{{function, function->slot(level, name)}, origin, outer};
  }
  void parameter(const std::string& name) {
    stores.insert(name);
    define(name, Origin::parameter);
  }
  void load(const std::string& name) {
    if (find(name) == nullptr) define(name, Origin::context);
  }
  void store(const std::string& name) {
    stores.insert(name);
    if (own.contains(name)) return;
    if (const Variable* outer = find_outside(name)) {
      define(name, Origin::outer, *outer);
    } else {
      define(name, Origin::nothing);
    }
  }
  // After an `if`: what its branches assign is this scope's; since a branch may not run, it starts as what is outside.
  void join(const std::vector<Symbols>& branches) {
    std::set<std::string> stored;
    for (const Symbols& branch : branches) stored.insert(branch.stores.begin(), branch.stores.end());
    for (const std::string& name : stores) stored.erase(name);
    for (const Symbols& branch : branches) {
      for (const auto& [name, definition] : branch.own) own[name] = definition;
      stores.insert(branch.stores.begin(), branch.stores.end());
    }
    for (const std::string& name : stored) {
      Definition& definition = own[name];
      if (const Variable* outer = find_outside(name)) {
        definition.origin = Origin::outer;
        definition.outer = *outer;
      } else {
        definition.origin = Origin::context;
      }
    }
  }
};

// Collects what one scope reads and assigns; inner scopes are not looked into.
class Collector {
 public:
  explicit Collector(Symbols& symbols) : symbols_(&symbols) {}

  void see(const ExpressionPtr& expression) {
    if (expression == nullptr) return;
    if (expression->kind == ExpressionKind::name) {
      if (expression->store) {
        symbols_->store(expression->text);
      } else {
        symbols_->load(expression->text);
      }
      return;
    }
    if (expression->kind == ExpressionKind::space_attribute) symbols_->load(expression->text);
    for (const auto& part : expression->parts) see(part);
    for (const auto& part : expression->arguments.positional) see(part);
    for (const auto& [key, part] : expression->arguments.named) see(part);
    see(expression->arguments.spread);
    see(expression->arguments.spread_named);
  }
  void see_parameters(const Expression& target) {
    if (target.kind == ExpressionKind::name) symbols_->parameter(target.text);
    for (const auto& part : target.parts) see_parameters(*part);
  }
  void see(const Body& body) {
    for (const auto& statement : body) see(*statement);
  }
  void see(const Statement& s) {
    switch (s.kind) {
      case StatementKind::text:
      case StatementKind::stop:
      case StatementKind::next:
        return;
      case StatementKind::output:
        return see_all(s.expressions);
      case StatementKind::branch:
        return see_branch(s);
      case StatementKind::loop:
        return see(s.loop->iterable);
      case StatementKind::set:
        see(s.expressions[1]);
        return see(s.expressions[0]);
      case StatementKind::set_block:
        return see(s.expressions[0]);
      case StatementKind::macro:
        return symbols_->store(s.text);
      case StatementKind::call_block:
      case StatementKind::filter_block:
        return see_all(s.expressions);
      case StatementKind::with:
        for (std::size_t i = 1; i < s.expressions.size(); i += 2) see(s.expressions[i]);
        return;
    }
  }

 private:
  void see_all(const std::vector<ExpressionPtr>& expressions) {
    for (const auto& expression : expressions) see(expression);
  }
  template <class F>
  Symbols branch(F visit) {
    Symbols copy = *symbols_;
    Symbols* before = symbols_;
    symbols_ = &copy;
    visit();
    symbols_ = before;
    return copy;
  }
  void see_branch(const Statement& s) {
    const std::size_t tests = s.expressions.size();
    see(s.expressions[0]);
    std::vector<Symbols> branches;
    branches.push_back(branch([&] { see(s.bodies[0]); }));
    branches.push_back(branch([&] {
      for (std::size_t i = 1; i < tests; ++i) {
        see(s.expressions[i]);
        std::vector<Symbols> one;
        one.push_back(branch([&] { see(s.bodies[i]); }));
        symbols_->join(one);
      }
    }));
    branches.push_back(branch([&] {
      if (s.bodies.size() > tests) see(s.bodies[tests]);
    }));
    symbols_->join(branches);
  }

  Symbols* symbols_;
};

// ---- Giving out slots

// The place a statement stands in.
struct Place {
  Symbols* symbols;
  bool soft = false;        // under an `if`: unknown filters are an error only when used
  bool in_loop = false;     // break and continue have something to act on
  bool under_loop = false;  // somewhere below a `for`, macros between or not: `loop` cannot be assigned
};

class Resolver {
 public:
  Result<void> run(Tree& tree) {
    Function function;
    Symbols symbols;
    symbols.function = &function;
    Collector(symbols).see(tree.body);
    ASSAY_TRY(visit(tree.body, Place{&symbols}));
    tree.scope = scope_of(symbols);
    tree.slots = static_cast<std::uint32_t>(function.slots.size());
    return {};
  }

 private:
  static std::unexpected<Error> error(Position at, std::string detail) {
    return std::unexpected(at_position(at, Error{Errc::bad_value, 0, std::move(detail)}));
  }

  static Symbols inner(Symbols& outer) {
    Symbols symbols;
    symbols.parent = &outer;
    symbols.function = outer.function;
    symbols.level = outer.level + 1;
    return symbols;
  }
  static Function function_in(const Symbols& outer) {
    Function function;
    function.depth = outer.function->depth + 1;
    return function;
  }

  static Slot slot_from(const Function& here, const Variable& variable) {
    return Slot{here.depth - variable.function->depth, variable.slot};
  }

  static Scope scope_of(const Symbols& symbols) {
    Scope scope;
    for (const auto& [name, definition] : symbols.own) {
      scope.own.push_back(definition.variable.slot);
      switch (definition.origin) {
        case Origin::parameter:
          break;
        case Origin::context:
          scope.loads.push_back({Load::From::context, definition.variable.slot, {}, name});
          break;
        case Origin::outer:
          scope.loads.push_back(
              {Load::From::outer, definition.variable.slot, slot_from(*symbols.function, definition.outer), {}});
          break;
        case Origin::nothing:
          scope.loads.push_back({Load::From::nothing, definition.variable.slot, {}, {}});
          break;
      }
    }
    return scope;
  }

  Result<void> visit(const ExpressionPtr& expression, Place place) {
    if (expression == nullptr) return {};
    Expression& e = *expression;
    if (e.kind == ExpressionKind::name || e.kind == ExpressionKind::space_attribute) {
      if (e.kind == ExpressionKind::name && e.store && e.text == "loop" && place.under_loop) {
        return error(e.at, "TemplateAssertionError: Can't assign to special loop variable in for-loop target");
      }
      const Variable* variable = place.symbols->find(e.text);
      if (variable == nullptr) {  // only in the arguments of a set block's filter
        place.symbols->load(e.text);
        variable = place.symbols->find(e.text);
      }
      e.slot = slot_from(*place.symbols->function, *variable);
      return {};
    }
    if (e.kind == ExpressionKind::conditional) place.soft = true;
    if (e.kind == ExpressionKind::filter) {
      e.filter = find_filter(e.text);
      if (e.filter == nullptr && !place.soft)
        return error(e.at, "TemplateAssertionError: No filter named '" + e.text + "'.");
    }
    if (e.kind == ExpressionKind::test) {
      e.test = find_test(e.text);
      if (e.test == nullptr && !place.soft)
        return error(e.at, "TemplateAssertionError: No test named '" + e.text + "'.");
    }
    for (const auto& part : e.parts) ASSAY_TRY(visit(part, place));
    for (const auto& part : e.arguments.positional) ASSAY_TRY(visit(part, place));
    for (const auto& [name, part] : e.arguments.named) ASSAY_TRY(visit(part, place));
    ASSAY_TRY(visit(e.arguments.spread, place));
    return visit(e.arguments.spread_named, place);
  }

  Result<void> visit(const Body& body, Place place) {
    for (const auto& statement : body) ASSAY_TRY(visit(*statement, place));
    return {};
  }

  Result<void> visit(Statement& s, Place place) {
    switch (s.kind) {
      case StatementKind::text:
        return {};
      case StatementKind::output:
      case StatementKind::set:
        break;
      case StatementKind::branch: {
        place.soft = true;
        for (const auto& body : s.bodies) ASSAY_TRY(visit(body, place));
        break;
      }
      case StatementKind::loop:
        return visit_loop(*s.loop, place);
      case StatementKind::set_block:
        return visit_set_block(s, place);
      case StatementKind::macro:
        s.slot = slot_from(*place.symbols->function, *place.symbols->find(s.text));
        return visit_macro(*s.macro, place);
      case StatementKind::call_block:
        ASSAY_TRY(visit_macro(*s.macro, place));
        break;
      case StatementKind::filter_block: {
        Symbols symbols = inner(*place.symbols);
        Collector collector(symbols);
        collector.see(s.bodies[0]);
        collector.see(s.expressions[0]);
        Place inside{&symbols, false, place.in_loop, place.under_loop};
        ASSAY_TRY(visit(s.bodies[0], inside));
        ASSAY_TRY(visit(s.expressions[0], inside));
        s.scope = scope_of(symbols);
        return {};
      }
      case StatementKind::with:
        return visit_with(s, place);
      case StatementKind::stop:
      case StatementKind::next:
        if (!place.in_loop) {
          return error(s.at, std::string("SyntaxError: '") + (s.kind == StatementKind::stop ? "break" : "continue") +
                                 "' outside loop");
        }
        return {};
    }
    for (const auto& expression : s.expressions) ASSAY_TRY(visit(expression, place));
    return {};
  }

  Result<void> visit_set_block(Statement& s, Place place) {
    Symbols symbols = inner(*place.symbols);
    Collector(symbols).see(s.bodies[0]);
    const Place inside{&symbols, false, place.in_loop, place.under_loop};
    ASSAY_TRY(visit(s.bodies[0], inside));
    ASSAY_TRY(visit(s.expressions[0], place));
    if (s.expressions.size() > 1) ASSAY_TRY(visit(s.expressions[1], inside));
    s.scope = scope_of(symbols);
    return {};
  }

  Result<void> visit_with(Statement& s, Place place) {
    Symbols symbols = inner(*place.symbols);
    Collector collector(symbols);
    for (std::size_t i = 0; i < s.expressions.size(); i += 2) collector.see_parameters(*s.expressions[i]);
    collector.see(s.bodies[0]);
    Place inside{&symbols, false, place.in_loop, false};  // a with target may be called loop
    for (std::size_t i = 0; i < s.expressions.size(); i += 2) {
      ASSAY_TRY(visit(s.expressions[i], inside));
      ASSAY_TRY(visit(s.expressions[i + 1], place));
    }
    inside.under_loop = place.under_loop;
    ASSAY_TRY(visit(s.bodies[0], inside));
    s.scope = scope_of(symbols);
    return {};
  }

  Result<void> visit_loop(LoopCode& loop, Place place) {
    ASSAY_TRY(visit(loop.iterable, place));
    if (loop.condition != nullptr) ASSAY_TRY(visit_condition(loop, *place.symbols));

    loop.uses_loop = loop.recursive || Reads("loop").in(loop.body);
    Function own_function = function_in(*place.symbols);
    Symbols symbols = inner(*place.symbols);
    Symbols else_symbols = inner(*place.symbols);
    if (loop.recursive) symbols.function = else_symbols.function = &own_function;
    if (loop.uses_loop) {
      symbols.parameter("loop");
      loop.loop_slot = symbols.find("loop")->slot;
    }
    Collector collector(symbols);
    collector.see_parameters(*loop.target);
    collector.see(loop.body);
    const Place inside{&symbols, false, true, true};
    ASSAY_TRY(visit(loop.target, inside));
    ASSAY_TRY(visit(loop.body, inside));
    Collector(else_symbols).see(loop.otherwise);
    ASSAY_TRY(visit(loop.otherwise, Place{&else_symbols, false, !loop.recursive && place.in_loop, true}));
    loop.scope = scope_of(symbols);
    loop.else_scope = scope_of(else_symbols);
    loop.recursive_slots = static_cast<std::uint32_t>(own_function.slots.size());
    return {};
  }

  Result<void> visit_condition(LoopCode& loop, Symbols& outer) {
    Function function = function_in(outer);
    Symbols symbols = inner(outer);
    symbols.function = &function;
    Collector collector(symbols);
    collector.see_parameters(*loop.condition_target);
    collector.see(loop.condition);
    const Place inside{&symbols};
    ASSAY_TRY(visit(loop.condition_target, inside));
    ASSAY_TRY(visit(loop.condition, inside));
    loop.condition_scope = scope_of(symbols);
    loop.condition_slots = static_cast<std::uint32_t>(function.slots.size());
    return {};
  }

  Result<void> visit_macro(MacroCode& code, Place place) {
    for (std::size_t i = 0; i < code.parameters.size(); ++i) {
      if (std::find(code.parameters.begin(), code.parameters.begin() + static_cast<std::ptrdiff_t>(i),
                    code.parameters[i]) != code.parameters.begin() + static_cast<std::ptrdiff_t>(i)) {
        return error(code.at, "SyntaxError: duplicate argument '" + code.parameters[i] + "' in macro definition");
      }
    }
    const auto has = [&code](std::string_view name) {
      return std::find(code.parameters.begin(), code.parameters.end(), name) != code.parameters.end();
    };
    code.wants_caller = Reads("caller").in(code.body);
    code.wants_named = !has("kwargs") && Reads("kwargs").in(code.body);
    code.wants_rest = !has("varargs") && Reads("varargs").in(code.body);
    if (code.wants_caller && has("caller")) {
      const auto index = static_cast<std::size_t>(std::find(code.parameters.begin(), code.parameters.end(), "caller") -
                                                  code.parameters.begin());
      if (index + code.defaults.size() < code.parameters.size()) {
        return error(
            code.at,
            "TemplateAssertionError: When defining macros or call blocks the special \"caller\" argument must be "
            "omitted or be given a default.");
      }
    }

    Function function = function_in(*place.symbols);
    Symbols symbols = inner(*place.symbols);
    symbols.function = &function;
    std::vector<std::string> arguments = code.parameters;
    if (code.wants_caller && !has("caller")) arguments.emplace_back("caller");
    if (code.wants_named) arguments.emplace_back("kwargs");
    if (code.wants_rest) arguments.emplace_back("varargs");
    for (const std::string& name : arguments) {
      symbols.parameter(name);
      code.argument_slots.push_back(symbols.find(name)->slot);
    }
    Collector collector(symbols);
    for (const auto& value : code.defaults) collector.see(value);
    collector.see(code.body);
    Place inside{&symbols, false, false, place.under_loop};
    for (const auto& value : code.defaults) ASSAY_TRY(visit(value, inside));
    ASSAY_TRY(visit(code.body, inside));
    code.scope = scope_of(symbols);
    code.slots = static_cast<std::uint32_t>(function.slots.size());
    return {};
  }
};

}  // namespace

Result<void> resolve(Tree& tree) { return Resolver().run(tree); }

}  // namespace assay::jinja
