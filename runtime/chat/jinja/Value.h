//===- Value.h - What expressions of a template give ------------------------*- C++ -*-===//
//
// Values are Python's, as far as templates have them. They do not change; a namespace is the one exception.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_VALUE_H
#define QUIPU_RUNTIME_CHAT_JINJA_VALUE_H

#include "runtime/chat/MarkedText.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace quipu::jinja {

class Run;
class Value;
struct Arguments;

/// A value that is no data: a function, a namespace, `loop`.
class Object {
public:
  virtual ~Object() = default;
  /// As Python names its type in messages.
  virtual const char *typeName() const = 0;
  virtual std::optional<Value> attribute(Run &run, const std::string &name) const;
  virtual bool isCallable() const { return false; }
  virtual Value call(Run &run, const Arguments &arguments) const;
};

/// No value, and why there is none.
struct Undefined {
  std::shared_ptr<const std::string> reason;
};
struct None {};

struct Sequence;
struct Dict;

class Value {
public:
  Value() : data(None()) {}
  Value(bool value) : data(value) {}
  Value(int64_t value) : data(value) {}
  Value(double value) : data(value) {}
  Value(MarkedText text) : data(std::make_shared<const MarkedText>(std::move(text))) {}
  Value(std::shared_ptr<const MarkedText> text) : data(std::move(text)) {}
  Value(std::shared_ptr<const Sequence> items) : data(std::move(items)) {}
  Value(std::shared_ptr<const Dict> entries) : data(std::move(entries)) {}
  Value(std::shared_ptr<Object> object) : data(std::move(object)) {}
  /// A pointer would become a bool.
  Value(const char *) = delete;

  static Value undefined(std::string reason) {
    return Value(Undefined{std::make_shared<const std::string>(std::move(reason))});
  }

  bool isUndefined() const { return std::holds_alternative<Undefined>(data); }
  bool isNone() const { return std::holds_alternative<None>(data); }
  bool isBool() const { return std::holds_alternative<bool>(data); }
  /// bool is no number here, though it counts as one.
  bool isInteger() const { return std::holds_alternative<int64_t>(data); }
  bool isFloat() const { return std::holds_alternative<double>(data); }
  bool isNumber() const { return isBool() || isInteger() || isFloat(); }
  bool isText() const { return std::holds_alternative<std::shared_ptr<const MarkedText>>(data); }
  bool isSequence() const { return std::holds_alternative<std::shared_ptr<const Sequence>>(data); }
  bool isDict() const { return std::holds_alternative<std::shared_ptr<const Dict>>(data); }
  bool isObject() const { return std::holds_alternative<std::shared_ptr<Object>>(data); }

  const std::string &reason() const { return *std::get<Undefined>(data).reason; }
  bool asBool() const { return std::get<bool>(data); }
  int64_t asInteger() const { return isBool() ? int64_t(asBool()) : std::get<int64_t>(data); }
  double asDouble() const { return isFloat() ? std::get<double>(data) : double(asInteger()); }
  const MarkedText &text() const { return *std::get<std::shared_ptr<const MarkedText>>(data); }
  const std::string &bytes() const { return text().bytes(); }
  const Sequence &sequence() const { return *std::get<std::shared_ptr<const Sequence>>(data); }
  const Dict &dict() const { return *std::get<std::shared_ptr<const Dict>>(data); }
  Object &object() const { return *std::get<std::shared_ptr<Object>>(data); }
  /// Null: another kind of value.
  template <typename Kind> Kind *objectAs() const { return isObject() ? dynamic_cast<Kind *>(&object()) : nullptr; }

  /// Python's truth.
  bool isTrue() const;
  /// As Python names the type: "str", "list".
  const char *typeName() const;
  /// In words, for messages: "a text", "a list", "none".
  std::string kind() const;
  /// Whether neither it nor a part of it is an object.
  bool isData() const;
  /// Levels of lists and dicts.
  unsigned depth() const;

private:
  explicit Value(Undefined value) : data(std::move(value)) {}

  std::variant<None, Undefined, bool, int64_t, double, std::shared_ptr<const MarkedText>,
               std::shared_ptr<const Sequence>, std::shared_ptr<const Dict>, std::shared_ptr<Object>>
      data;
};

using List = std::vector<Value>;

struct Sequence {
  List items;
  bool isTuple = false;
  bool holdsObject = false;
  unsigned depth = 1;
};

struct Dict {
  /// In the order in which they came.
  std::vector<std::pair<Value, Value>> entries;
  bool holdsObject = false;
  unsigned depth = 1;

  /// Null: there is no such key.
  const Value *find(std::string_view key) const;
};

/// What a function, filter or test is called with.
struct Arguments {
  List positional;
  std::vector<std::pair<std::string, Value>> named;
};

/// These throw Failure when values nest too deep.
Value makeList(List items, bool isTuple = false);
/// Of several entries with one key the last one counts, in the place of the first.
Value makeDict(Run &run, std::vector<std::pair<Value, Value>> entries);

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_VALUE_H
