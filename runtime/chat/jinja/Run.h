//===- Run.h - One run of a template ----------------------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CHAT_JINJA_RUN_H
#define QUIPU_RUNTIME_CHAT_JINJA_RUN_H

#include "runtime/chat/jinja/Budget.h"
#include "runtime/chat/jinja/Failure.h"
#include "runtime/chat/jinja/Value.h"

#include <string_view>
#include <unordered_map>

namespace quipu::jinja {

/// Variables of a block. Names are those of the syntax tree, which lives longer.
class Scope {
public:
  explicit Scope(Scope *outer) : outer(outer) {}

  void set(std::string_view name, Value value) { variables.insert_or_assign(name, std::move(value)); }
  /// Null: neither this scope nor one around it has the name.
  const Value *find(std::string_view name) const {
    for (const Scope *scope = this; scope; scope = scope->outer)
      if (auto found = scope->variables.find(name); found != scope->variables.end())
        return &found->second;
    return nullptr;
  }

private:
  Scope *outer;
  std::unordered_map<std::string_view, Value> variables;
};

class Run {
public:
  Run(uint64_t messages, uint64_t bytes) : budget(messages, bytes) {}

  Budget budget;
  /// The line of the template that runs.
  unsigned line = 1;
  /// What macros see, beside their parameters.
  Scope top{nullptr};

  void append(MarkedText &out, const MarkedText &more) {
    budget.length(out.size() + more.size());
    budget.work(kWorkOfAppending + more.size());
    out.append(more);
  }
  /// The same with text that has no marks yet.
  void write(MarkedText &out, std::string_view more, TextMarks marks = 0) {
    budget.length(out.size() + more.size());
    budget.work(kWorkOfAppending + more.size());
    out.append(more, marks);
  }
  /// Appends the bytes from `begin` to `end` of `from`.
  void append(MarkedText &out, const MarkedText &from, size_t begin, size_t end) {
    budget.length(out.size() + (end - begin));
    budget.work(kWorkOfAppending + end - begin);
    out.append(from, begin, end);
  }
  Value slice(const MarkedText &text, size_t begin, size_t end) {
    budget.work(kWorkOfAppending + end - begin);
    return Value(text.slice(begin, end));
  }

private:
  /// Bytes that are copied in the time of an append itself.
  static constexpr uint64_t kWorkOfAppending = 64;
};

} // namespace quipu::jinja

#endif // QUIPU_RUNTIME_CHAT_JINJA_RUN_H
