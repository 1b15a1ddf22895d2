//===- DebugLog.h - What passes say of their decisions ----------*- C++ -*-===//
//
//   #define DEBUG_TYPE "llama-fuse-qkv"
//   QUIPU_DEBUG() << describeOp(append) << ": no attention reads the layer";
//
// A line that is printed where --debug-only names the pass. What is behind QUIPU_DEBUG() is not computed otherwise.
//
// LLVM_DEBUG and LDBG are not used: a build with NDEBUG leaves them out of our files, and --debug-only out of LLVM's
// library, which distributions build so. The switch is LLVM's own (DebugSwitch.h), so that --debug-only of an LLVM with
// assertions switches these lines too.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_IR_LLAMA_DEBUGLOG_H
#define QUIPU_IR_LLAMA_DEBUGLOG_H

#include "ir/Llama/DebugSwitch.h"

#include "mlir/IR/Operation.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

#include <functional>
#include <string>

namespace quipu {

/// Switches on the lines of these passes, named as their arguments. `print` gets whole lines, from one thread at a
/// time. Fails where a name is that of no registered pass of Quipu.
llvm::Error switchDebugLog(llvm::ArrayRef<std::string> passes, std::function<void(llvm::StringRef)> print);

/// A line while it is made.
class DebugLine {
public:
  explicit DebugLine(const char *type) { text << type << ": "; }
  ~DebugLine();
  llvm::raw_ostream &stream() { return text; }

private:
  std::string line;
  llvm::raw_string_ostream text{line};
};

namespace llama {
/// "llama.linear of layers.0.self_attn.q_proj"; an op without a place in the model by its location.
std::string describeOp(mlir::Operation *op);
} // namespace llama

} // namespace quipu

/// The stream of a line of this type, and of one of DEBUG_TYPE.
#define QUIPU_DEBUG_OF(type)                                                                                           \
  for (bool isSwitchedOn = ::llvm::DebugFlag && ::quipu::isDebugged(type); isSwitchedOn; isSwitchedOn = false)         \
  ::quipu::DebugLine(type).stream()
#define QUIPU_DEBUG() QUIPU_DEBUG_OF(DEBUG_TYPE)

#endif // QUIPU_IR_LLAMA_DEBUGLOG_H
