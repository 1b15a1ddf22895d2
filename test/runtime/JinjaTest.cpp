//===- JinjaTest.cpp - The language of chat templates ---------------------------------------===//
//
// test/chat/make_language.py writes what Jinja makes of expressions and statements.
//
//===----------------------------------------------------------------------------------===//

#include "runtime/chat/jinja/Template.h"
#include "runtime/support/Error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <ctime>
#include <fstream>

using namespace quipu;
using nlohmann::ordered_json;
using testing::HasSubstr;
using testing::MatchesRegex;

namespace {

/// That a hostile template may take.
#if __has_feature(address_sanitizer)
constexpr double kMostSeconds = 20;
#else
constexpr double kMostSeconds = 1;
#endif

jinja::Value valueOf(const ordered_json &json) {
  if (json.is_null())
    return jinja::Value();
  if (json.is_boolean())
    return jinja::Value(json.get<bool>());
  if (json.is_number_integer())
    return jinja::Value(json.get<int64_t>());
  if (json.is_number_float())
    return jinja::Value(json.get<double>());
  if (json.is_string())
    return jinja::Value(MarkedText(json.get<std::string>(), kFromMessage));
  if (json.is_array()) {
    jinja::List list;
    for (const ordered_json &item : json)
      list.push_back(valueOf(item));
    return jinja::makeList(std::move(list));
  }
  auto dict = std::make_shared<jinja::Dict>();
  for (const auto &[key, item] : json.items())
    dict->entries.emplace_back(MarkedText(key), valueOf(item));
  return jinja::Value(std::shared_ptr<const jinja::Dict>(std::move(dict)));
}

MarkedText render(const std::string &source, const ordered_json &variables = ordered_json::object()) {
  jinja::Template::Variables given;
  for (const auto &[name, value] : variables.items())
    given.values.emplace_back(name, valueOf(value));
  return jinja::Template(source, "t").render(given);
}

std::string errorOf(const std::string &source, const ordered_json &variables = ordered_json::object()) {
  try {
    (void)render(source, variables);
  } catch (const Error &error) {
    return error.what();
  }
  return "no error";
}

std::string repeated(const std::string &text, size_t count) {
  std::string result;
  for (size_t i = 0; i < count; ++i)
    result += text;
  return result;
}

/// The text, with what a message has brought in brackets.
std::string marked(const std::string &source) {
  MarkedText text = render(source, {{"u", "User Text"}, {"l", {"one", "two"}}, {"d", {{"k", "val"}}}});
  std::string result;
  for (const MarkedText::Run &run : text.runs()) {
    std::string bytes = text.bytes().substr(run.begin, run.end - run.begin);
    result += run.marks & kFromMessage ? "[" + bytes + "]" : bytes;
  }
  return result;
}

} // namespace

// Test: expressions and statements give what Jinja gives, or an error where it gives one.
TEST(Jinja, Language) {
  std::ifstream file(std::string(QUIPU_TEST_SOURCE_DIR) + "/chat/language.json");
  ordered_json goldens = ordered_json::parse(file);
  ASSERT_GE(goldens["cases"].size(), 500u);
  for (const ordered_json &wanted : goldens["cases"]) {
    std::string source = wanted[0];
    if (wanted[1].is_null())
      EXPECT_THAT(errorOf(source, goldens["variables"]), HasSubstr("t, line ")) << source;
    else
      EXPECT_EQ(render(source, goldens["variables"]).bytes(), wanted[1].get<std::string>()) << source;
  }
}

// Test: bytes of messages keep their marks through every filter and method that passes them on.
TEST(Jinja, Marks) {
  EXPECT_EQ(marked("a{{ u }}b"), "a[User Text]b");
  EXPECT_EQ(marked("{{ 'a' + u ~ 'b' }}"), "a[User Text]b");
  EXPECT_EQ(marked("{{ (' ' + u + ' ').strip() | trim | upper }}"), "[USER TEXT]");
  EXPECT_EQ(marked("{{ u.replace('Text', 'T') }}"), "[User ]T");
  EXPECT_EQ(marked("{{ 'x-y' | replace('-', u) }}"), "x[User Text]y");
  EXPECT_EQ(marked("{{ ('<' + u + '>')[1:3] }}{{ ('<' + u)[::-1] }}"), "[UstxeT resU]<");
  EXPECT_EQ(marked("{{ u.split(' ') | join('|') }}"), "[User]|[Text]");
  EXPECT_EQ(marked("{{ l | join(',') }}{{ l | map('capitalize') | list }}"), "[one],[two]['[One]', '[Two]']");
  EXPECT_EQ(marked("{{ d | tojson }}{{ d }}"), R"({"k": "[val]"}{'k': '[val]'})");
  EXPECT_EQ(marked("{% set x %}<{{ u }}>{% endset %}{{ x | lower | indent }}"), "<[user text]>");
  EXPECT_EQ(marked("{% macro m(x) %}({{ x }}){% endmacro %}{{ m(u) }}{% filter title %}a {{ u }}{% endfilter %}"),
            "([User Text])A [User Text]");
  EXPECT_EQ(marked("{{ '%s/%s' % (u, 'z') }}{{ u * 2 }}{{ u[0] }}{% for c in u[:2] %}{{ c }}-{% endfor %}"),
            "[User Text]/z[User TextUser TextUU]-[s]-");
  EXPECT_EQ(marked("{{ u | e }}{{ u | string }}{{ u | default('x') }}{{ [u, 'b'] | first }}"),
            "[User TextUser TextUser TextUser Text]");
}

