//===- CompilerEnd.cpp - When a signal ends the compiler ---------------------------------===//

#include "tools/quipu/CompilerEnd.h"
#include "runtime/support/Error.h"
#include "runtime/support/OutputFile.h"
#include "runtime/support/TemporaryFolder.h"
#include "tools/common/CommandLine.h"
#include "tools/common/Console.h"
#include "tools/common/Process.h"
#include "tools/quipu/Command.h"

#include <csignal>
#include <cstring>
#include <filesystem>

namespace fs = std::filesystem;

namespace quipu::tool {

/// "signal 11 (SIGSEGV, Segmentation fault)".
static std::string signalText(int signal) {
  const char *name = sigabbrev_np(signal), *description = sigdescr_np(signal);
  return concat("signal ", signal, name && description ? concat(" (SIG", name, ", ", description, ")") : "");
}

static const char *causeOf(int signal) {
  switch (signal) {
  case SIGKILL:
    return "usually memory had run out, of the machine or of a container, and the system chose this program to end "
           "(its log says so); compile where there is more, or close other programs";
  case SIGINT:
  case SIGTERM:
  case SIGHUP:
  case SIGQUIT:
    return "somebody, or a program that watches over others, asked it to end";
  case SIGXCPU:
    return "a limit on processor time was reached (ulimit -t)";
  case SIGSEGV:
    return "usually a fault of the compiler; a small limit on the stack (ulimit -s) does it too";
  case SIGABRT:
    return "it gave up: what was wrong may stand above; a fault of the compiler, or memory ran out (ulimit -v)";
  case SIGBUS:
    return "usually a file became shorter while it was read, or the disk is failing";
  case SIGSYS:
    return "a sandbox forbids a system call that the compiler makes";
  default:
    return "usually a fault of the compiler";
  }
}

/// Whether the signal came from the program itself. Then the same may happen again.
static bool isCrash(int signal) {
  for (int crash : {SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS})
    if (signal == crash)
      return true;
  return false;
}

/// The command that a person types to do the same.
static std::string commandText(const std::vector<std::string> &arguments) {
  std::string command;
  std::error_code error;
  // The current folder has no name if it was deleted.
  if (fs::path folder = fs::current_path(error); !error)
    command = "cd " + shellWord(folder.string()) + "\n";
  command += "quipu compile";
  for (const std::string &argument : arguments)
    command += " " + shellWord(argument);
  return command + "\n";
}

/// Runs the compiler again to fill the folder with a reproducer: the command, the module after every phase, the last
/// passes and their input, and what the compiler prints. Returns the signal that ended it this time. 0: no signal.
static int writeReproducer(const std::string &folder, const std::vector<std::string> &arguments) {
  std::string command = commandText(arguments);
  OutputFile file(folder + "/command");
  file.write(command.data(), command.size());
  file.commit();
  std::vector<std::string> again = arguments;
  // It stands in front of the arguments: behind "--" it would not be an option.
  again.insert(again.begin(), {"--reproduce", folder});
  return runProcess(compilerPath(), "quipu compile", again, folder + "/messages").signal;
}

void reportCompilerSignal(int signal, const std::vector<std::string> &arguments) {
  // The reader of the pipe has ended. That ends every program of a pipeline without a message, so also this one.
  if (signal == SIGPIPE)
    raise(SIGPIPE);
  std::string text = concat("the compiler was ended by ", signalText(signal), ": ", causeOf(signal));
  if (!isCrash(signal))
    throw Error(text);
  printNote("the compiler crashed; running it once more to write a reproducer");
  std::string reproducer;
  try {
    // A part of a reproducer helps nobody: the folder stays when all is in it.
    TemporaryFolder folder("quipu-crash-");
    int again = writeReproducer(folder.path(), arguments);
    std::string path = folder.keep(), passes = path + "/passes.mlir";
    reproducer = concat("; the reproducer lies in ", path,
                        " (the command, the module after every phase up to the crash, what was printed)",
                        fs::exists(passes) ? "; quipu-opt --run-reproducer " + passes + " runs the passes again" : "",
                        again ? ": please report it with these files" : ", but a second run did not crash");
  } catch (const std::exception &error) {
    reproducer = concat("; no reproducer could be written: ", error.what());
  }
  throw Error(text + reproducer);
}

} // namespace quipu::tool
