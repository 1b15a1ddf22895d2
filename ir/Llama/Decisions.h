//===- Decisions.h - What passes decide, for people and as data -*- C++ -*-===//
//
//   QUIPU_DECISION(append) << describeOp(append) << " stays: no attention reads the layer";
//   QUIPU_CHOICE(Chosen, kernel, "dot", "dot = int8") << "the target multiplies bytes";
//
// Such a call says a fact once. It is a line of --debug-only (DebugLog.h), and a Decision for whoever listens to the
// context. What is behind the macro is not computed if nobody asks.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_IR_LLAMA_DECISIONS_H
#define QUIPU_IR_LLAMA_DECISIONS_H

#include "ir/Llama/DebugLog.h"

#include "mlir/IR/DialectInterface.h"
#include "mlir/IR/MLIRContext.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace quipu::llama {

/// What became of one of several candidates. `Considered`: it was compared with others, of which one is chosen.
enum class Verdict { None, Chosen, Refused, Considered };

struct Decision {
  std::string pass;
  /// What it is about. Empty where it is about none.
  std::string program, kernel;
  /// Places in the model and weights that it is about, each once.
  std::vector<std::string> names;
  /// Of a choice: what is chosen ("dot"), and the candidate ("dot = int8"). Otherwise both are empty.
  std::string aspect, candidate;
  Verdict verdict = Verdict::None;
  /// A sentence; of a choice, the reason.
  std::string text;
};

/// Gets every decision about ops of a context, in the order in which passes make them, from the thread of the pass.
class DecisionListener : public mlir::DialectInterface::Base<DecisionListener> {
public:
  using Callback = std::function<void(Decision)>;

  DecisionListener(mlir::Dialect *dialect, Callback call) : Base(dialect), call(std::move(call)) {}

  /// Listens from now on. A context has one listener.
  static void attach(mlir::MLIRContext &context, Callback call);
  /// Null if nobody listens.
  static const DecisionListener *of(mlir::MLIRContext &context);

  void note(Decision decision) const { call(std::move(decision)); }

private:
  Callback call;
};

/// A decision while it is made.
class OpenDecision {
public:
  /// `ops`: what it is about. They must live until the decision is made.
  OpenDecision(const char *pass, llvm::ArrayRef<mlir::Operation *> ops, Verdict verdict = Verdict::None,
               llvm::StringRef aspect = {}, const llvm::Twine &candidate = {});
  ~OpenDecision();
  OpenDecision(const OpenDecision &) = delete;
  OpenDecision &operator=(const OpenDecision &) = delete;

  /// Whether somebody asks and the text is not made yet.
  explicit operator bool() const { return isOpen; }
  void close() { isOpen = false; }
  llvm::raw_ostream &stream() { return text; }

private:
  const DecisionListener *listener;
  const char *pass;
  bool isPrinted, isOpen;
  Decision decision;
  llvm::raw_string_ostream text{decision.text};
};

} // namespace quipu::llama

#define QUIPU_OPEN_DECISION(...)                                                                                       \
  for (::quipu::llama::OpenDecision openDecision(__VA_ARGS__); openDecision; openDecision.close())                     \
  openDecision.stream()

/// The stream of a decision of the pass DEBUG_TYPE about ops.
#define QUIPU_DECISION(...) QUIPU_OPEN_DECISION(DEBUG_TYPE, {__VA_ARGS__})
/// The stream of a candidate's reason: a verdict, the op that the choice is for, what is chosen, and the candidate.
#define QUIPU_CHOICE(verdict, op, aspect, candidate)                                                                   \
  QUIPU_OPEN_DECISION(DEBUG_TYPE, {op}, ::quipu::llama::Verdict::verdict, aspect, candidate)

#endif // QUIPU_IR_LLAMA_DECISIONS_H