// Test: {% generation %} marks what is in it.
TEST(Jinja, Generation) {
  MarkedText text = render("a{% generation %}b{{ 1 }}{% endgeneration %}c");
  EXPECT_EQ(text.bytes(), "ab1c");
  EXPECT_EQ(text.marksAt(0), 0);
  EXPECT_EQ(text.marksAt(1), kGenerated);
  EXPECT_EQ(text.marksAt(2), kGenerated);
  EXPECT_EQ(text.marksAt(3), 0);
}

// Test: a template that does too much is ended within a second, and says at which line.
TEST(Jinja, Limits) {
  const std::pair<std::string, std::string> kCases[] = {
      {"{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}{% endfor %}", "does too much"},
      {"{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}", "levels deep"},
      {"{% macro f() %}{% call g() %}{% endcall %}{% endmacro %}{% macro g() %}{{ f() }}{% endmacro %}{{ f() }}",
       "levels deep"},
      {"{{ 'x' * 1000000000000 }}", "a text of more than 16 MiB"},
      {"{% set s = 'x' * 1000000 %}{% for i in range(10000) %}{{ s }}{% endfor %}", "a text of more than 16 MiB"},
      {"{% set n = namespace(s='xx') %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}", "16 MiB"},
      {"{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = n.s + n.s %}{% endfor %}", "does too much"},
      {"{% set n = namespace(s=[1]) %}{% for i in range(99) %}{% set n.s = [n.s] %}{% endfor %}", "nest more than 64"},
      {"{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s }}",
       "does too much"},
      {"{% set n = namespace(s=[1]) %}{% for i in range(60) %}{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s == n.s + [] "
       "or n.s|tojson }}",
       "does too much"},
      {"{{ [1] * 100000 * 100000 }}", "does too much"},
      {"{{ range(100001) }}", "range() makes 100001 numbers"},
      {"{{ 10 ** 40 }}", "too large a number"},
      {"{% set a = 'a' * 8000000 %}{% for i in range(99999) %}{{ 'b' in a }}{% endfor %}", "does too much"},
      {"{% set a = 'a' * 8000000 %}{% set b = 'a' * 4000000 + 'b' %}{% for i in range(999) %}{{ a.find(b) }}{% endfor "
       "%}",
       "does too much"},
      {"{{ ('ab' * 100000).replace('a', 'b' * 1000) }}", "16 MiB"},
      {"{{ 'a\n' * 9999999 }}", "16 MiB"},
      {"{{ '%.99999999f' % 1.5 }}", "no precision"},
      {"{{ 'a\nb' | indent(1001) }}", "indented by 1001 blanks; templates may indent by 1000"},
      {"{{ [1] | tojson(indent=65) }}", "indented by 65 blanks; templates may indent by 64"},
      {"{{ strftime_now('%99999999Y') }}", "no format"},
      {"{% set n = namespace() %}{% set n.n = [n] %}", "a namespace holds texts"},
      {"{{ " + repeated("(", 100000), "levels deep"},
      {"{{ " + repeated("not ", 100000) + "1 }}", "levels deep"},
      {"{{ x" + repeated("|trim", 100000) + " }}", "more than 200 filters"},
      {"{{ x" + repeated("[0]", 100000) + " }}", "more than 200 filters"},
      {"{{ 1" + repeated(" if 1 else 2", 50000) + " }}", "levels deep"},
      {repeated("{% if 1 %}", 50000), "levels deep"},
      {repeated("x", 2000000), "at most 1048576 are read"},
  };
  for (const auto &[source, message] : kCases) {
    std::clock_t begin = std::clock();
    EXPECT_THAT(errorOf(source), HasSubstr(message)) << source.substr(0, 100);
    EXPECT_LT(double(std::clock() - begin) / CLOCKS_PER_SEC, kMostSeconds) << source.substr(0, 100);
  }
}

