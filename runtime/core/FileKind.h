//===- FileKind.h - What a file is that is not what it should be -*- C++ -*-===//
//
// Downloads leave other things under the names of a model's files: pointers of Git LFS, pages of a web server, links
// into nowhere. The first bytes tell them, so that a message can name them and say what to do.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_CORE_FILEKIND_H
#define QUIPU_RUNTIME_CORE_FILEKIND_H

#include <cstddef>
#include <string>
#include <string_view>

namespace quipu {

/// As many bytes of a file as the functions below look at.
inline constexpr size_t kFileKindBytes = 512;

/// What the first bytes of a file say that it is, and what to do: "is a Git LFS pointer, not the file itself; run ...".
/// Goes behind "PATH: ". Empty: they are of no kind known here.
std::string describeFileKind(std::string_view head);

/// The same for bytes that stand in the place of a file of any kind: an LFS or annex pointer, a web page, an error as
/// XML, an archive, nothing at all. Empty for everything else, so for every sound model file.
std::string describePlaceholder(std::string_view head);

/// Of a link that leads nowhere: "is a link to TARGET, which is not there; ...". Empty for everything else.
std::string describeDanglingLink(const std::string &path);

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_FILEKIND_H
