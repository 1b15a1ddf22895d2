//===- Startup.h - What a parent hands down, set right -----------------------*- C++ -*-===//

#ifndef QUIPU_TOOLS_COMMON_STARTUP_H
#define QUIPU_TOOLS_COMMON_STARTUP_H

namespace quipu::tool {

/// Call it in the first line of main(). A parent process hands down descriptors and how signals are treated. Some hand
/// down what no program expects:
/// - Descriptors 0 to 2 that are closed are filled. The next file that the program opens would get their numbers, and
///   text would be written into it. Reading and writing them is an error; messages alone are dropped without one.
/// - Signals are not blocked. SIGCHLD is not ignored (the exit status of other programs would be lost), SIGPIPE ends
///   the program, and SIGXFSZ does not: the write that goes beyond the limit is an error with a message.
///
/// From here on files that are read cannot be written (InputFiles.h).
void startProgram();

} // namespace quipu::tool

#endif // QUIPU_TOOLS_COMMON_STARTUP_H
