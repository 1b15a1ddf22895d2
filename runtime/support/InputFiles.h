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

/// Inputs are noted while such an object lives: from the first line of a program's main() to its end. A program that
/// uses the runtime as a library has no such object, and may write what it has read.
class InputProtection {
public:
  InputProtection();
  ~InputProtection();
  InputProtection(const InputProtection &) = delete;
  InputProtection &operator=(const InputProtection &) = delete;
};

/// Notes a file that is read, by its fstat(). Empty files are not noted: a shell makes an empty file for the output
/// before the program starts.
void noteInput(const std::string &path, const struct stat &status);
/// The same by name. Does nothing if there is no such file.
void noteInput(const std::string &path);

/// Notes a folder with a model. Files of models (configs, weights, tokenizers) are inputs, even if they are not read.
/// `whole`: the folder as a whole is the model. Then all its files are inputs, except kinds that commands write (plans,
/// machine code, assembly, arrays): commands may overwrite these. The kind follows from the content first, then from
/// the name.
void noteModelFolder(const std::string &folder, bool whole);

/// Number of files and folders noted so far.
size_t inputCount();

/// If the file is an input: its name and why it is an input, for a message.
std::optional<std::string> findInput(const struct stat &status);
/// The same, but only for files that were read. Files that only lie in a model's folder do not count.
std::optional<std::string> findReadInput(const struct stat &status);

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_INPUTFILES_H
