//===- Process.h - Starting other programs ---------------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_COMMON_PROCESS_H
#define QUIPU_TOOLS_COMMON_PROCESS_H

#include <optional>
#include <string>
#include <vector>

namespace quipu::tool {

/// The folder of the running program.
std::string ownFolder();

/// Path of another program of Quipu, which lies beside this one. Throws Error, ending in `advice`, when it is not
/// there.
std::string siblingPath(const std::string &name, const std::string &advice);

/// The file that the name of a program stands for, as a shell finds it: a path, or a file in a folder of PATH; empty
/// when there is none that can be run.
std::string findProgram(const std::string &name);

/// How a program ended: by itself, or by a signal (0: none).
struct ProcessEnd {
  int status = 0;
  int signal = 0;
};

/// Runs a program with this one's standard streams and environment, and waits for it. `name` is its argv[0] (programs
/// of Quipu speak in that name). `log`: a file that takes what it prints; empty: none. Throws Error when it cannot be
/// started. When this program is killed, so is that one.
ProcessEnd runProcess(const std::string &path, const std::string &name, const std::vector<std::string> &arguments,
                      const std::string &log = "");

/// Runs a program found on the PATH (or a path) with nothing to read, and returns what it prints on standard output;
/// nothing when there is no such program or its exit status is not 0.
std::optional<std::string> captureProcess(const std::vector<std::string> &command);

} // namespace quipu::tool

#endif // QUIPU_TOOLS_COMMON_PROCESS_H
