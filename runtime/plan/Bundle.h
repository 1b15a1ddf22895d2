//===- Bundle.h - Plan and weights behind another file ----------------------*- C++ -*-===//
//
// A bundle is any base file followed by sections and a trailer at its very end:
//
//     base            a copy of the runtime executable (`--emit executable`), or nothing (`--bundle`)
//     plan            header and payload as in PlanFile.h, at a multiple of kBundleAlignment
//     weight files    one section each, in the order of Plan.files, at multiples of kBundleAlignment
//     directory       BundleSection for each weight file
//     trailer         BundleTrailer
//
// A base of a plan file alone is the case "nothing": the plan then lies at offset 0, so that the bundle is a plan too.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_PLAN_BUNDLE_H
#define QUIPU_RUNTIME_PLAN_BUNDLE_H

#include "runtime/plan/PlanFile.h"
#include "runtime/support/WeightIdentity.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace quipu {

class OutputFile;

/// Sections begin at multiples of so many bytes. So weights have the same alignment in a bundle as in separate files.
inline constexpr uint64_t kBundleAlignment = 4096;

/// Last bytes of a bundle, little-endian.
struct BundleTrailer {
  uint64_t planOffset;
  uint64_t planSize;
  uint64_t directoryOffset;
  uint64_t directorySize;
  /// XXH3-128 of the directory.
  uint8_t directoryHash[16];
  uint64_t reserved; // zero
  char magic[8];     // "QUIPUEN2"
};
static_assert(sizeof(BundleTrailer) == 64);

/// Writes a bundle to `file` and commits it.
/// - `base`: file to copy to the front (the runtime executable: the result is made executable); empty for none. When
///   the base is itself a bundle, only the part before its plan is copied.
/// - `planPayload`: the finished FlatBuffer.
/// - `weightFiles`: paths of the files of Plan.files, in order; empty when the plan has none.
void writeBundle(OutputFile &file, const std::string &base, std::span<const uint8_t> planPayload,
                 const std::vector<std::string> &weightFiles);

/// Where the parts lie in a file that ends with a trailer. Nothing if the file has no trailer. Throws Error if offsets
/// of the trailer lie outside the file, or the directory was altered.
struct BundleLayout {
  ByteRange plan;
  std::vector<BundleSection> files;
};
std::optional<BundleLayout> readBundleLayout(std::span<const uint8_t> file, const std::string &name);

/// If the running executable has a plan (`--emit executable`): its path, for PlanFile::open. Nothing otherwise. Throws
/// Error if the executable was written with a plan that it no longer has. It reads only the last bytes of the file.
/// Call it in the first lines of main().
std::optional<std::string> embeddedPlanPath();

} // namespace quipu

#endif // QUIPU_RUNTIME_PLAN_BUNDLE_H
