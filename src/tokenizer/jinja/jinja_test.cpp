#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>

#include <fstream>
#include <sstream>
#include <string>

#include "tokenizer/jinja/template.h"

namespace assay::jinja {
namespace {

using ::testing::HasSubstr;

Result<std::string> render(std::string_view source, const Json& context = Json::object(),
                           const RenderOptions& options = {}) {
  auto parsed = Template::parse(source, options.limits);
  if (!parsed) return std::unexpected(parsed.error());
  return parsed->render(context, options);
}

std::string text(std::string_view source, const Json& context = Json::object()) {
  const auto out = render(source, context);
  return out ? *out : "ERROR " + to_string(out.error());
}

Error error(std::string_view source, const Json& context = Json::object(), const RenderOptions& options = {}) {
  auto out = render(source, context, options);
  if (out) ADD_FAILURE() << "rendered to: " << out->substr(0, 200);
  return out ? Error{} : out.error();
}

Json read_json(const std::string& path) {
  std::ifstream file(path);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return parse_json(bytes.str(), path).value_or(Json());
}

TEST(Jinja, RendersEveryGoldenCaseAsJinja2DoesAndFailsWhereItFails) {
  const Json golden = read_json(ASSAY_SOURCE_DIR "/tests/golden/jinja.json");
  ASSERT_TRUE(golden.is_object());
  RenderOptions options;
  options.now_seconds = golden["now"].get<std::int64_t>();
  std::size_t count = 0;
  for (const Json& one : golden["cases"]) {
    const auto source = one["template"].get<std::string>();
    const auto out = render(source, one.contains("context") ? one["context"] : golden["context"], options);
    ++count;
    if (one.contains("text")) {
      ASSERT_TRUE(out) << source << "\n" << to_string(out.error());
      EXPECT_EQ(*out, one["text"].get<std::string>()) << source;
    } else {
      ASSERT_FALSE(out) << source << "\nrendered to: " << *out;
      EXPECT_THAT(out.error().detail, HasSubstr(one["error"].get<std::string>() + ":")) << source;
    }
  }
  EXPECT_GT(count, 100U);
}

TEST(Jinja, ErrorsNameLineAndColumn) {
  EXPECT_THAT(error("a\n  {{ x.y }}").detail, HasSubstr("line 2, column 7: UndefinedError: 'x' is undefined"));
  EXPECT_THAT(error("é {{ 1 + }}").detail, HasSubstr("line 1, column 10: TemplateSyntaxError"));
  EXPECT_THAT(error("{% for x in y %}").detail, HasSubstr("'for' waits for 'endfor' or 'else'"));
}

TEST(Jinja, RefusesStatementsThatLoadOtherTemplatesByName) {
  for (const char* name :
       {"include 'x'", "import 'x' as y", "from 'x' import y", "extends 'x'", "block x", "do x", "autoescape true"}) {
    const Error refused = error(std::string("{% ") + name + " %}");
    EXPECT_EQ(refused.code, Errc::unsupported) << name;
    EXPECT_THAT(refused.detail, HasSubstr("is not supported in a chat template"));
  }
}

TEST(Jinja, RefusesChanceByName) {
  EXPECT_EQ(error("{{ [1]|random }}").code, Errc::unsupported);
  EXPECT_EQ(error("{{ lipsum() }}").code, Errc::unsupported);
}

TEST(Jinja, HasNoClockUnlessOneIsGiven) {
  const Error refused = error("{{ strftime_now('%Y') }}");
  EXPECT_EQ(refused.code, Errc::unsupported);
  EXPECT_THAT(refused.detail, HasSubstr("no clock was given"));
  RenderOptions options;
  options.now_seconds = 1785067200;
  EXPECT_EQ(render("{{ strftime_now('%d %b %Y') }}", Json::object(), options).value_or(""), "26 Jul 2026");
}

TEST(Jinja, ReportsIntegersPast64BitsInsteadOfWrapping) {
  for (const char* source :
       {"{{ 9223372036854775807 + 1 }}", "{{ 2 ** 64 }}", "{{ 9223372036854775808 }}", "{{ '9' * 30 | int }}",
        "{{ ('9' * 30)|int }}", "{{ (-9223372036854775807 - 1) // -1 }}"}) {
    auto out = render(source);
    if (out && std::string_view(source).find("* 30 | int") != std::string_view::npos) continue;
    ASSERT_FALSE(out) << source;
    EXPECT_EQ(out.error().code, Errc::unsupported) << source;
  }
  EXPECT_EQ(error("{{ x }}", Json{{"x", 18446744073709551615ULL}}).code, Errc::unsupported);
}

TEST(Jinja, StopsAnEndlessTemplateAtItsSteps) {
  RenderOptions options;
  options.limits.steps_max = 10'000;
  const Error full =
      error("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", Json::object(), options);
  EXPECT_EQ(full.code, Errc::full);
  EXPECT_THAT(full.detail, HasSubstr("10000 steps"));
}

TEST(Jinja, StopsOutputStringsAndListsAtTheirBounds) {
  RenderOptions options;
  options.limits.output_bytes_max = 1000;
  options.limits.live_bytes_max = 1 << 20;
  for (const char* source :
       {"{% for a in range(99999) %}xxxx{% endfor %}", "{{ 'a' * 99999999999 }}", "{{ [1] * 99999999999 }}",
        "{{ ('a' * 9999)|replace('a', 'b' * 9999) }}", "{{ 'x'.center(9999999999) }}", "{{ '%99999999d' % 1 }}",
        "{{ '{:99999999}'.format(1) }}", "{{ 'a\nb'|indent(999999999) }}", "{{ [1]|tojson(indent=999999999) }}",
        "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
        "{% set ns = namespace(s=[1]) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
        "{% set ns = namespace(s=1) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}"}) {
    EXPECT_EQ(error(source, Json::object(), options).code, Errc::full) << source;
  }
}

// The stack that macOS gives a thread; more under a sanitizer, whose frames are several times as large.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t small_stack_bytes = 4U << 20;
#elif defined(__clang__)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr std::size_t small_stack_bytes = 4U << 20;
#else
constexpr std::size_t small_stack_bytes = 512U << 10;
#endif
#else
constexpr std::size_t small_stack_bytes = 512U << 10;
#endif
void on_small_stack(void (*work)()) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, small_stack_bytes), 0);
  pthread_t thread;
  const auto run = [](void* given) -> void* {
    reinterpret_cast<void (*)()>(given)();  // NOLINT: the thread's one argument
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, run, reinterpret_cast<void*>(work)), 0);  // NOLINT
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

