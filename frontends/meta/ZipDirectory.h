//===- ZipDirectory.h - Where the entries of a zip archive lie ----*- C++ -*-===//
//
// torch.save writes a zip archive whose entries are stored, not compressed, so that a tensor can be used where it lies.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_FRONTENDS_META_ZIPDIRECTORY_H
#define QUIPU_FRONTENDS_META_ZIPDIRECTORY_H

#include "frontends/common/InputFile.h"

#include <map>
#include <string>

namespace quipu::frontend::meta {

struct ZipDirectory {
  /// By name: the bytes in the file.
  std::map<std::string, ByteRange, std::less<>> entries;
  /// The directory, which is the end of the file.
  ByteRange directory{};
};

/// Throws quipu::Error that begins with the path when the file is no zip archive or is damaged, and when an entry is
/// compressed or encrypted, is there twice, shares bytes with another, leaves the file, or has a name that leads out of
/// a folder.
ZipDirectory readZipDirectory(const InputFile &file);

} // namespace quipu::frontend::meta

#endif // QUIPU_FRONTENDS_META_ZIPDIRECTORY_H