// Test: the longest chains that are read do not exhaust the stack.
TEST(Jinja, LongChains) {
  EXPECT_EQ(render("{{ 1" + repeated(" + 1", 50000) + " }}").bytes(), "50001");
  EXPECT_EQ(render("{{ 1" + repeated(" ~ 1", 1000) + " }}").bytes(), repeated("1", 1001));
  EXPECT_EQ(render("{% if 0 %}" + repeated("{% elif 0 %}", 20000) + "{% else %}x{% endif %}").bytes(), "x");
  EXPECT_EQ(render("{{ " + repeated("(", 40) + "1" + repeated(")", 40) + " }}").bytes(), "1");
}

// Test: no name leads out of the template.
TEST(Jinja, InsidesAreOutOfReach) {
  for (const char *source : {"{{ ''.__class__ }}", "{{ m['__class__'] }}", "{{ m.__init__.__globals__ }}",
                             "{{ [1] | map(attribute='__class__') | list }}", "{{ range.__globals__ }}",
                             "{{ namespace().__init__ }}", "{{ (1).__class__ }}", "{{ none.__class__ }}"})
    EXPECT_THAT(errorOf(source, {{"m", "text"}}), HasSubstr("belong to Python's insides")) << source;
  EXPECT_THAT(errorOf("{% set n = namespace() %}{% set n.__x = 1 %}"), HasSubstr("begin with '_'"));
  EXPECT_THAT(errorOf("{{ '{0.__class__}'.format(1) }}"), HasSubstr("without formats and attributes"));
  EXPECT_THAT(errorOf("{{ [1].append(2) }}"), HasSubstr("'append' would change a list"));
  EXPECT_THAT(errorOf("{{ {}.update(x=1) }}"), HasSubstr("'update' would change a dict"));
  for (const char *name : {"include", "import", "from", "extends", "block"})
    EXPECT_THAT(errorOf(concat("{% ", name, " '/etc/passwd' %}")), HasSubstr("reads no others")) << name;
}

// Test: errors name the template and the line, and what is wrong.
TEST(Jinja, Errors) {
  EXPECT_EQ(errorOf("a\nb{{ x | nosuch }}"), "t, line 2: there is no filter named 'nosuch'");
  EXPECT_EQ(errorOf("\n\n{{ 1 is nosuch }}"), "t, line 3: there is no test named 'nosuch'");
  EXPECT_EQ(errorOf("{{ nosuch() }}"), "t, line 1: 'nosuch' is undefined");
  EXPECT_EQ(errorOf("{% nosuch %}"), "t, line 1: there is no statement 'nosuch'");
  EXPECT_EQ(errorOf("\n{% if x %}\n"), "t, line 2: expected {% endif %}, found the end of the template");
  EXPECT_EQ(errorOf("{{ x"), "t, line 1: expected '}}', found the end of the template");
  EXPECT_EQ(errorOf("{% macro f() %}\n{{ raise_exception('no: ' ~ 1) }}\n{% endmacro %}\n\n{{ f() }}"),
            "t, line 2: the template refuses this conversation: no: 1");
  EXPECT_EQ(errorOf("{% for x in 5 %}{% endfor %}"), "t, line 1: an integer has no items to go through");
  EXPECT_EQ(errorOf("{{ 'a' + 1 }}"), "t, line 1: '+' does not go with a text and an integer");
  EXPECT_EQ(errorOf("{{ 'a' | trim(1, 2) }}"), "t, line 1: filter 'trim' takes at most 1 arguments, not 2");
  EXPECT_EQ(errorOf("{{ 'a'.replace('b') }}"), "t, line 1: method 'replace' needs its argument 'new'");
  EXPECT_EQ(errorOf("{{ [] | sort(up=1) }}"), "t, line 1: filter 'sort' has no argument named 'up'");
  EXPECT_EQ(errorOf("{% for x in [1] recursive %}{% endfor %}"),
            "t, line 1: loops that call themselves (recursive) are not supported; use a macro");
  EXPECT_THAT(errorOf("\xff"), HasSubstr("not UTF-8"));
}

// Test: strftime_now has the year.
TEST(Jinja, Time) { EXPECT_THAT(render("{{ strftime_now('%Y-%m') }}").bytes(), MatchesRegex("20[0-9]{2}-[0-9]{2}")); }
