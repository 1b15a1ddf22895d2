//===- KernelCache.h - Machine code that was made before ---------*- C++ -*-===//
//
// Nearly all the time of a compilation goes into machine code, and most compilations are of kernels that were compiled
// before: of another checkpoint of the same sizes, or with other options that change no kernel. A folder that the user
// names keeps what came out, as a compiler cache for C++ does. What is taken from it is what this compiler would make,
// byte for byte: a name is the hash of all that the code depends on.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_COMPILE_KERNELCACHE_H
#define QUIPU_TOOLS_QUIPU_COMPILE_KERNELCACHE_H

#include "tools/quipu-compile/Options.h"

#include "mlir/IR/BuiltinOps.h"

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::tool {

/// The variable that names the folder. If it is not set, or empty, nothing is kept.
inline constexpr const char *kKernelCacheVariable = "QUIPU_KERNEL_CACHE";

class KernelCache {
public:
  /// Does nothing without the variable, and for options that print what happens while kernels are compiled: then it
  /// must happen. Makes the folder; throws Error if that cannot be done.
  explicit KernelCache(const CompileOptions &options);

  bool isOn() const { return !folder.empty(); }

  /// The name of what this compiler makes of emitted code that is not lowered yet, for a target that `more` describes.
  /// Empty if the cache does nothing.
  std::string keyOf(mlir::ModuleOp code, std::initializer_list<std::string_view> more) const;

  /// What was kept under this name, or nothing. A damaged file counts as none.
  std::optional<std::vector<std::string>> find(const std::string &key) const;

  /// Keeps some texts. If that cannot be done (a full disk), it says so, and the compilation goes on.
  void keep(const std::string &key, const std::vector<std::string> &texts) const;

private:
  std::string pathOf(const std::string &key) const;

  /// Empty if the cache does nothing.
  std::string folder;
  /// Debug information has the lines of the planned module (codegen/common/DebugLines.h), and nothing else of
  /// locations.
  bool withLines;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_COMPILE_KERNELCACHE_H