void nest_deeply() {
  const auto times = [](const std::string& unit, int n) {
    std::string out;
    for (int i = 0; i < n; ++i) out += unit;
    return out;
  };
  EXPECT_EQ(error("{{ " + times("(", 100000) + times(")", 100000) + " }}").code, Errc::full);
  EXPECT_EQ(error("{{ " + times("[", 100000) + times("]", 100000) + " }}").code, Errc::full);
  EXPECT_EQ(error("{{ " + times("not ", 100000) + "1 }}").code, Errc::full);
  EXPECT_EQ(error("{{ " + times("-", 100000) + "1 }}").code, Errc::full);
  EXPECT_EQ(error("{{ 1" + times(" + 1", 100000) + " }}").code, Errc::full);
  EXPECT_EQ(error("{{ x" + times(".a", 100000) + " }}").code, Errc::full);
  EXPECT_EQ(error("{{ x" + times("|e", 100000) + " }}").code, Errc::full);
  EXPECT_EQ(error("{{ 1" + times(" if 1 else 2", 100000) + " }}").code, Errc::full);
  EXPECT_EQ(error(times("{% if 1 %}", 100000)).code, Errc::full);
  EXPECT_EQ(error("{% set " + times("(", 100000) + "x" + times(")", 100000) + "= 1 %}").code, Errc::full);
  EXPECT_EQ(error("{{ " + times("f(", 100000) + times(")", 100000) + " }}").code, Errc::full);
  EXPECT_EQ(error(times("{% call f() %}", 100000)).code, Errc::full);
  EXPECT_EQ(error("{% macro f(x) %}{% if 1 %}{% call f({'a': [x]}) %}{{ caller() }}{% endcall %}{% endif %}{% endmacro "
                  "%}{{ f(1) }}")
                .code,
            Errc::full);
  EXPECT_EQ(error("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}").code, Errc::full);
  EXPECT_EQ(error("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}").code, Errc::full);
  EXPECT_EQ(error("{% set ns = namespace() %}{% set ns.x = [ns] %}{{ ns }}").code, Errc::full);
  EXPECT_EQ(
      error("{% set ns = namespace(x=1) %}{% for i in range(99999) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}")
          .code,
      Errc::full);
  EXPECT_EQ(error("{% set ns = namespace(x=[1]) %}{% for i in range(99999) %}{% set ns.x = ns.x|map('upper') %}{% "
                  "endfor %}{{ ns.x|list }}")
                .code,
            Errc::full);
}

TEST(Jinja, ReportsDeepNestingInsteadOfRunningOutOfStack) { on_small_stack(nest_deeply); }

TEST(Jinja, AllowsANamespaceThatHoldsItselfAsLongAsNobodyPrintsIt) {
  EXPECT_EQ(text("{% set ns = namespace() %}{% set ns.me = ns %}{% set ns.a = 'x' %}{{ ns.me.me.me.a }}"), "x");
}

TEST(Jinja, KeepsRenderingWhenOneTemplateIsUsedAgain) {
  const auto parsed =
      Template::parse("{% set ns = namespace(n=0) %}{% for x in l %}{% set ns.n = ns.n + x %}{% endfor %}{{ ns.n }}");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->render(Json{{"l", {1, 2}}}).value_or(""), "3");
  EXPECT_EQ(parsed->render(Json{{"l", {5}}}).value_or(""), "5");
}

TEST(Jinja, RefusesWhatIsNoTemplateOrNoContext) {
  EXPECT_EQ(error("\xff\xfe").code, Errc::bad_value);
  EXPECT_EQ(error("x", Json::array()).code, Errc::bad_value);
  RenderOptions options;
  options.limits.source_bytes_max = 3;
  EXPECT_EQ(error("long", Json::object(), options).code, Errc::full);
}

}  // namespace
}  // namespace assay::jinja
