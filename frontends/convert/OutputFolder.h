//===- OutputFolder.h - Folders that appear whole or not at all -------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_CONVERT_OUTPUTFOLDER_H
#define QUIPU_FRONTENDS_CONVERT_OUTPUTFOLDER_H

#include "runtime/support/OutputFile.h"
#include "runtime/support/TemporaryName.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::convert {

/// A new folder with files. Until commit() it has a temporary name, and its files have none: a program that ends before
/// leaves nothing.
class OutputFolder {
public:
  /// Throws Error if there is something of that name, other than an empty folder, or if the system refuses.
  explicit OutputFolder(const std::string &path);
  OutputFolder(const OutputFolder &) = delete;
  OutputFolder &operator=(const OutputFolder &) = delete;

  const std::string &path() const { return target; }

  /// A new file, which the folder commits. The name may begin with that of a folder, which is made.
  OutputFile &add(const std::string &name);
  void addText(const std::string &name, std::string_view text);
  void addCopy(const std::string &name, const std::string &source);

  void commit();

private:
  std::string target;
  std::unique_ptr<TemporaryName> temporary;
  std::vector<std::unique_ptr<OutputFile>> files;
};

} // namespace quipu::convert

#endif // QUIPU_FRONTENDS_CONVERT_OUTPUTFOLDER_H
