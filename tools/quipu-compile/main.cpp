//===- main.cpp - quipu-compile -------------------------------------------===//
//
// The compiler. Users call it as `quipu compile`; it then speaks in that name.
//
//===----------------------------------------------------------------------===//

#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/common/Startup.h"
#include "tools/common/StatusLine.h"
#include "tools/quipu-compile/Compilation.h"
#include "tools/quipu-compile/Options.h"
#include "tools/quipu-compile/Phases.h"

#include "llvm/Support/Signals.h"

#include <cstdlib>
#include <new>
#include <string>
#include <string_view>
#include <unistd.h>

using namespace quipu;
using namespace quipu::tool;

/// Seconds that a crash may take to print its trace.
static constexpr unsigned kTraceSeconds = 20;

static int runCompiler(int argc, char **argv) {
  // `quipu compile` starts this program with this argv[0].
  bool isSubcommand = argc > 0 && std::string_view(argv[0]) == "quipu compile";
  setProgramName(isSubcommand ? "quipu" : "quipu-compile");
  showProgress(isSubcommand ? "quipu" : "quipu-compile");
  std::optional<CompileOptions> options =
      parseCompileOptions({argv + (argc > 0), argv + argc}, isSubcommand ? "quipu compile" : "quipu-compile");
  if (!options)
    return 0;
  if (options->listPhases) {
    for (const std::string &name : phaseNames())
      out().write(name + "\n");
    out().flush();
    return 0;
  }
  // What it prints is part of the reproducer.
  if (options->reproducing) {
    // LLVM would start another program to name the frames. It would leave temporary files behind.
    setenv("LLVM_DISABLE_SYMBOLIZATION", "1", 1);
    // After a crash inside the allocator its lock stays locked, and printing the trace needs memory. The program must
    // end in this case too.
    llvm::sys::AddSignalHandler([](void *) { alarm(kTraceSeconds); }, nullptr);
    llvm::sys::PrintStackTraceOnErrorSignal(argv[0]);
  }
  Compilation(*options).run();
  return 0;
}

int main(int argc, char **argv) {
  startProgram();
  try {
    return runCompiler(argc, argv);
  } catch (const UsageError &error) {
    printError(error.what());
    return 2;
  } catch (const std::bad_alloc &) {
    printError("out of memory");
    return 1;
  } catch (const std::exception &error) {
    printError(error.what());
    return 1;
  }
}
