//===- InputFiles.h - Files that no output may replace -----------------------*- C++ -*-===//
//
// An output that is an input would destroy what it was made of. Whatever opens a file for reading notes it here,
// whoever opens a model notes its folder, and OutputFile asks. Files are compared by device and inode, so that links,
// other names of a folder, and other spellings where the file system ignores case are seen through.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_SUPPORT_INPUTFILES_H
#define QUIPU_RUNTIME_SUPPORT_INPUTFILES_H

#include <cstddef>
#include <optional>
#include <string>
#include <sys/stat.h>

namespace quipu {

/// Inputs are noted while one of these lives: from the first line of a program's main() to its end. Whoever uses the
/// runtime as a library may write what it has read.
class InputProtection {
public:
  InputProtection();
  ~InputProtection();
  InputProtection(const InputProtection &) = delete;
  InputProtection &operator=(const InputProtection &) = delete;
};

/// A file that is read, by what fstat() says of it. An empty one is not noted: a shell makes it for the output before
/// the program starts.
void noteInput(const std::string &path, const struct stat &status);
/// The same by name; nothing when there is no such file.
void noteInput(const std::string &path);

/// A folder in which a model lies. What models are made of (configs, weights, tokenizers) is an input, read or not. In
/// the folder that is a model as a `whole`, so is everything but what commands write (plans, machine code, assembly,
/// arrays), which they may write again. Content tells these before names do.
void noteModelFolder(const std::string &folder, bool whole);

/// Number of files and folders noted so far.
size_t inputCount();

/// The input that this file is: its name and why it is one, for a message.
std::optional<std::string> findInput(const struct stat &status);
/// The same of files that were read; those that only lie in a model's folder do not count.
std::optional<std::string> findReadInput(const struct stat &status);

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_INPUTFILES_H
