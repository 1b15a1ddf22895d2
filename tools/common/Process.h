//===- Process.h - Starting other programs ---------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_COMMON_PROCESS_H
#define QUIPU_TOOLS_COMMON_PROCESS_H

#include <optional>
#include <string>
#include <vector>

namespace quipu::tool {

/// The folder of the running program.
std::string ownFolder();

/// Path of another program of Quipu, which lies beside this one. Throws Error that ends with `advice` if it does not
/// exist.
std::string siblingPath(const std::string &name, const std::string &advice);

/// The file of a program, as a shell finds it. `name` is a path, or the name of a file in a folder of PATH. Empty if
/// there is no such file that can be run.
std::string findProgram(const std::string &name);

/// How a program ended: its exit status, and the signal that ended it (0: no signal).
struct ProcessEnd {
  int status = 0;
  int signal = 0;
};

/// Runs a program with this program's standard streams and environment, and waits for it. `name`: its argv[0], which
/// programs of Quipu use in messages. `log`: a file for what it prints; empty: no file. Throws Error if it cannot be
/// started. If this program is killed, the other is killed too.
ProcessEnd runProcess(const std::string &path, const std::string &name, const std::vector<std::string> &arguments,
                      const std::string &log = "");

/// Runs a program (a path, or found on PATH) with empty standard input. Returns what it prints on standard output.
/// Nothing if there is no such program, or its exit status is not 0. What it prints on standard error goes nowhere, or
/// to that of this program if `showsErrors`.
std::optional<std::string> captureProcess(const std::vector<std::string> &command, bool showsErrors = false);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_COMMON_PROCESS_H
