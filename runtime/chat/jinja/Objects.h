//===- Objects.h - namespace, loop, cycler, joiner --------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_OBJECTS_H
#define QUIPU_RUNTIME_CHAT_JINJA_OBJECTS_H

#include "runtime/chat/jinja/Run.h"

#include <functional>

namespace quipu::jinja {

/// The one value that changes. It holds data alone, so no namespace holds itself.
class Namespace : public Object {
public:
  const char *typeName() const override { return "namespace"; }
  std::optional<Value> attribute(Run &run, const std::string &name) const override;
  void set(const std::string &name, Value value);

private:
  std::vector<std::pair<std::string, Value>> values;
};

/// A function made while the template runs.
class Closure : public Object {
public:
  using Body = std::function<Value(Run &, const Arguments &)>;
  explicit Closure(Body body) : body(std::move(body)) {}
  static Value make(Body body) { return Value(std::shared_ptr<Object>(std::make_shared<Closure>(std::move(body)))); }

  const char *typeName() const override { return "function"; }
  bool isCallable() const override { return true; }
  Value call(Run &run, const Arguments &arguments) const override { return body(run, arguments); }

private:
  Body body;
};

/// `loop` in a for block.
class Loop : public Object {
public:
  explicit Loop(List items) : items(std::move(items)) {}
  const char *typeName() const override { return "loop"; }
  std::optional<Value> attribute(Run &run, const std::string &name) const override;

  const List items;
  /// Of the item whose turn it is.
  size_t index = 0;
};

/// Gives its values in turn.
class Cycler : public Object, public std::enable_shared_from_this<Cycler> {
public:
  explicit Cycler(List values) : values(std::move(values)) {}
  const char *typeName() const override { return "cycler"; }
  std::optional<Value> attribute(Run &run, const std::string &name) const override;

private:
  List values;
  mutable size_t place = 0;
};

/// Gives a separator on each call but the first.
class Joiner : public Object {
public:
  explicit Joiner(Value separator) : separator(std::move(separator)) {}
  const char *typeName() const override { return "joiner"; }
  bool isCallable() const override { return true; }
  Value call(Run &run, const Arguments &arguments) const override;

private:
  Value separator;
  mutable bool isUsed = false;
};

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_OBJECTS_H
