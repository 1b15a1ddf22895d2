//===- Builtin.h - Functions, filters, tests and methods --------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_BUILTIN_H
#define QUIPU_RUNTIME_CHAT_JINJA_BUILTIN_H

#include "runtime/chat/jinja/Run.h"

#include <array>
#include <span>

namespace quipu::jinja {

struct Builtin;

/// The arguments of a call, by the places of parameters.
class Given {
public:
  Given(const Builtin &builtin, const char *kind, const Arguments &arguments);

  bool has(size_t parameter) const { return values[parameter] != nullptr; }
  const Value &operator[](size_t parameter) const { return *values[parameter]; }
  /// None, and what is not given, count as `otherwise`. Throw Failure for another type.
  int64_t integer(size_t parameter, int64_t otherwise) const;
  bool truth(size_t parameter, bool otherwise) const;
  std::optional<std::string_view> text(size_t parameter) const;
  /// A text that must be given.
  const MarkedText &needText(size_t parameter) const;

private:
  [[noreturn]] void refuseType(size_t parameter, const char *wanted) const;

  const Builtin &builtin;
  const char *kind;
  std::array<const Value *, 5> values = {};
};

struct Builtin {
  const char *name;
  /// `self`: the value before a filter, a test or a method.
  Value (*body)(Run &run, const Value &self, const Given &given);
  /// How many parameters must be given, and all their names, as calls name them.
  unsigned required = 0;
  std::array<const char *, 5> parameters = {};
  /// In place of `body`: takes any arguments.
  Value (*freeBody)(Run &run, const Value &self, const Arguments &arguments) = nullptr;
};

/// `kind`: "filter", for messages.
Value callBuiltin(Run &run, const Builtin &builtin, const char *kind, const Value &self, const Arguments &arguments);

/// Null: there is none of that name.
const Builtin *findFilter(std::string_view name);
const Builtin *findTest(std::string_view name);
/// The functions that every template has.
const Builtin *findFunction(std::string_view name);

/// A test's answer.
bool isSo(Run &run, const Builtin &test, const Value &value, const Arguments &arguments);

/// A function as a value.
class BuiltinFunction : public Object {
public:
  /// A method if `self` is set.
  BuiltinFunction(const Builtin &builtin, std::optional<Value> self) : builtin(builtin), self(std::move(self)) {}
  const char *typeName() const override { return "function"; }
  bool isCallable() const override { return true; }
  Value call(Run &run, const Arguments &arguments) const override {
    return callBuiltin(run, builtin, self ? "method" : "function", self.value_or(Value()), arguments);
  }

private:
  const Builtin &builtin;
  std::optional<Value> self;
};

namespace detail {
const Builtin *findIn(std::span<const Builtin> table, std::string_view name);
/// Filters of texts and numbers, and of lists.
std::span<const Builtin> textFilters();
std::span<const Builtin> listFilters();
} // namespace detail

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_BUILTIN_H
